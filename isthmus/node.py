"""One node: the local engine and the gateway workers of this machine, started, watched and stopped together.

`isthmus up` and the tests run the same Node. State lies in Config.home:

    operator.toml      what only the operator knows         accounts.sqlite   keys and consents
    demo.key           the key that `isthmus up` prints     ledger/           receipts
    owner.token        the console's first owner            regions/          versions of the law that were staged
    models/            the model store                      run/              settings of what runs now, logs, counters
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

import msgspec

from isthmus.core import leash
from isthmus.core.child import Child
from isthmus.core.clock import Clock, SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.core.operator import REHEARSAL_TOML
from isthmus.gateway.build import Settings
from isthmus.ledger.accounts import Accounts
from isthmus.regions import load as region_files
from isthmus.regions.schema import HOUSE_ID
from isthmus.worker import listener

DEMO_TENANT = "demo"
FIRST_REGION = "CN"


class Running(msgspec.Struct, frozen=True):
    """What run/up.json says of the node that runs now."""

    pid: int
    url: str
    model: str
    generation: int = 0  # how often its workers were replaced (`isthmus upgrade`)
    problem: str = ""  # why the last attempt to replace them was given up


class Estate(msgspec.Struct, frozen=True):
    """What one supervisor leaves to the next: descriptors of the listening sockets, and its generation of workers."""

    sockets: list[int]
    admin: int = -1
    generation: int = 0


def prepare(config: Config, clock: Clock) -> str:
    """Make what is missing in the home folder. Returns the demo key, which stays the same between starts."""
    for folder in (config.home, config.run):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not config.operator.exists():
        config.operator.write_text(REHEARSAL_TOML, "utf-8")
    kept = config.home / "demo.key"
    accounts = Accounts.open(config.accounts, clock)
    try:
        if kept.exists():
            secret = kept.read_text("ascii").strip()
            alive = {key.id for key in accounts.list_keys() if not key.revoked_at}
            if secret.split("_")[1] in alive:
                return secret
        regions = tuple(name for name in sorted(region_files.load()) if name != HOUSE_ID)
        _, secret = accounts.create_key(DEMO_TENANT, regions, FIRST_REGION)
    finally:
        accounts.close()
    write_private(kept, secret.encode())
    return secret


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only this user can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)


class Node:
    """`config.workers` gateway workers on one port, in front of the engine at `engine` with `engine_key`.

    `fleet`: the board of a fleet that takes the engine's place (isthmus.gateway.replicas). `estate`: what a supervisor
    that runs leaves to this one.
    """

    def __init__(
        self,
        config: Config,
        *,
        engine: tuple[str, int],
        engine_key: str,
        model: str,
        fleet: str = "",
        estate: Estate | None = None,
    ) -> None:
        self._fleet = fleet
        self.config = config
        self.model = model
        self._engine = engine
        self._engine_key = engine_key
        self._estate = estate
        self._children: list[Child] = []
        self._sockets: list[socket.socket] = []
        self._admin: socket.socket | None = None
        self._generation = estate.generation + 1 if estate is not None else 0
        self._changing = threading.Lock()
        self._posts = threading.Lock()  # who stands where: a dying worker and an upgrade never meet in it
        self._spare: Child | None = None
        self._shard: dict[Child, str] = {}  # whose part of the ledger, and whose files in run/, are whose
        self._control: Child | None = None
        self._clock = SystemClock()
        self._pause = threading.Event()

    @property
    def admin_url(self) -> str:
        """Where the console is; "" when there is none."""
        return admin_url(self.config)

    @property
    def url(self) -> str:
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        return f"{'https' if self.config.tls_cert else 'http'}://{host}:{self.config.port}"

    def start(self) -> None:
        """Start the workers. Raises Refusal usage when the port is taken."""
        if self._estate is not None:
            self._sockets = [socket.socket(fileno=each) for each in self._estate.sockets]
        elif answers(self.config.host, self.config.port):
            raise Refusal("usage", reason=f"Something else listens on port {self.config.port}: set ISTHMUS_PORT.")
        elif leash.mode() == "exec":  # else a watch stands between, and each worker opens the port itself
            self._sockets = [listener(self.config.host, self.config.port) for _ in range(self.config.workers)]
        self._children = self._start_workers()
        if self.config.admin_port and self._estate is None:
            self.start_control()

    @property
    def estate(self) -> Estate:
        """What a supervisor that takes over needs of this one; it inherits the descriptors."""
        admin = self._admin.fileno() if self._admin is not None else -1
        return Estate([each.fileno() for each in self._sockets], admin, self._generation)

    def _settings(self, shard: str, number: int = -1) -> Settings:
        """What the worker at socket `number` reads at its start; -1: the spare one."""
        return Settings(
            home=str(self.config.home),
            host=self.config.host,
            port=self.config.port,
            shard=shard,
            engine=self._engine,
            engine_key=self._engine_key,
            model=self.model,
            ready=str(self._file(shard, "ready")),
            tls_cert=self.config.tls_cert,
            tls_key=self.config.tls_key,
            fleet=self._fleet,
            listen_fd=self._sockets[number].fileno() if self._sockets and number >= 0 else -1,
            spare=number < 0,
        )

    def _file(self, shard: str, kind: str) -> Path:
        return self.config.run / f"{shard}.{kind}"

    def _start_workers(self) -> list[Child]:
        return [self._launch(number) for number in range(self.config.workers)]

    def _launch(self, number: int = -1) -> Child:
        """Start the worker at socket `number`; -1: the spare one, which cannot know yet which it will serve.

        It takes the first name that no living worker has. Two generations live side by side for a while, so their
        names differ; one who takes a dead worker's name takes over its part of the ledger.
        """
        taken = set(self._shard.values())
        names = (f"{'wu'[self._generation % 2]}{count}" for count in range(len(taken) + 1))
        shard = next(name for name in names if name not in taken)
        self._file(shard, "ready").unlink(missing_ok=True)
        path = self._file(shard, "json")
        write_private(path, msgspec.json.encode(self._settings(shard, number)))
        child = Child(
            worker_command(path),
            log=self._file(shard, "log"),
            pass_fds=[each.fileno() for each in self._sockets],
            instead=lambda: self._replace(child),
        )
        self._shard[child] = shard
        child.start()
        return child

    def start_spare(self) -> None:
        """Start the spare worker, where the config wants one: it does all but listen, until somebody dies."""
        if self.config.spare:
            self._spare = self._launch()

    @property
    def spare_ready(self) -> bool:
        """Whether a spare worker waits."""
        return self._spare is not None and self._file(self._shard[self._spare], "ready").exists()

    def _replace(self, dead: Child) -> bool:
        """Put the spare worker in the place of one that died. False when it was no worker, or none is ready."""
        with self._posts:
            if dead is self._spare:
                self._file(self._shard[dead], "ready").unlink(missing_ok=True)
            spare = self._spare
            if dead not in self._children or spare is None or not self.spare_ready:
                return False
            number = self._children.index(dead)
            shard = self._shard[spare]
            write_private(self._file(shard, "json"), msgspec.json.encode(self._settings(shard, number)))
            spare.tell(signal.SIGUSR1)
            self._children[number] = spare
            del self._shard[dead]
            self.start_spare()
        return True

    def end_spare(self) -> None:
        """End the spare worker."""
        with self._posts:
            spare, self._spare = self._spare, None
        if spare is not None:
            self._end([spare])

    def _end(self, workers: list[Child]) -> None:
        """Drain all `workers` at the same time; their names are free when they are gone."""
        end(workers)
        for child in workers:
            shard = self._shard.pop(child, "")
            if shard:
                self._file(shard, "ready").unlink(missing_ok=True)

    def start_control(self) -> None:
        """The control process beside the workers. Raises Refusal usage when its port is taken."""
        config = self.config
        if self._admin is not None:
            pass  # it had a control process before
        elif self._estate is not None and self._estate.admin >= 0:
            self._admin = socket.socket(fileno=self._estate.admin)
        elif answers(config.admin_host, config.admin_port):
            raise Refusal(
                "usage", reason=f"Something else listens on port {config.admin_port}: set ISTHMUS_ADMIN_PORT."
            )
        elif leash.mode() == "exec":
            self._admin = listener(config.admin_host, config.admin_port)
        fds = [self._admin.fileno()] if self._admin is not None else []
        settings = {
            "home": str(config.home),
            "host": config.admin_host,
            "port": config.admin_port,
            "url": self.url,
            "workers": config.workers,
            "ready": str(config.run / "control.ready"),
            "tls_cert": config.tls_cert,
            "tls_key": config.tls_key,
            "listen_fd": fds[0] if fds else -1,
        }
        (config.run / "control.ready").unlink(missing_ok=True)
        path = config.run / "control.json"
        write_private(path, msgspec.json.encode(settings))
        command = [sys.executable, "-m", "isthmus.control", str(path)]
        self._control = Child(command, log=config.run / "control.log", pass_fds=fds)
        self._control.start()

    def end_control(self) -> None:
        """End the control process; its socket stays open."""
        if self._control is not None:
            self._control.stop(grace_s=5.0)
            self._control = None

    def wait_control(self, timeout_s: float = 30.0) -> None:
        """Wait until the control process listens. Raises Refusal usage after `timeout_s` seconds, naming its log."""
        end = self._clock.monotonic() + timeout_s
        while self._control is not None and not (self.config.run / "control.ready").exists():
            if self._clock.monotonic() > end or self._control.restarts > 2:
                raise Refusal("usage", reason=f"The control process did not start; see {self.config.run}/control.log")
            self._pause.wait(0.02)

    def wait_ready(self, timeout_s: float = 30.0) -> None:
        """Wait until every worker listens. Raises Refusal internal after `timeout_s` seconds, naming the log."""
        end = self._clock.monotonic() + timeout_s
        late = [self._shard[child] for child in self._children]
        while late := [shard for shard in late if not self._file(shard, "ready").exists()]:
            if self._clock.monotonic() > end or any(child.restarts > 2 for child in self._children):
                raise Refusal("usage", reason=f"A worker did not start; see {self._file(late[0], 'log')}")
            self._pause.wait(0.02)

    def announce(self, problem: str = "") -> None:
        """Say in run/up.json that this node runs."""
        running = Running(pid=os.getpid(), url=self.url, model=self.model, generation=self._generation, problem=problem)
        write_private(self.config.run / "up.json", msgspec.json.encode(running))

    def reload(self) -> None:
        """Let every worker read the law anew, without dropping a request."""
        for child in self._children:
            child.tell(signal.SIGHUP)
        if self._spare is not None:
            self._spare.tell(signal.SIGHUP)

    def upgrade(self, timeout_s: float = 60.0) -> None:
        """Replace every worker by one that reads the code and the environment as they are now; no request is dropped.

        The new ones take callers from the same sockets as soon as they are ready; then the old ones drain. When one
        does not get ready in `timeout_s` seconds, all new ones are ended and the old ones stay.
        """
        with self._changing:
            self.end_spare()
            with self._posts:
                old, self._generation = self._children, self._generation + 1
                self._children = self._start_workers()
            try:
                self.wait_ready(timeout_s)
            except Refusal as refusal:
                with self._posts:
                    new, self._children, self._generation = self._children, old, self._generation - 1
                self._end(new)
                self.announce(refusal.sentence())
            else:
                self.announce()
                self._end(old)
            self.start_spare()

    def stop(self, *, leaves: bool = True) -> None:
        """Drain and end the workers. `leaves`: nobody took over, so that run/up.json goes too."""
        self.end_spare()
        self._end(self._children)
        self.end_control()  # last: it sends on what the workers wrote while they drained
        for sock in (*self._sockets, *([self._admin] if self._admin is not None else [])):
            sock.close()
        if leaves:
            (self.config.run / "up.json").unlink(missing_ok=True)


def end(workers: list[Child]) -> None:
    """Drain all `workers` at the same time, and wait until they are gone."""
    threads = [threading.Thread(target=child.stop, kwargs={"grace_s": 35.0}) for child in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def admin_url(config: Config) -> str:
    """Where the console of a node with this config is; "" when it has none."""
    host = f"[{config.admin_host}]" if ":" in config.admin_host else config.admin_host
    scheme = "https" if config.tls_cert else "http"
    return f"{scheme}://{host}:{config.admin_port}" if config.admin_port else ""


def worker_command(settings: Path) -> list[str]:
    return [sys.executable, "-m", "isthmus.worker", str(settings)]


def running(config: Config) -> Running | None:
    """The node that runs from this home now, if any."""
    try:
        found = msgspec.json.decode((config.run / "up.json").read_bytes(), type=Running)
        os.kill(found.pid, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if answers(config.host, config.port) else None


def answers(host: str, port: int) -> bool:
    """Whether anything listens there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True
