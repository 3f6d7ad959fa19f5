"""The files of deploy/ against their own schemas and against the code. No container, cluster or systemd is run here."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
import warnings
from importlib.util import find_spec
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (dependency group dev)")
jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed (dependency group dev)")

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "isthmus"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"))
KUBERNETES = "1.30"
GIVEN = [
    {},
    {
        "partnersSecret": "partners",
        "allowFrom": ["apps"],
        "storage": {"size": "1Gi", "className": "fast"},
        "telemetry": {"endpoint": "http://collector:4318"},
        "podLabels": {"isthmus/jurisdiction": "DE"},
    },
]
FLOW = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")


def values():
    return yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def rendered(text, given):
    """The subset of Go templates that this chart uses: values, if, range, toYaml, quote, sha256sum."""

    def find(path):
        found = {"Values": given, "Release": {"Name": "house"}}
        for word in path.strip(".").split("."):
            found = found[word]
        return found

    def flow(lines, dot=None):
        out, at = [], 0
        while at < len(lines):
            line = lines[at]
            opened = re.match(r"\s*\{\{-? (if|range) (\S+) -?\}\}$", line)
            if opened:
                depth, end = 1, at
                while depth:
                    end += 1
                    depth += bool(re.match(r"\s*\{\{-? (if|range) ", lines[end])) - bool(
                        re.match(r"\s*\{\{-? end -?\}\}$", lines[end])
                    )
                body, value = lines[at + 1 : end], find(opened[2])
                rounds = [dot] * bool(value) if opened[1] == "if" else value
                for each in rounds:
                    out += flow(body, each)
                at = end + 1
                continue
            dumped = re.match(r"\s*\{\{- toYaml (\S+) \| nindent (\d+) \}\}$", line)
            if dumped:
                block = yaml.safe_dump(find(dumped[1])).splitlines()
                out += [" " * int(dumped[2]) + each for each in block]
            else:
                out.append(FLOW.sub(lambda m: put(m[1], dot), line))
            at += 1
        return out

    def put(expression, dot):
        word, *pipes = expression.split(" | ")
        value = dot if word == "." else find(word)
        for pipe in pipes:
            value = {"quote": json.dumps, "sha256sum": lambda _: "0" * 64}[pipe](value)
        return str(value)

    return [each for each in yaml.safe_load_all("\n".join(flow(text.splitlines()))) if each]


def test_the_charts_values_keep_its_schema_and_a_wrong_one_does_not():
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(values(), schema)
    for wrong in ({"replicas": 0}, {"more": 1}, {"service": {"type": "Open"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(values() | wrong, schema)


def test_every_value_is_used_and_every_used_value_exists():
    text = "".join(path.read_text("utf-8") for path in TEMPLATES)
    used = set(re.findall(r"\.Values\.([a-z]+)", text, re.IGNORECASE))
    assert used == set(values())


def documents(given):
    return [each for path in TEMPLATES for each in rendered(path.read_text("utf-8"), values() | given)]


def cell():
    return list(yaml.safe_load_all((DEPLOY / "kuberay" / "cell.yaml").read_text("utf-8")))


def believed(document):
    """Against Kubernetes' own schema, strictly: no field that the API does not know."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own loading of schemas
        kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed (dev)")
        kubernetes.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("given", GIVEN)
def test_every_document_of_the_chart_keeps_kubernetes_own_schema(given):
    for document in documents(given):
        believed(document)


def test_a_field_that_kubernetes_does_not_know_is_found():
    document = documents({})[0] | {"immutible": True}
    with pytest.raises(Exception, match="immutible"):
        believed(document)


def test_every_pod_and_policy_of_a_cell_keeps_kubernetes_own_schema():
    by_kind = {each["kind"]: each for each in cell()}
    assert set(by_kind) == {"ConfigMap", "RayCluster", "NetworkPolicy"}
    believed(by_kind["ConfigMap"])
    believed(by_kind["NetworkPolicy"])
    spec = by_kind["RayCluster"]["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": group["template"]["spec"]}
        believed(pod)
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["runAsNonRoot"]
            assert not container["securityContext"]["allowPrivilegeEscalation"]
        assert {"rayStartParams", "template"} <= set(group)


