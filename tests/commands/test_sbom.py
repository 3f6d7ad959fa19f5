import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from isthmus.cli import build, run
from isthmus.commands import sbom
from isthmus.device import catalogue

APP = build(lambda name: name == "sbom")
LOCK = Path(__file__).parents[2] / "requirements" / "run.txt"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def ask(capsys, *words):
    code = run(APP, ["sbom", *words])
    return code, capsys.readouterr()


def bill(capsys, *words):
    code, printed = ask(capsys, "--lock", str(LOCK), *words)
    assert code == 0
    return printed.out


def test_it_keeps_cyclonedx_own_schema_strictly(capsys):
    if find_spec("cyclonedx") is None:
        pytest.skip("cyclonedx-python-lib is not installed (dependency group dev)")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    reader = JsonStrictValidator(SchemaVersion.V1_6)
    text = bill(capsys)
    assert reader.validate_str(text) is None
    assert reader.validate_str(text.replace('"library"', '"lbirary"', 1)) is not None


def test_the_same_installation_gives_the_same_bytes(capsys):
    assert bill(capsys) == bill(capsys)


def test_what_the_gateway_needs_stands_in_it_with_a_licence_and_what_it_needs_in_turn(capsys):
    made = json.loads(bill(capsys))
    by_name = {each["name"]: each for each in made["components"]}
    assert {"uvloop", "httptools", "msgspec", "hyperscan", "cryptography", "starlette", "sqlalchemy", "cffi"} <= set(
        by_name
    )
    assert "pytest" not in by_name
    assert all(each.get("licenses") for each in by_name.values())
    needs = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    assert by_name["cffi"]["purl"] in needs[by_name["cryptography"]["purl"]]
    assert by_name["uvloop"]["purl"] in needs[made["metadata"]["component"]["purl"]]
    known = {each["bom-ref"] for each in made["components"]} | {made["metadata"]["component"]["bom-ref"]}
    assert {ref for refs in needs.values() for ref in refs} <= known


def test_digests_are_those_of_the_lock_for_the_version_that_is_here():
    text = "a-b==1.0 ; python_version < '4' \\\n    --hash=sha256:" + "0" * 64 + " \\\n    --hash=sha256:" + "1" * 64
    digests = sbom.locked(text + "\nc==2 \\\n    --hash=sha256:" + "2" * 64 + "\n")
    assert digests == {("a-b", "1.0"): ["0" * 64, "1" * 64], ("c", "2"): ["2" * 64]}
    packages = {
        "isthmus": sbom.Package("isthmus", "1", "Apache-2.0", ("a-b",)),
        "a-b": sbom.Package("a-b", "1.0", "MIT", ()),
        "c": sbom.Package("c", "3", "MIT", ()),
    }
    made = {each["name"]: each for each in sbom.document(packages, digests, {})["components"]}
    assert [each["value"] for each in made["a-b"]["properties"]] == ["0" * 64, "1" * 64]
    assert "properties" not in made["c"]


def test_a_model_that_is_here_is_named_with_its_digest_and_licence(home, capsys):
    name, entry = next(iter(catalogue.load().items()))
    place = home / "models" / "sha256" / entry.sha256
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        file.truncate(entry.size)
    made = next(each for each in json.loads(bill(capsys))["components"] if each["type"] == "machine-learning-model")
    assert (made["name"], made["hashes"][0]["content"]) == (name, entry.sha256)
    assert made["licenses"][0]["license"]["name"] == entry.licence


def test_licences_are_a_table_or_one_document(capsys):
    code, printed = ask(capsys, "--licences")
    assert code == 0
    assert "uvloop" in printed.out
    code, printed = ask(capsys, "--licences", "--json")
    assert {"name", "version", "licence"} == set(json.loads(printed.out)[0])


def test_a_lock_that_is_not_there_is_said(capsys):
    code, printed = ask(capsys, "--lock", "/nowhere.txt")
    assert code == 2
    assert "/nowhere.txt" in printed.err
