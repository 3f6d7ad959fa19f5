"""A real cell: Ray, a real engine, a real model. Long: ISTHMUS_LONG=1, with isthmus[fleet] and smollm2-135m fetched."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest

from isthmus.core import config
from isthmus.core.config import Config
from isthmus.device import catalogue
from isthmus.device.store import Store
from isthmus.fleet import ray_cell
from isthmus.fleet.cell import Cell
from isthmus.fleet.keeper import board_file
from isthmus.fleet.run import key_file
from isthmus.fleet.watch import EngineLook
from isthmus.routing.probe import Board

START_S = 240.0
pytestmark = pytest.mark.skipif(not os.environ.get("ISTHMUS_LONG"), reason="long: set ISTHMUS_LONG=1")


def wait(until, limit=START_S):
    """What `until` returned once it was true."""
    pause = threading.Event()
    end = time.monotonic() + limit
    while not (found := until()):
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.2)
    return found


class Running:
    """`isthmus fleet up` in a home of its own, and what its board says."""

    def __init__(self, home):
        self.home = home
        self.folder = home / "run" / "fleet"
        self.environ = os.environ | {"ISTHMUS_HOME": str(home)}

    def command(self, *words):
        program = [sys.executable, "-m", "isthmus", "fleet", *words]
        return subprocess.run(program, env=self.environ, capture_output=True, text=True, check=False, timeout=120)

    def replicas(self):
        try:
            return msgspec.json.decode(board_file(self.folder).read_bytes(), type=Board).replicas
        except FileNotFoundError:
            return ()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    pytest.importorskip("ray")
    models = Config(home=config.load().home).models
    if Store(models).path(catalogue.load()["smollm2-135m"]) is None:
        pytest.skip("fetch it first: isthmus models pull smollm2-135m")
    home = tmp_path_factory.mktemp("h")
    (home / "models").symlink_to(models)
    return home


@pytest.fixture(scope="module")
def cell(home):
    running = Running(home)
    assert running.command("token").returncode == 0
    log = (home / "up.log").open("w")
    words = [sys.executable, "-m", "isthmus", "fleet", "up", "--replicas", "2"]
    process = subprocess.Popen(words, env=running.environ, stdout=log, stderr=log)
    running.keeper = process.pid
    try:
        wait(lambda: len(running.replicas()) == 2 or process.poll() is not None)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
        log.close()
        assert ray_cell.processes(running.folder) == []
        shutil.rmtree(ray_cell.socket_folder(running.folder).parent, ignore_errors=True)


def test_without_a_token_nothing_starts(tmp_path):
    refused = Running(tmp_path).command("up")
    assert refused.returncode == 4
    assert "token" in refused.stderr


def family(roots):
    """Process ids of `roots` and of all that descend from them."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                continue
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def test_nothing_listens_beyond_the_declared_addresses(cell):
    ours = family([cell.keeper, *ray_cell.processes(cell.folder)])
    lines = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    open_ports = {line.split()[3] for line in lines if ours & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}}
    assert len(open_ports) >= 6
    for address in open_ports:
        host, _, port = address.rpartition(":")
        assert host in ("127.0.0.1", "[::ffff:127.0.0.1]")
        assert int(port) in Cell().declared()


def test_an_engine_wants_its_key(cell):
    replica = cell.replicas()[0]
    assert EngineLook("wrong").ask(replica.host, replica.port, replica.metrics, replica.names) is None
    key = key_file(cell.folder).read_text()
    assert EngineLook(key).ask(replica.host, replica.port, replica.metrics, replica.names) is not None


def test_no_secret_stands_on_a_command_line(cell):
    secrets = [key_file(cell.folder).read_bytes(), ray_cell.token_file(cell.folder).read_bytes()]
    for pid in family([cell.keeper, *ray_cell.processes(cell.folder)]):
        try:
            line = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except FileNotFoundError:
            continue
        assert not any(secret in line for secret in secrets)


def test_a_number_that_is_ordered_is_reached_and_a_drained_replica_is_replaced(cell):
    assert cell.command("scale", "local", "1").returncode == 0
    wait(lambda: len(cell.replicas()) == 1)
    only = cell.replicas()[0].name
    assert cell.command("drain", only).returncode == 0
    wait(lambda: [each.name for each in cell.replicas()] not in ([], [only]) and len(cell.replicas()) == 1)


def test_status_shows_who_serves(cell):
    rows = msgspec.json.decode(cell.command("status", "--json").stdout)
    assert [row["state"] for row in rows] == ["serving"] * len(rows)
