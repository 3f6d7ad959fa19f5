"""The five doors: in a fresh clone, every fenced command of a door's page is run word for word, in one terminal.

Short: the clone borrows this environment, the house runs already (a scripted stand-in answers), and the device's model is
the small one. ISTHMUS_LONG: everything from nothing, as a reader has it, with the installation and the default model.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path

import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare
from isthmus.web.admin import oidc

sys.path.insert(0, str(Path(__file__).parent))
from standin import StandIn

ROOT = Path(__file__).parents[1]
LONG = bool(os.environ.get("ISTHMUS_LONG"))
DOORS = ["app", "contributor", "device", "lawyer", "operator"]
UP = "make up\n"
MODELS = Path(os.environ.get("ISTHMUS_HOME") or Path.home() / ".isthmus") / "models"


def blocks(door, language="sh"):
    text = (ROOT / "docs" / "doors" / f"{door}.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What `git clone` gives; with this environment as its .venv, unless everything is made from nothing."""
    place = tmp_path_factory.mktemp("fresh") / "isthmus"
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(place)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    if not LONG:
        (place / ".venv").mkdir()
        for each in Path(sys.prefix).iterdir():
            (place / ".venv" / each.name).symlink_to(each)
        for stamp in ("python", "run", "dev"):
            (place / ".venv" / f"{stamp}.stamp").unlink(missing_ok=True)
            (place / ".venv" / f"{stamp}.stamp").touch()
    return place


def settings(config, clone, model):
    hidden = ("VIRTUAL_ENV", "PYTHONHOME", "ISTHMUS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    given = {
        "ISTHMUS_HOME": str(config.home),
        "ISTHMUS_PORT": str(config.port),
        "ISTHMUS_ADMIN_PORT": str(config.admin_port),
    }
    if not LONG:
        given |= {"ISTHMUS_MODEL": str(model), "PYTHONPATH": str(clone)}
    return kept | given


@contextmanager
def standing(config):
    """A house that runs already: `make up` then says where it is, and ends."""
    prepare(config, SystemClock())
    with StandIn() as answers:
        node = Node(config, engine=answers.address, engine_key="k", model="played")
        node.start()
        try:
            node.wait_ready()
            node.wait_control()
            node.announce()
            yield
        finally:
            node.stop()


@contextmanager
def made(config, clone, environ):
    """`make up` itself, in a terminal of its own, until it says that it is ready."""
    with subprocess.Popen(
        ["bash", "-c", UP], cwd=clone, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as terminal:  # fmt: skip
        try:
            said = []
            for line in terminal.stdout:
                said.append(line)
                if "ready" in line:
                    break
            assert terminal.poll() is None, "".join(said)
            yield
        finally:
            os.killpg(terminal.pid, signal.SIGINT)


@pytest.fixture(scope="module")
def terminal(clone, tmp_path_factory, request):
    """run(door): the door's commands, one after the other, in one shell; (exit code, all that was printed)."""
    config = Config(home=tmp_path_factory.mktemp("doors"), port=free_port(), admin_port=free_port())
    if LONG and MODELS.exists():
        (config.home / "models").symlink_to(MODELS)  # fetching 1.1 GB again would test the network alone
    model = None if LONG else request.getfixturevalue("small_model")
    environ = settings(config, clone, model)

    def run(door):
        script = "".join(text for text in blocks(door) if not (LONG and text == UP))
        ran = subprocess.run(
            ["bash", "-eu", "-x", "-c", script], cwd=clone, env=environ, capture_output=True, text=True,
            timeout=1800 if LONG else 300, check=False,
        )  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    with made(config, clone, environ) if LONG else standing(config):
        yield run


@pytest.mark.parametrize("door", DOORS)
def test_a_doors_commands_work_word_for_word_in_a_fresh_clone(terminal, door):
    code, said = terminal(door)
    assert code == 0, said[-5000:]


def test_there_are_five_doors_and_each_has_something_to_run():
    assert sorted(page.stem for page in (ROOT / "docs" / "doors").glob("*.md")) == DOORS
    assert all(blocks(door) for door in DOORS)


def test_every_block_of_a_door_is_either_run_or_read():
    for door in DOORS:
        text = (ROOT / "docs" / "doors" / f"{door}.md").read_text("utf-8")
        assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= {"sh", "toml"}


def test_the_operators_example_of_a_provider_is_one_that_can_be_used(tmp_path):
    (example,) = blocks("operator", "toml")
    (tmp_path / oidc.FILE).write_text(example)
    provider = oidc.load(tmp_path)
    assert provider.back in (ROOT / "docs" / "doors" / "operator.md").read_text("utf-8")
    assert [grant.role for grant in provider.grant] == ["owner", "auditor"]


def test_the_locked_extras_of_the_makefile_are_extras_of_the_package():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    named = set(re.findall(r"--extra (\w+)", (ROOT / "Makefile").read_text("utf-8")))
    assert {"oidc", "otel"} <= named <= set(extras)


def test_every_page_of_the_site_exists_and_links_lead_somewhere():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (dependency group dev)")
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = re.findall(r"[\w/-]+\.md", str(site["nav"]))
    for page in pages:
        assert (ROOT / "docs" / page).exists(), page
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "docs" / page).read_text("utf-8")):
            assert (ROOT / "docs" / page).parent.joinpath(link).exists(), f"{page}: {link}"


def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="mkdocs is not installed (dependency group dev)")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "doors" / "operator.html").exists()


def test_every_row_of_the_comparison_has_its_source_and_isthmus_a_test():
    page = (ROOT / "docs" / "comparison.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ") and "[^1]" not in line]
    assert len(rows) > 15
    items = re.split(r"^- ", page.partition("## Where each cell comes from")[2], flags=re.MULTILINE)[1:]
    for name, isthmus, *rivals in rows:
        assert len(rivals) == 5, name
        assert {isthmus, *rivals} <= {"yes", "no", "part", "?"}, name
        source = next(item for item in items if f"**{name}**" in item)
        tests = re.findall(r"`(tests/[\w/]+\.py)`", source)
        assert isthmus == "no" or tests, name
        assert all((ROOT / each).exists() for each in tests), name
    known = len(list((ROOT / "isthmus" / "partners" / "data").glob("*.toml")))
    assert f"{known} endpoints by name" in page


def test_the_picture_of_the_house_is_what_contracts_and_code_say():
    command = [sys.executable, "docs/architecture.py", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_security_page_is_the_repositorys_own():
    assert (ROOT / "SECURITY.md").read_text("utf-8") == (ROOT / "docs" / "security.md").read_text("utf-8")
