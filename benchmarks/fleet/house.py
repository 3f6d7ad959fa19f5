"""`isthmus up --fleet N` for a measurement: started, waited for, and ended by its own process id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

START_S = 400


@dataclass
class House:
    """What runs: its home folder, port and key."""

    home: Path
    port: int
    key: str

    @property
    def board(self) -> Path:
        return self.home / "run/fleet/board.json"

    def replicas(self) -> list[dict]:
        """Replicas on the board now."""
        try:
            return json.loads(self.board.read_text())["replicas"]
        except (OSError, ValueError):
            return []

    def engine_key(self) -> str:
        return (self.home / "run/fleet/engine.key").read_text()

    def order(self, *words: str) -> None:
        """One `isthmus fleet` command."""
        subprocess.run(
            [sys.executable, "-m", "isthmus", "fleet", *words],
            check=True,
            env=environ(self.home),
            stdout=subprocess.DEVNULL,
        )


def environ(home: Path) -> dict[str, str]:
    return os.environ | {"ISTHMUS_HOME": str(home)}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(home: Path, replicas: int, model: str = "smollm2-135m") -> Iterator[House]:
    """A node with a fleet in `home`, whose models must be there already."""
    port = free_port()
    words = [sys.executable, "-m", "isthmus", "up", "--fleet", str(replicas), "--model", model]
    process = subprocess.Popen([*words, "--port", str(port), "--json"], env=environ(home), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        start = time.monotonic()
        told = json.loads(next(line for line in process.stdout if line.startswith(b"{")))
        if "key" not in told:
            raise SystemExit(f"isthmus up did not start: {told}")
        print(f"up with {replicas} replicas after {time.monotonic() - start:.1f} s", file=sys.stderr)
        yield House(home, port, told["key"])
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(90)
        process.kill()


def busy() -> float:
    """The machine's load average over one minute: figures of a busy machine are figures of a busy machine."""
    return os.getloadavg()[0]
