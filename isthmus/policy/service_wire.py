"""The wire to one moderation service: HTTP/1.1 over connections that are kept, and one call at a time on each.

Rules of this room:
1. A call that is cancelled closes its connection: nothing of it goes on, neither here nor on the way.
2. A kept connection may have died meanwhile; a call that heard no byte over one is made once more, over a new one.
3. At most CALLS at once per service; whoever comes later waits, within its own deadline.
4. No redirect is followed, and no answer longer than LARGEST is read. Whatever goes wrong is a JudgeError.
Source: RFC 9112, 6.3 (how long an answer is), 9.3 (kept connections).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

import httptools

from isthmus.policy.judge import JudgeError

CALLS = 64
LARGEST = 1 << 20
IDLE_S = 20.0  # shorter than the usual server's patience, so that a kept connection is mostly alive
_OK = 200
_PORTS = {"https": 443, "http": 80}


class Wire:
    """Calls to the host of `address`."""

    def __init__(self, address: SplitResult) -> None:
        self._host = address.hostname or ""
        self._port = address.port or _PORTS[address.scheme]
        self._name = address.netloc
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self._idle: list[_Connection] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = asyncio.Semaphore(CALLS)

    async def post(self, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """The body of the answer to one POST. Raises JudgeError: nobody there, no 200, or not HTTP."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what was kept belongs to a loop that is gone
            self._loop, self._idle, self._turns = loop, [], asyncio.Semaphore(CALLS)
        lines = {"host": self._name, **headers, "content-length": str(len(body)), "accept-encoding": "identity"}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body
        async with self._turns:
            connection = self._kept()
            if connection is not None:
                try:
                    return await self._call(connection, request)
                except JudgeError:
                    if connection.began:
                        raise
            return await self._call(await self._open(loop), request)

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.take():
                return connection
        return None

    async def _open(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        name = self._host if self._tls is not None else None
        try:
            _, connection = await loop.create_connection(
                lambda: _Connection(loop), self._host, self._port, ssl=self._tls, server_hostname=name
            )
        except OSError as error:
            raise JudgeError(type(error).__name__) from None
        return connection

    async def _call(self, connection: _Connection, request: bytes) -> bytes:
        whole = False
        try:
            status, body, keep = await connection.ask(request)
            whole = keep
        finally:
            if whole:
                connection.rest()
                self._idle.append(connection)
            else:
                connection.abort()
        if status != _OK:
            raise JudgeError(f"status {status}")
        return body

    def close(self) -> None:
        """Let go of every connection that is kept."""
        for connection in self._idle:
            connection.abort()
        self._idle.clear()


class _Connection(asyncio.Protocol):
    """One connection, and the one call that is on it. `began`: an answer to it has begun to arrive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self._done: asyncio.Future[tuple[int, bytes, bool]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._size = 0
        self._framed = self._complete = self._keep = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self.began = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes, bool]]:
        """Send; then the status, the body, and whether the connection may be used again."""
        done = self._done = self._loop.create_future()
        self._body.clear()
        self._size = 0
        self._framed = self._complete = self.began = False
        if self._closed:
            self._fail("ConnectionResetError")
        else:
            self._transport.write(request)
        return done

    def rest(self) -> None:
        """Wait, for a while, to be used again."""
        self._timer = self._loop.call_later(IDLE_S, self.abort)

    def take(self) -> bool:
        """Whether it is still there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return not self._closed

    def abort(self) -> None:
        self._closed = True
        self._done = None
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._done is None:
            self.abort()  # an answer to no call
            return
        self.began = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(type(error).__name__)
            return
        if self._size > LARGEST:
            self._fail("an answer that is too long")
        elif self._complete:
            self._tell(keep=self._keep)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_body(self, data: bytes) -> None:
        self._size += len(data)
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._parser.get_status_code() >= _OK  # others are interim (RFC 9110, 15.2)
        self._keep = self._parser.should_keep_alive()  # llhttp forgets the framing with the next byte

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._done is None:
            return
        if exc is None and self._size and not self._framed:
            self._tell(keep=False)  # RFC 9112, 6.3 rule 8: the end of the connection ends it
        else:
            self._fail("ConnectionResetError")

    def _tell(self, *, keep: bool) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_result((self._parser.get_status_code(), b"".join(self._body), keep))

    def _fail(self, reason: str) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_exception(JudgeError(reason))
