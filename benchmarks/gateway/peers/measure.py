"""What is measured of one gateway, and how. The gateway has core 0; load and upstream share core 1.

CPU is user and system time of the whole process tree over good answers. Delay is that of requests on a schedule
(rate.c), minus the delay of the same schedule straight to the upstream.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gateway import quick

HERE = Path(__file__).parent
PACED = "[paced]"  # in a prompt: its stream comes an event at a time
PACE_MS = 5
EVENTS = 64
_LONGEST_START_S = 60


class NotFair(Exception):
    """A run in which not every answer was good says nothing about cost."""


def build(folder: Path) -> Path:
    """The load generator of open loops."""
    program = folder / "rate"
    subprocess.run(["gcc", "-O2", "-o", str(program), str(HERE / "rate.c")], check=True)
    return program


def body(model: str, *, stream: bool = False, paced: bool = False) -> bytes:
    """The question of bench-quick, about 1 KB, for this model."""
    ask = json.loads(quick.body(stream=stream)) | {"model": model}
    if paced:
        ask["messages"][0]["content"] += PACED
    return json.dumps(ask, separators=(",", ":")).encode()


class Asked:
    """How one gateway is asked: `path`, `headers`, and the three questions written for both load generators."""

    def __init__(self, folder: Path, path: str, model: str, headers: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.headers = {"Content-Type": "application/json", **headers}
        self.bodies = {
            "plain": body(model), "burst": body(model, stream=True), "paced": body(model, stream=True, paced=True)
        }  # fmt: skip
        self._folder = folder

    def lua(self, kind: str) -> Path:
        """For wrk."""
        path = self._folder / f"{kind}.lua"
        lines = [f'wrk.method="POST"\nwrk.body={_quoted(self.bodies[kind].decode())}\n']
        lines += [f"wrk.headers[{_quoted(name)}]={_quoted(value)}\n" for name, value in self.headers.items()]
        path.write_text("".join(lines))
        return path

    def raw(self, kind: str) -> Path:
        """For rate.c: one whole request."""
        path = self._folder / f"{kind}.http"
        raw = self.bodies[kind]
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {len(raw)}\r\n\r\n"
        path.write_bytes(head.encode() + raw)
        return path


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@contextmanager
def started(command: list[str], folder: Path, env: dict[str, str]):
    """A gateway on core 0, what it says in `folder`/said. Yields its process id; ends it and what it started."""
    with (folder / "said").open("wb") as said:
        child = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **env}, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            preexec_fn=quick.pinned(0), start_new_session=True,  # noqa: PLW1509 - no threads here
        )  # fmt: skip
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait(10)


def wait_ready(child: subprocess.Popen[bytes], port: Any, health: str, asked: Asked) -> None:
    """Return when the gateway calls itself healthy and has answered a question. `port()` is 0 while nobody knows it."""
    end = time.monotonic() + _LONGEST_START_S
    while time.monotonic() < end:
        if child.poll() is not None:
            raise NotFair(f"it ended with {child.returncode} while it started")
        if port() and _status(port(), "GET", health, asked) < 500 and _status(port(), "POST", asked.path, asked) == 200:
            return
        time.sleep(0.01)
    raise NotFair(f"no good answer within {_LONGEST_START_S} s")


def _status(port: int, method: str, path: str, asked: Asked) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, asked.bodies["plain"] if method == "POST" else None, asked.headers)
        got = connection.getresponse()
        got.read()
    except (OSError, http.client.HTTPException):
        return 599
    else:
        return got.status
    finally:
        connection.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree, to the microsecond."""
    total = 0
    for each in quick.tree(pid):
        for task in Path(f"/proc/{each}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total * 1e-9


def closed(pid: int, lua: Path, port: int, path: str, seconds: int, connections: int) -> dict[str, float]:
    """As many requests as go through: CPU microseconds for each good answer, and good answers a second."""
    url = f"http://127.0.0.1:{port}{path}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(lua), url]
    before = cpu_seconds(pid)
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=quick.pinned(1)).stdout
    used = cpu_seconds(pid) - before
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said)
    if bad:
        raise NotFair(bad[0])
    good, took = re.search(r"(\d+) requests in ([\d.]+)s", said).groups()
    if not int(good):
        raise NotFair("no answer in time")
    return {"us": used / int(good) * 1e6, "per_s": int(good) / float(took)}


def opened(rate: Path, raw: Path, port: int, per_s: float, seconds: float, pid: int = 0) -> dict[str, float]:
    """Requests on a schedule. With `pid`, `us` is what each good answer costs that process tree."""
    before = cpu_seconds(pid) if pid else 0.0
    command = [str(rate), str(port), f"{per_s:g}", f"{seconds:g}", "128", str(raw)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=quick.pinned(1)).stdout
    found = json.loads(said)
    if found["bad"] or found["good"] < found["due"]:
        word = f", the others with status {found['status']}" if found["status"] else ""
        raise NotFair(f"{found['good']} of {found['due']} that were due had a good answer{word}")
    return found | {"us": (cpu_seconds(pid) - before) / found["good"] * 1e6 if pid else 0.0}
