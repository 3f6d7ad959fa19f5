"""Instructions of one request with every policy on: a figure that does not change with the machine's mood.

    python -m benchmarks.gateway.instructions [--stream [--paced]] [--steps]   needs valgrind; about a minute

One process holds a door and the whole corridor; the caller's and the partner's connection are made of Python objects,
so neither kernel nor network is in the figure; the other threads (the ledger's, whose hashing valgrind does without the
processor's own instructions) are told apart. Valgrind counts what the processor is asked
to do while BURSTS times DOORS requests are answered; given are instructions a request, in all and by library.
`--stream`: a question whose answer comes as 64 events in one burst, or, `--paced`, in READS reads. `--steps`, without
valgrind: how many steps of the interpreter each function takes for one request.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.gateway import quick
from isthmus.core.clock import SystemClock
from isthmus.gateway import upstream
from isthmus.gateway.build import Settings, build
from isthmus.gateway.door import Doors
from isthmus.gateway.serve import Service, body_limit
from isthmus.ledger.accounts import Accounts
from isthmus.worker import settle_memory

DOORS, BURSTS, WARM = 32, 10, 30
READS = 13  # of 64 events, one each 5 ms, when they are read each 25 ms
USAGE = b'{"include_usage":true,"chunk_include_usage":true}'
INSIDE = "--inside"


class Caller:
    """The caller's side of one connection: it keeps the first that is written to it."""

    def __init__(self) -> None:
        self.first = b""

    def write(self, data: bytes) -> None:
        self.first = self.first or data

    def set_write_buffer_limits(self, high: int) -> None: ...

    def abort(self) -> None: ...


class Partner(Caller):
    """The partner's side: whatever it is asked, it gives the same answer, a read with each turn of the loop."""

    def __init__(self, connection: upstream.Connection, reads: list[bytes]) -> None:
        super().__init__()
        self._connection = connection
        self._reads = reads
        self._rest: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._rest = self._reads[::-1]
        asyncio.get_running_loop().call_soon(self._say)

    def _say(self) -> None:
        read = self._rest.pop()
        if self._rest:
            asyncio.get_running_loop().call_soon(self._say)
        self._connection.data_received(read)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Net(upstream.Pool):
    """A pool whose connections lead to a Partner."""

    reads: tuple[bytes, ...] = ()

    async def _open(self, route: object) -> upstream.Connection:
        connection = upstream.Connection(self._loop)
        connection.connection_made(Partner(connection, list(self.reads)))  # type: ignore[arg-type]
        return connection


