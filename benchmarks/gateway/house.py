"""What the load benchmarks share: the C upstream, a worker or a node in front of it, and one caller."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

from benchmarks.gateway import quick
from isthmus.core.config import Config
from isthmus.node import Node

PATH = "/v1/chat/completions"


def request(key: str, *, stream: bool = False, fields: str = "", body: bytes | None = None) -> bytes:
    """One whole request with a body of about 1 KB."""
    raw = quick.body(stream=stream) if body is None else body
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n{fields}\r\n"
    )
    return head.encode() + raw


@contextmanager
def worker(*, events: int = 64, pace_ms: int = 0):
    """One worker with every policy on: `port`, `key`, `pid`, `home`."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        target, ours = quick.free_port(), quick.free_port()
        program = [str(quick.upstream(folder)), str(target), str(events), str(pace_ms)]
        stack.enter_context(quick.process(program, 1, target))
        home, key = quick.isthmus_home(folder)
        settings = quick.isthmus_settings(home, ours, target)
        pid = stack.enter_context(quick.process([sys.executable, "-m", "isthmus.worker", str(settings)], 0, ours))
        quick.settle(pid)
        yield SimpleNamespace(port=ours, key=key, pid=pid, home=home, partner=target)


@contextmanager
def node(workers: int = 2):
    """A whole node of several workers: `port`, `key`, `node`."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        target, ours = quick.free_port(), quick.free_port()
        stack.enter_context(quick.process([str(quick.upstream(folder)), str(target)], 1, target))
        home, key = quick.isthmus_home(folder)
        started = Node(
            Config(home=home, port=ours, workers=workers),
            engine=("127.0.0.1", target),
            engine_key="none",
            model="bench",
        )
        started.start()
        try:
            started.wait_ready(60)
            yield SimpleNamespace(port=ours, key=key, node=started)
        finally:
            started.stop()


class Caller:
    """One keep-alive connection that asks and reads whole answers; it reconnects where it was told to close."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, raw: bytes) -> int:
        """Status of the answer, read to its end. Raises OSError, IncompleteReadError when it breaks off."""
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(raw)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            while not (await self._reader.readuntil(b"\r\n")).startswith(b"0\r\n"):
                pass
            await self._reader.readexactly(2)
        else:
            await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if b"connection: close" in head:
            self.leave()
        return int(head[9:12])

    async def abort(self, raw: bytes, after_s: float = 0.0) -> None:
        """Ask, and hang up without reading."""
        self.leave()
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(raw)
        if after_s:
            await asyncio.sleep(after_s)
        writer.transport.abort()

    def leave(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def descriptors(pid: int) -> int:
    """Open file descriptors of one process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of `values` lie; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def clock() -> float:
    return time.monotonic()
