"""What is delivered is what stands in git, built the same twice, from few parts; and what the hot rooms may never call."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from hashlib import sha256
from importlib import metadata
from pathlib import Path

import pytest

from isthmus.commands import sbom

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HOT = ("gateway", "policy", "routing", "partners", "regions", "core")
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
# Licences that a product under Apache-2.0 may depend on.
FREE = ("apache", "bsd", "mit", "isc", "psf", "python software foundation", "mpl-2.0", "mozilla public license 2.0")
BANNED = {"eval", "exec", "compile", "__import__"}
MODULES = {"subprocess", "pickle", "marshal", "shelve", "ctypes", "pty", "code", "codeop"}
# Why a hot room may name one of MODULES all the same.
ALLOWED = {
    "core/child.py": {"subprocess"},  # the supervisor of `isthmus up`: workers never import it
    "core/memory.py": {"ctypes"},  # malloc_trim and madvise: what a start took goes back
    "core/scanner.py": {"ctypes"},  # the scanning library's own memory, handed over without a copy
    "core/leash.py": {"ctypes", "subprocess"},  # prctl: a child ends with its parent
}
SQL = re.compile(r"^\s*(select|insert|update|delete|drop|create|alter)\s", re.IGNORECASE)


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def tracked():
    try:
        return set(git("ls-files", "isthmus").split("\n")) - {""}
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The wheel, built twice in two folders from the files that git has."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (requirements/build.in)")
    names = [*sorted(tracked()), "pyproject.toml", "README.md", "LICENSE"]
    files = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).exists()}
    made = []
    for number in range(2):
        copy = tmp_path_factory.mktemp(f"source{number}")
        for name, content in files.items():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes(content)
            os.utime(copy / name, (1_000_000 * (number + 1), 1_000_000 * (number + 1)))
        out = tmp_path_factory.mktemp(f"wheel{number}")
        ran = subprocess.run(
            [sys.executable, "-c", BUILD, str(out)], cwd=copy, capture_output=True, text=True, check=True
        )
        made.append(out / ran.stdout.strip().splitlines()[-1])
    return made


def test_the_wheel_is_the_same_when_it_is_built_twice(wheels):
    first, second = (sha256(path.read_bytes()).hexdigest() for path in wheels)
    assert first == second


def test_the_wheel_holds_the_files_of_git_and_nothing_else(wheels):
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == {name for name in tracked() if (ROOT / name).exists()}


def test_no_file_of_the_wheel_runs_when_python_starts(wheels):
    with zipfile.ZipFile(wheels[0]) as wheel:
        assert not [
            name for name in wheel.namelist() if name.endswith((".pth", "sitecustomize.py", "usercustomize.py"))
        ]


def test_the_gateway_needs_at_most_ten_packages():
    assert len(PROJECT["project"]["dependencies"]) <= 10


@pytest.mark.parametrize("file", sorted(path.name for path in (ROOT / "requirements").glob("*.txt")))
def test_every_package_is_locked_by_digest(file):
    text = (ROOT / "requirements" / file).read_text("utf-8")
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*==", text, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert pinned
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def needed():
    """What the gateway's own packages need, and what those need, without extras."""
    found, wanted = set(), [re.split(r"[<>=\[; ]", line)[0] for line in PROJECT["project"]["dependencies"]]
    while wanted:
        name = sbom.normal(wanted.pop())
        if name not in found:
            try:
                about = metadata.distribution(name)
            except metadata.PackageNotFoundError:
                continue  # for another system or Python
            found.add(name)
            wanted += [each for each, extra in sbom.required(about) if not extra]
    return sorted(found)


@pytest.mark.parametrize("name", needed())
def test_every_runtime_package_has_a_licence_that_fits(name):
    said = sbom.licence(metadata.distribution(name)).lower()
    assert any(word in said for word in FREE), said


@pytest.mark.parametrize("name", needed())
def test_no_runtime_package_runs_code_when_python_starts(name):
    files = metadata.distribution(name).files or ()
    assert not [str(file) for file in files if str(file).endswith((".pth", "sitecustomize.py", "usercustomize.py"))]


# What bandit finds at medium severity or above, and why it stays.
KNOWN = {
    ("isthmus/commands/_problems.py", "B104"),  # reads whether the house listens everywhere; it does not listen itself
    ("isthmus/export/markup.py", "B318"),  # a document type is refused first, so there are no entities to expand
    ("isthmus/fleet/ray_cell.py", "B108"),  # a private folder whose owner and mode are checked
    ("isthmus/ledger/prints.py", "B305"),  # single blocks as a keyed function, not a message
}


# The whole package takes half a minute (`make supply`); what meets callers' bytes is read every time.
READ = ["isthmus"] if os.environ.get("ISTHMUS_LONG") else ["isthmus/gateway", "isthmus/web/admin", "isthmus/export"]


def test_bandit_finds_nothing_that_is_not_known_with_its_reason():
    pytest.importorskip("bandit", reason="bandit is not installed (dependency group dev)")
    command = [sys.executable, "-m", "bandit", "-q", "-ll", "-f", "json", "-r", *READ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(ran.stdout)
    assert found["errors"] == []
    assert found["metrics"]["_totals"]["loc"] > 5_000
    known = {each for each in KNOWN if each[0].startswith(tuple(READ))}
    assert {(each["filename"], each["test_id"]) for each in found["results"]} == known


def modules(room):
    return sorted((ROOT / "isthmus" / room).rglob("*.py"))


@pytest.mark.parametrize("room", HOT)
def test_a_hot_room_starts_no_process_and_evaluates_nothing(room):
    for path in modules(room):
        allowed = ALLOWED.get(path.relative_to(ROOT / "isthmus").as_posix(), set())
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in BANNED, f"{path}:{node.lineno} calls {node.func.id}"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                whole = ast.unparse(node.func)
                assert whole not in ("os.system", "os.popen", "os.execv", "os.spawnv", "yaml.load"), (
                    f"{path}:{node.lineno}"
                )
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
                assert not names & MODULES - allowed, f"{path}:{node.lineno} imports {names & MODULES}"
            if isinstance(node, ast.ImportFrom):
                name = (node.module or "").partition(".")[0]
                assert name not in MODULES - allowed, f"{path}:{node.lineno} imports {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "isthmus").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_sql_is_made_of_text(path):
    if path.parts[-2:] == ("ledger", "query.py"):
        return  # DuckDB over a copy, where a person writes the whole query
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
            assert not SQL.match(str(node.values[0].value)) or " " not in str(node.values[0].value).strip(), (
                f"{path}:{node.lineno} builds SQL from text"
            )
        if isinstance(node, ast.Attribute) and node.attr in ("text", "exec_driver_sql"):
            whole = ast.unparse(node)
            assert whole not in ("sa.text", "sqlalchemy.text"), f"{path}:{node.lineno} uses {whole}"