def cut(said: bytes, reads: int) -> tuple[bytes, ...]:
    """An answer in so many reads, each of them whole events."""
    events = said.split(b"\n\n")
    each = -(-len(events) // reads)
    parts = [b"\n\n".join(events[at : at + each]) for at in range(0, len(events), each)]
    return (*(part + b"\n\n" for part in parts[:-1]), parts[-1])


def answer_of_partner(folder: Path, asked: bytes) -> bytes:
    """What the benchmarks' upstream says, as it lies on the wire; it tells the use of a stream as Ark is asked to."""
    port = quick.free_port()
    asked = asked.replace(b'"stream":true', b'"stream":true,"stream_options":' + USAGE)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(asked)
    with quick.process([str(quick.upstream(folder)), str(port)], 1, port), socket.socket() as wire:
        wire.connect(("127.0.0.1", port))
        wire.sendall(head + asked)
        said = wire.recv(1 << 16)
        while b"chunked" in said and not said.endswith(b"\r\n0\r\n\r\n"):
            said += wire.recv(1 << 16)
        return said


async def serve(folder: Path, count: Callable[[Callable[[], Any]], Any]) -> None:
    """A corridor in `folder`, warm; `count` runs what answers a burst, as often as it likes."""
    home, key = quick.isthmus_home(folder)
    clock, loop = SystemClock(), asyncio.get_running_loop()
    settings = Settings(
        home=str(home), host="127.0.0.1", port=1, shard="bench", engine=("127.0.0.1", 9), engine_key="none",
        model="bench",
    )  # fmt: skip
    corridor = build(settings, Accounts.open(home / "accounts.sqlite", clock), clock, loop)
    net = corridor.pool = Net(loop)
    raw = quick.body(stream="--stream" in sys.argv)
    net.reads = cut(answer_of_partner(folder, raw), READS if "--paced" in sys.argv else 1)
    service = Service(corridor, None)  # type: ignore[arg-type]  # no page is asked for
    doors = Doors(loop, service.serve, body_limit, service.refused)
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    data = head.encode() + raw
    callers = [(doors(), Caller()) for _ in range(DOORS)]
    for door, caller in callers:
        door.connection_made(caller)  # type: ignore[arg-type]

    async def burst() -> None:
        for door, _ in callers:
            door.data_received(data)
        for door, _ in callers:
            if door.task is not None:
                await door.task.over()

    for _ in range(WARM):
        await burst()
    if not callers[0][1].first.startswith(b"HTTP/1.1 200 "):
        raise SystemExit("the corridor does not answer")
    settle_memory()
    corridor.ledger.flush()
    await count(burst)
    corridor.ledger.close()


async def under_valgrind(burst: Callable[[], Any]) -> None:
    await burst()
    callgrind("-i", "on")
    for _ in range(BURSTS):
        await burst()
    callgrind("-d", "")
    os._exit(0)  # what is torn down is no request


def callgrind(*words: str) -> None:
    command = ["callgrind_control", *filter(None, words), str(os.getpid())]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def in_steps(burst: Callable[[], Any]) -> None:
    steps: Counter[str] = Counter()

    def trace(frame: Any, event: str, arg: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode" and "isthmus/" in frame.f_code.co_filename:
            steps[f"{frame.f_code.co_filename.rpartition('isthmus/')[2]} {frame.f_code.co_name}"] += 1
        return trace

    sys.settrace(trace)
    for _ in range(BURSTS):
        await burst()
    sys.settrace(None)
    for name, number in steps.most_common(40):
        print(f"{number / BURSTS / DOORS:8.0f}  {name}")
    print(json.dumps({"steps": round(sum(steps.values()) / BURSTS / DOORS)}))


def by_library(profile: str) -> Counter[str]:
    """Instructions by the library they are in, from callgrind's file (its manual, "Callgrind Format Specification")."""
    names: dict[str, str] = {}
    found: Counter[str] = Counter()
    library, called = "?", False
    for line in profile.splitlines():
        if line.startswith(("ob=", "cob=")):
            key, _, rest = line.partition("=")[2].partition(" ")
            name = names.setdefault(key, rest.rpartition("/")[2])
            if line.startswith("ob="):
                library = name
        elif line.startswith("calls="):
            called = True
        elif re.match(r"[+*\-\d]", line):
            if not called:
                found[library] += int(line.split()[1])
            called = False
    return found


def main() -> None:
    if INSIDE in sys.argv or "--steps" in sys.argv:
        count = in_steps if "--steps" in sys.argv else under_valgrind
        with tempfile.TemporaryDirectory() as name:
            uvloop.run(serve(Path(name), count))
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("not installed here: valgrind")
    with tempfile.TemporaryDirectory() as name:
        profile = Path(name) / "profile"
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
        command.append(f"--callgrind-out-file={profile}")
        program = [sys.executable, "-m", "benchmarks.gateway.instructions", INSIDE, *sys.argv[1:]]
        subprocess.run([*command, *program], check=True, stderr=subprocess.DEVNULL, timeout=600)
        found, *others = [by_library(path.read_text()) for path in sorted(Path(name).glob("profile.1-*"))]
    for library, number in found.most_common(12):
        print(f"{number / BURSTS / DOORS:10.0f}  {library}")
    whole, beside = sum(found.values()), sum(sum(each.values()) for each in others)
    print(json.dumps({"instructions": round(whole / BURSTS / DOORS), "other threads": round(beside / BURSTS / DOORS)}))


if __name__ == "__main__":
    main()
