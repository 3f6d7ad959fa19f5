"""The five doors: every fenced command of a door's page is run, word for word, against a house that runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare

sys.path.insert(0, str(Path(__file__).parent))
from standin import StandIn

ROOT = Path(__file__).parents[1]
DOORS = sorted((ROOT / "docs" / "doors").glob("*.md"))
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in DOORS
    for number, text in enumerate(BLOCK.findall(page.read_text("utf-8")), 1)
]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    config = Config(home=tmp_path_factory.mktemp("doors"), port=free_port(), admin_port=free_port())
    prepare(config, SystemClock())
    with StandIn() as answers:
        node = Node(config, engine=answers.address, engine_key="k", model="played")
        node.start()
        try:
            node.wait_ready()
            node.wait_control()
            node.announce()
            yield config
        finally:
            node.stop()


def test_there_are_five_doors_and_each_has_something_to_run():
    assert [page.stem for page in DOORS] == ["app", "contributor", "device", "lawyer", "operator"]
    assert {param.id.rpartition("-")[0] for param in BLOCKS} == {page.stem for page in DOORS}


@pytest.mark.parametrize("text", BLOCKS)
def test_a_doors_commands_work_word_for_word(house, text):
    environ = os.environ | {
        "ISTHMUS_HOME": str(house.home),
        "ISTHMUS_PORT": str(house.port),
        "ISTHMUS_ADMIN_PORT": str(house.admin_port),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    ran = subprocess.run(
        ["bash", "-eu", "-c", text], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_page_of_the_site_exists_and_links_lead_somewhere():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (dependency group dev)")
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = re.findall(r"[\w/-]+\.md", str(site["nav"]))
    for page in pages:
        assert (ROOT / "docs" / page).exists(), page
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "docs" / page).read_text("utf-8")):
            assert (ROOT / "docs" / page).parent.joinpath(link).exists(), f"{page}: {link}"


def test_the_picture_of_the_house_is_what_contracts_and_code_say():
    command = [sys.executable, "docs/architecture.py", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_the_security_page_is_the_repositorys_own():
    assert (ROOT / "SECURITY.md").read_text("utf-8") == (ROOT / "docs" / "security.md").read_text("utf-8")