def test_a_cell_lets_in_the_gateways_that_the_chart_makes():
    policy = next(each for each in cell() if each["kind"] == "NetworkPolicy")
    wanted = policy["spec"]["ingress"][1]["from"][0]["podSelector"]["matchLabels"]
    stateful = next(each for each in documents(GIVEN[1]) if each["kind"] == "StatefulSet")
    assert wanted.items() <= stateful["spec"]["template"]["metadata"]["labels"].items()


def test_compose_keeps_the_compose_specification():
    spec = find_spec("check_jsonschema")
    if spec is None:
        pytest.skip("check-jsonschema is not installed (dependency group dev)")
    place = Path(spec.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(place.read_text("utf-8"))
    compose = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
    jsonschema.validate(compose, schema)
    compose["services"]["isthmus"]["read_onyl"] = True
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, schema)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_every_unit(tmp_path):
    for path in (DEPLOY / "systemd").iterdir():
        text = re.sub(r"/opt/isthmus/\.venv/bin/isthmus", "/bin/true", path.read_text("utf-8"))
        (tmp_path / path.name).write_text(text)
    units = sorted(tmp_path.iterdir())
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    mine = [line for line in ran.stderr.splitlines() if "isthmus" in line]
    assert mine == []


@pytest.mark.parametrize("given", GIVEN)
def test_the_chart_renders_into_documents_of_known_kinds(given):
    found = documents(given)
    kinds = [each["kind"] for each in found]
    assert sorted(kinds) == ["ConfigMap", "NetworkPolicy", "PodDisruptionBudget", "Service", "Service", "StatefulSet"]
    for each in found:
        assert each["metadata"]["name"].startswith("house")


def test_a_pod_runs_without_root_on_a_read_only_file_system():
    stateful = next(each for each in documents({}) if each["kind"] == "StatefulSet")
    pod = stateful["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    for container in (*pod["initContainers"], *pod["containers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context["allowPrivilegeEscalation"]
    mounted = {each["name"] for each in pod["containers"][0]["volumeMounts"]}
    claimed = {each["metadata"]["name"] for each in stateful["spec"]["volumeClaimTemplates"]}
    assert mounted <= claimed | {each["name"] for each in pod["volumes"]}
    assert "ISTHMUS_ADMIN_HOST" not in json.dumps(pod)


def test_compose_runs_without_root_powers_and_shows_the_console_to_this_machine_alone():
    compose = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
    house = compose["services"]["isthmus"]
    assert house["read_only"]
    assert house["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in house["ports"])
    assert set(house["depends_on"]) <= set(compose["services"])
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            assert volume.partition(":")[0] in compose["volumes"]
    password = compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${ISTHMUS_DB_PASSWORD:?")


def test_the_container_is_built_from_the_lock_and_runs_as_nobody():
    text = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    assert "--require-hashes --only-binary :all:" in text
    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert re.search(r"^ARG LOCK=run$", text, re.MULTILINE)
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert "requirements" in " ".join(copied)
    for name in " ".join(copied).split():
        assert (DEPLOY.parent / name).exists(), name


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_a_unit_has_its_sections_and_starts_what_exists(path):
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(path)
    assert parser.has_section("Unit")
    if path.suffix == ".service":
        assert parser["Service"]["NoNewPrivileges"] == "true"
        assert parser["Service"]["ProtectSystem"] == "strict"
        assert re.search(r"isthmus (up|backup)\b", parser["Service"]["ExecStart"])


def test_settings_that_the_files_give_are_settings_that_exist():
    from isthmus.commands._problems import SETTINGS

    named = set()
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix in (".yml", ".yaml", ".service", "") and "kuberay" not in path.parts:
            named |= set(re.findall(r"\bISTHMUS_([A-Z_]+)", path.read_text("utf-8")))
    assert named - {"DB_PASSWORD"} <= set(SETTINGS)
