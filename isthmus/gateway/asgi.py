"""Every path that is not hot goes to an ASGI app: pages, consents, receipts, docs.

One request in, one answer out, over the same door. Source: ASGI specification 3.0, "HTTP connection scope".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from isthmus.gateway.door import REASONS, Door
from isthmus.gateway.head import Request

Scope = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Any]], Callable[[MutableMapping[str, Any]], Awaitable[None]]], Awaitable[None]
]


class _Turn:
    """One ASGI request: hands the body in once, and writes what comes out."""

    __slots__ = ("_asked", "_chunked", "_door", "_head", "_request", "ended", "keep_alive")

    def __init__(self, request: Request, door: Door) -> None:
        self._request = request
        self._door = door
        self._asked = False
        self._head: bytes | None = None
        self._chunked = False
        self.ended = False
        self.keep_alive = request.keep_alive

    async def receive(self) -> dict[str, Any]:
        if self._asked:
            await asyncio.Event().wait()  # a caller who leaves cancels the task; nothing else ever arrives
        self._asked = True
        return {"type": "http.request", "body": self._request.body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._head = self._start(message)
        else:
            self._body(message.get("body", b""), more=message.get("more_body", False))

    def _start(self, message: MutableMapping[str, Any]) -> bytes:
        status = message["status"]
        lines = [b"HTTP/1.1 %d %b\r\n" % (status, REASONS.get(status, b"-"))]
        sized = status in (204, 304)
        for name, value in message.get("headers", ()):
            sized = sized or name.lower() == b"content-length"
            lines.append(b"%b: %b\r\n" % (name, value))
        if not sized and self._request.version == "1.1":
            self._chunked = True
            lines.append(b"transfer-encoding: chunked\r\n")
        self.keep_alive = self.keep_alive and (sized or self._chunked)
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _body(self, body: bytes, *, more: bool) -> None:
        if self._request.method == b"HEAD":
            body = b""
        elif self._chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        self.ended = not more
        head, self._head = self._head, None
        self._door.write((head or b"") + body)


async def serve_asgi(app: App, request: Request, door: Door) -> bool:
    """Let `app` answer. Returns whether the connection may be kept."""
    turn = _Turn(request, door)
    path = unquote(request.path.decode("latin-1"))
    scope: Scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": request.version,
        "method": request.method.decode(), "scheme": "http", "path": path, "raw_path": request.path,
        "query_string": request.query, "root_path": "", "headers": list(request.headers.items()),
        "client": None, "server": None,
    }  # fmt: skip
    await asyncio.sleep(0)  # an app needs a task around it, for its threads and deadlines (gateway.errand)
    await app(scope, turn.receive, turn.send)
    return turn.keep_alive and turn.ended
