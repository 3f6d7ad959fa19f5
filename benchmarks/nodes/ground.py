"""Where it is played: two network namespaces on one bridge, and beside the bridge PostgreSQL and Valkey.

    10.213.77.1   this process, PostgreSQL, Valkey          10.213.77.2   node a          10.213.77.3   node b

A node is a process tree in a namespace of its own; killing it means SIGKILL for every process there at once. Everything
that is made here is taken away again, whatever happens.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import servers  # noqa: E402 - the tests' own PostgreSQL and Valkey

from isthmus.core.clock import SystemClock  # noqa: E402
from isthmus.core.config import Config  # noqa: E402
from isthmus.core.operator import REHEARSAL_TOML  # noqa: E402
from isthmus.ledger.accounts import Accounts  # noqa: E402
from isthmus.node import prepare  # noqa: E402

NET = "10.213.77"
HERE = f"{NET}.1"
PORT = 8080
REGIONS = ("SG", "CN", "EU")
START_S = 120.0


def ip(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


def refuse_without_rights() -> None:
    """End with a clear word where network namespaces cannot be made."""
    if shutil.which("ip") is None:
        raise SystemExit("This needs the program `ip` (package iproute2) to make network namespaces.")
    if os.geteuid() != 0:
        raise SystemExit("This makes two network namespaces, which only root may: run it as root.")
    name = f"isth-try-{os.getpid()}"
    tried = ip("netns", "add", name, check=False)
    if tried.returncode:
        raise SystemExit(f"This machine lets root make no network namespace: {tried.stderr.strip()}")
    ip("netns", "del", name)


class House:
    """One node's machine: a namespace, an address, a home on a disk that outlives both."""

    def __init__(self, name: str, number: int, bridge: str, folder: Path) -> None:
        self.name = name
        self.host = f"{NET}.{number}"
        self.home = folder / name
        self.space = f"{bridge}{name}"
        self.url = f"http://{self.host}:{PORT}"
        self.admin = f"http://{self.host}:{PORT + 1}/admin/v1"
        self._bridge = bridge
        self._folder = folder
        self.process: subprocess.Popen | None = None

    @property
    def config(self) -> Config:
        return Config(home=self.home, host=self.host, port=PORT, admin_host=self.host, admin_port=PORT + 1, spare=True)

    def connect(self) -> None:
        """Make the namespace and its cable to the bridge."""
        inside, outside = "eth0", f"{self._bridge}{self.name}"
        ip("netns", "add", self.space)
        ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.space)
        ip("link", "set", outside, "master", self._bridge, "up")
        for words in (
            ("addr", "add", f"{self.host}/24", "dev", inside),
            ("link", "set", inside, "up"),
            ("link", "set", "lo", "up"),
        ):
            ip("-n", self.space, *words)

    def start(self) -> None:
        """Start the node in its namespace; `until_ready` waits for it."""
        command = ["ip", "netns", "exec", self.space, sys.executable, "-m", "benchmarks.nodes.node", str(self.home)]
        with (self._folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen([*command, self.host], cwd=ROOT, stdout=log, stderr=log)

    def until_ready(self, *, spare: bool = True) -> None:
        """Wait until gateway and console answer, and until a spare worker waits."""
        end = time.monotonic() + START_S
        while not (self.healthy() and (not spare or (self.home / "run" / "spare").exists())):
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit((self._folder / f"{self.name}.log").read_text())
            time.sleep(0.1)

    def healthy(self) -> bool:
        """Whether gateway and console answer."""
        try:
            for url in (f"{self.url}/health", f"{self.admin}/openapi.json"):
                urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def pids(self) -> list[int]:
        """Every process in the namespace."""
        return [int(pid) for pid in ip("netns", "pids", self.space, check=False).stdout.split()]

    def kill(self) -> None:
        """The machine is gone: SIGKILL for all its processes, and no cable any more."""
        (self.home / "run" / "spare").unlink(missing_ok=True)
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.unplug()

    def stop(self) -> None:
        """Drain and end the node."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def unplug(self) -> None:
        ip("netns", "del", self.space, check=False)


class Ground:
    """Two houses, their servers, and the accounts that both share."""

    def __init__(self, houses: list[House], postgres: servers.Postgres, valkey: servers.Valkey, url: str) -> None:
        self.houses = houses
        self.postgres = postgres
        self.valkey = valkey
        self.leases = (houses[0].home / "leases.url").read_text()
        self.accounts = Accounts(url, (houses[0].home / "accounts.pepper").read_bytes(), SystemClock())

    def restart_valkey(self, away_s: float) -> None:
        """SIGKILL, and a while later a start from its append-only file."""
        self.valkey.process.kill()
        self.valkey.process.wait()
        time.sleep(away_s)
        self.valkey.process = self.valkey.start()

    def pause_postgres(self, seconds: float) -> None:
        """Stop all its processes for a while: it is there, and does not answer."""
        paused = family(self.postgres.process.pid)
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            for pid in paused:
                os.kill(pid, signal.SIGCONT)

    def call(self, house: House, method: str, path: str, body: object = None) -> dict:
        """The owner's hand on one node's admin API."""
        token = (house.home / "owner.token").read_text()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(house.admin + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"{}")


def family(pid: int) -> list[int]:
    """A process and everything it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


@contextmanager
def ground():
    """Everything, running; taken away at the end."""
    refuse_without_rights()
    bridge = f"is{os.getpid() % 10**6}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isthmus-nodes-")))
        stack.callback(ip, "link", "del", bridge, check=False)
        ip("link", "add", bridge, "type", "bridge")
        ip("addr", "add", f"{HERE}/24", "dev", bridge)
        ip("link", "set", bridge, "up")
        try:
            postgres = stack.enter_context(servers.running(servers.Postgres, listen=HERE, durable=True))
            valkey = stack.enter_context(servers.running(servers.Valkey, listen=HERE))
        except pytest.skip.Exception as missing:
            raise SystemExit(str(missing)) from None
        houses = [House(name, number, bridge, folder) for number, name in enumerate("ab", 2)]
        furnish(houses, postgres.new(), valkey.new())
        url = (houses[0].home / "accounts.url").read_text()
        made = Ground(houses, postgres, valkey, url)
        stack.callback(made.accounts.close)
        for house in houses:
            stack.callback(house.unplug)
            stack.callback(house.stop)
            house.connect()
            house.start()
        for house in houses:
            house.until_ready()
        yield made


def furnish(houses: list[House], url: str, leases: str) -> None:
    """Homes that share accounts, pepper and leases. An answer ends when its receipt is on the disk."""
    pepper = None
    for house in houses:
        house.home.mkdir(mode=0o700)
        (house.home / "accounts.url").write_text(url)
        (house.home / "leases.url").write_text(leases)
        (house.home / "operator.toml").write_text(REHEARSAL_TOML.replace('ack = "queued"', 'ack = "durable"'))
        if pepper is not None:
            (house.home / "accounts.pepper").write_bytes(pepper)
        prepare(house.config, SystemClock())
        pepper = (house.home / "accounts.pepper").read_bytes()
