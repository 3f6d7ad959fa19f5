"""A request from inside: a batch's line, served like any other, without a socket.

The line goes through the same `serve` as what comes from the network, so it meets admission (class `batch`), decision,
duties, budget and receipt; only the key is known already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from isthmus.core.exchange import Caller
from isthmus.gateway.head import Request


class Inner:
    """A door without a connection: it keeps what is written."""

    def __init__(self) -> None:
        self.reader: Any = None
        self.task: None = None  # whoever asks is in a task already (gateway.errand)
        self.late: Any = None
        self._written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._written.append(data)

    def finish(self, _keep_alive: bool) -> None:
        """Nothing to close."""

    @property
    def answer(self) -> tuple[int, bytes]:
        """Status and body of what was written. It is never chunked, because no line streams."""
        head, _, body = b"".join(self._written).partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]) if head else 500, body


async def ask(
    serve: Callable[[Request, Any], Awaitable[None]], caller: Caller, headers: dict[str, str], path: str, body: bytes
) -> tuple[int, bytes]:
    """Status and body of one request on `caller`'s behalf, in the priority class `batch`."""
    named = {name.encode(): value.encode() for name, value in headers.items()}
    fixed = {b"host": b"inner", b"content-type": b"application/json"}
    request = Request(b"POST", path.encode(), b"", "1.1", {**named, **fixed, b"isthmus-priority": b"batch"})
    request.body = body
    request.length = len(body)
    request.caller = caller
    door = Inner()
    await serve(request, door)
    return door.answer
