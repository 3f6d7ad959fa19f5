"""A real cell: Ray, a real engine, a real model. Long: ISTHMUS_LONG=1, with isthmus[fleet] and smollm2-135m fetched."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from isthmus.core import config
from isthmus.core.config import Config
from isthmus.device import catalogue
from isthmus.device.store import Store
from isthmus.fleet import cell as cells
from isthmus.fleet import ray_cell
from isthmus.fleet.cell import RAY_PORTS
from isthmus.fleet.keeper import board_file
from isthmus.fleet.run import key_file
from isthmus.fleet.watch import EngineLook
from isthmus.routing.probe import Board

LONGEST_S = 900.0  # beyond every limit of the fleet's own: it says what is wrong, not this test's impatience
ENGINES = 64
FILE = """[cell]
ports = [{engines}, {last}]
ray = {ray}

[pool.local]
model = "smollm2-135m"
threads = 1
rules = {{ least = 2, most = 2 }}
"""
pytestmark = pytest.mark.skipif(not os.environ.get("ISTHMUS_LONG"), reason="long: set ISTHMUS_LONG=1")


def free_ports(many):
    """The first of `many` ports in a row on which nobody listens, below those that the kernel gives away."""
    for first in random.sample(range(20000, 32000, 200), 60):
        try:
            for port in range(first, first + many):
                with socket.socket() as listener:
                    listener.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise LookupError(many)


class Running:
    """`isthmus fleet up` in a home of its own, and what its board says."""

    def __init__(self, home):
        self.home = home
        self.folder = home / "run" / "fleet"
        self.environ = os.environ | {"ISTHMUS_HOME": str(home)}
        self.process = None

    def command(self, *words):
        program = [sys.executable, "-m", "isthmus", "fleet", *words]
        return subprocess.run(program, env=self.environ, capture_output=True, text=True, check=False)

    def start(self, *words):
        log = self.home / "up.log"
        with log.open("w") as file:
            program = [sys.executable, "-m", "isthmus", "fleet", *words]
            self.process = subprocess.Popen(program, env=self.environ, stdout=file, stderr=file)

    def replicas(self):
        try:
            return msgspec.json.decode(board_file(self.folder).read_bytes(), type=Board).replicas
        except FileNotFoundError:
            return ()

    def when(self, happened):
        """What `happened` returned once it was true. Fails as soon as the cell has ended."""
        until = time.monotonic() + LONGEST_S
        while not (found := happened()):
            assert time.monotonic() < until, f"it did not happen: {self.said()}"
            try:
                self.process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"the cell has ended: {self.said()}")
        return found

    def said(self):
        """The last words of the keeper and of Ray's own processes."""
        logs = [self.home / "up.log", self.folder / "ray-head.log", self.folder / "ray-node.log"]
        return "\n".join(log.read_text(errors="replace")[-1500:] for log in logs if log.exists())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    pytest.importorskip("ray")
    models = Config(home=config.load().home).models
    if Store(models).path(catalogue.load()["smollm2-135m"]) is None:
        pytest.skip("fetch it first: isthmus models pull smollm2-135m")
    home = tmp_path_factory.mktemp("h")
    (home / "models").symlink_to(models)
    first = free_ports(ENGINES + 2 * RAY_PORTS)
    ray = first + ENGINES
    (home / "fleet.toml").write_text(FILE.format(engines=first, last=ray - 1, ray=ray))
    return home


@pytest.fixture(scope="module")
def cell(home):
    running = Running(home)
    assert running.command("token").returncode == 0
    running.start("up")
    try:
        running.when(lambda: len(running.replicas()) == 2)
        yield running
    finally:
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(LONGEST_S) == 0, running.said()
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
    declared = cells.load(cell.home / "fleet.toml").declared()
    ours = family([cell.process.pid, *ray_cell.processes(cell.folder)])
    lines = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    open_ports = {line.split()[3] for line in lines if ours & {int(pid) for pid in re.findall(r"pid=(\d+)", line)}}
    assert len(open_ports) >= 6
    for address in open_ports:
        host, _, port = address.rpartition(":")
        assert host in ("127.0.0.1", "[::ffff:127.0.0.1]")
        assert int(port) in declared


def test_an_engine_wants_its_key(cell):
    replica = cell.replicas()[0]
    where = (replica.host, replica.port, replica.metrics, replica.names)
    key = key_file(cell.folder).read_text()
    assert cell.when(lambda: EngineLook(key).ask(*where))
    assert EngineLook("wrong").ask(*where) is None


def test_no_secret_stands_on_a_command_line(cell):
    secrets = [key_file(cell.folder).read_bytes(), ray_cell.token_file(cell.folder).read_bytes()]
    for pid in family([cell.process.pid, *ray_cell.processes(cell.folder)]):
        try:
            line = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        except FileNotFoundError:
            continue
        assert not any(secret in line for secret in secrets)


def test_a_number_that_is_ordered_is_reached_and_a_drained_replica_is_replaced(cell):
    assert cell.command("scale", "local", "1").returncode == 0
    cell.when(lambda: len(cell.replicas()) == 1)
    only = cell.replicas()[0].name
    assert cell.command("drain", only).returncode == 0
    cell.when(lambda: len(cell.replicas()) == 1 and cell.replicas()[0].name != only)


def test_status_shows_who_serves(cell):
    def rows():
        return msgspec.json.decode(cell.command("status", "--json").stdout)

    names = [replica.name for replica in cell.replicas()]
    # A busy engine may have no time to say what it does, so it is asked until it says.
    cell.when(lambda: [(row["replica"], row["state"]) for row in rows()] == [(name, "serving") for name in names])
