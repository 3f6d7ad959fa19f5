"""Upstream: pooled keep-alive connections to those who answer.

Rules of this room:
1. An address comes from a Route, never from a caller. A name is resolved when a connection is made and verified by TLS.
2. One request at a time per connection. A streamed body goes straight from the read to its sink, without waking a task.
3. Every wait has a deadline: to connect, to the first content, between events. A sweep enforces them.
4. Failure is one of four words, and no upstream text goes further than this file: unavailable, timeout, lost, broken.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable
from socket import SO_RCVBUF, SOL_SOCKET
from typing import Any, Protocol

import httptools

from isthmus.core.decision import Route
from isthmus.gateway.errand import Errand, wait
from isthmus.gateway.sips import SIP, Sips, sip

CONNECT_SECONDS = 5.0
FIRST_BYTE_SECONDS = 120.0
BETWEEN_SECONDS = 60.0
WAITS = (FIRST_BYTE_SECONDS, BETWEEN_SECONDS, FIRST_BYTE_SECONDS)
IDLE_SECONDS = 55.0
BODY_LIMIT = 16 << 20
ENGINE_PATIENCE = 30.0  # a local engine that restarts is worth waiting for
POOL_LIMIT = 256
READ_AHEAD = 32 << 10  # bytes that the kernel reads ahead of a slow caller; it takes as much again for itself
_FINAL = 200  # statuses below are interim
_NEVER = float("inf")
_NONE: dict[bytes, bytes] = {}


class UpstreamError(Exception):
    """`word`: unavailable (nothing was sent or nothing came back), timeout, lost (broke off), broken (not HTTP)."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Sink(Protocol):
    """Where a streamed body goes. `feed` runs inside the read and must not raise for content."""

    def feed(self, data: bytes) -> None: ...


class Answer:
    """Status, headers (lower-case names) and the body, whole; `streamed` when the body went to the sink."""

    __slots__ = ("body", "headers", "status", "streamed")

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes, streamed: bool) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.streamed = streamed


class Connection(asyncio.Protocol):
    """One connection to one endpoint. `on_header` and `on_body` are built-in methods: llhttp calls C, not Python."""

    __slots__ = (
        "_between",
        "_body",
        "_closed",
        "_complete",
        "_done",
        "_fields",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_resting",
        "_room",
        "_sink",
        "_sips",
        "_size",
        "_streaming",
        "deadline",
        "idle_since",
        "on_body",
        "on_header",
        "read_at",
        "reused",
        "started",
        "transport",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, room: memoryview | None = None) -> None:
        self._loop = loop
        self._room = room  # where streams are read to, sip by sip
        self._sips: Sips | None = None
        self._fields: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self.on_header = self._fields.__setitem__
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[Answer] | Errand | None = None
        self._sink: Sink | None = None
        self._closed = self._paused = self._resting = False
        self._clear()
        self.transport: Any = None
        self.deadline = _NEVER
        self._between = BETWEEN_SECONDS
        self.idle_since = self.read_at = 0.0
        self.reused = False

    def _clear(self) -> None:
        self._streaming = self._complete = self._keep = self.started = False
        self._size = 0
        self._fields.clear()
        self._body.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def exchange(
        self,
        request: bytes,
        sink: Sink | None,
        waits: tuple[float, float, float] = WAITS,
        errand: Errand | None = None,
    ) -> Awaitable[Answer]:
        """Send one request; await the whole answer to it, or UpstreamError. Raises UpstreamError when closed.

        `waits`: seconds to a stream's first content, between its events, and to the first byte of a whole answer.
        `errand`: who asks, if it is no task.
        """
        if self._closed:
            raise UpstreamError("unavailable")
        self._clear()
        if self._paused or self._resting:
            self.resume()  # the last answer was whole before its slow caller had read it, or before the tick
        self._sink = sink
        if self._sips is not None:
            self._sips.begin()
        elif sink is not None and self._room is not None:
            self._sips = sip(self.transport, self, self._room)
        self._between = waits[1]
        self.deadline = self._loop.time() + waits[2 if sink is None else 0]
        if errand is not None:
            self._done = errand
            self.transport.write(request)
            return wait(errand, self)
        done = self._done = self._loop.create_future()
        self.transport.write(request)
        return done

    def data_received(self, data: bytes) -> None:
        if self._done is None:
            # Bytes that nobody asked for: an answer without a question must never meet the next one.
            self.transport.abort()
            return
        self.started = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail("broken")
            return
        if self._streaming:
            self._pass_on()
        if self._complete:
            self._finish()
        elif not self._streaming:
            self._size += len(data)
            self.deadline = self._loop.time() + self._between
            if self._size > BODY_LIMIT:
                self._fail("broken")

    def _pass_on(self) -> None:
        body = self._body
        if body:
            read = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            if self._sink is not None:
                self._sink.feed(read)

    def on_headers_complete(self) -> None:
        if self._sink is not None and self._parser.get_status_code() == _FINAL:
            kind = self._header(b"content-type")
            self._streaming = kind is not None and kind.startswith(b"text/event-stream")

    def _header(self, name: bytes) -> bytes | None:
        for key, value in self._fields.items():
            if key.lower() == name:
                return value.lower()
        return None

    def on_message_begin(self) -> None:
        if self._complete:
            raise UpstreamError("broken")  # a second answer in one read must never count as part of the first

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < _FINAL:
            self._fields.clear()  # RFC 9110, 15.2: an interim answer; the real one follows
            return
        self._complete = True
        # Asked here, because llhttp forgets the answer's framing with the next byte it is given.
        self._keep = self._parser.should_keep_alive()

    def _finish(self) -> None:
        done, self._done = self._done, None
        status = self._parser.get_status_code()
        body = self._body
        headers = _NONE if status == _FINAL else {name.lower(): value for name, value in self._fields.items()}
        self.deadline = _NEVER
        answer = Answer(status, headers, body[0] if len(body) == 1 else b"".join(body), self._streaming)
        if isinstance(done, Errand):
            if done.waits is self:  # nobody else: it may have been ended, and wait for something after that
                done.go_on(answer)
        elif done is not None and not done.done():
            done.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._done is None:
            return
        if exc is None and self.started and not self._framed():
            # RFC 9112, 6.3 rule 8: without length or coding, the end of the connection ends the body.
            self._finish()
            return
        self._fail("lost" if self.started else "unavailable")

    def _framed(self) -> bool:
        return self._header(b"content-length") is not None or self._header(b"transfer-encoding") is not None

    def _fail(self, word: str) -> None:
        done, self._done = self._done, None
        self.deadline = _NEVER
        self.abort()
        if isinstance(done, Errand):
            if done.waits is self:
                done.throw(UpstreamError(word))
        elif done is not None and not done.done():
            done.set_exception(UpstreamError(word))

    def heard(self) -> None:
        """An event of a stream that has begun: the next one may take its time again. Comments keep nothing alive."""
        self.deadline = self._loop.time() + self._between

    def expire(self) -> None:
        """The deadline passed."""
        self._fail("timeout")

    def abort(self) -> None:
        """Close at once: the caller left, or what comes next cannot be trusted."""
        self._closed = True
        self._sink = None
        if self.transport is not None:
            self.transport.abort()

    def pause(self) -> None:
        """Stop reading: whoever is fed is slow."""
        if not self._closed:
            self._paused = True
            self.transport.pause_reading()
            self.deadline = _NEVER

    def rest(self) -> None:
        """Stop reading for a moment: what comes until `wake` is read together (gateway.pace). Not while more is there:
        who speaks faster than it is read would fall behind.
        """
        if not self._closed and not self._paused and not (self._sips is not None and self._sips.full):
            self._resting = True
            self.transport.pause_reading()

    def wake(self) -> None:
        if self._resting:
            self._resting = False
            if not self._closed and not self._paused:
                self.transport.resume_reading()

    def resume(self) -> None:
        if not self._closed:
            self._paused = self._resting = False
            self.transport.resume_reading()
            self.deadline = self._loop.time() + self._between

    @property
    def taken(self) -> bool:
        """Whether a stream's answer has begun: the partner has read the question, and bills it."""
        return self._streaming

    @property
    def reusable(self) -> bool:
        return not self._closed and self._done is None and self._keep


class Past:
    """A connection that was given back: what may still be asked of it, and nothing that would reach its next user."""

    __slots__ = ("started", "taken")

    def __init__(self, started: bool, taken: bool) -> None:
        self.started = started
        self.taken = taken

    def abort(self) -> None:
        """There is nothing to end any more."""

    heard = pause = resume = abort


class Pool:
    """Idle connections per endpoint, newest first, so that spare ones age and are closed."""

    __slots__ = ("_busy", "_idle", "_loop", "_room", "_tls")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._idle: dict[tuple[str, int, bool], deque[Connection]] = {}
        self._busy: set[Connection] = set()
        self._room = memoryview(bytearray(SIP))
        self._tls: ssl.SSLContext | None = None

    def take(self, route: Route) -> Connection | None:
        """An idle connection for `route`, if there is one."""
        idle = self._idle.get((route.host, route.port, route.tls))
        while idle:
            connection = idle.pop()
            if connection.reusable:
                connection.reused = True
                self._busy.add(connection)
                return connection
        return None

    async def acquire(self, route: Route) -> Connection:
        """An open connection for `route`, an idle one if possible. Raises UpstreamError unavailable."""
        idle = self.take(route)
        if idle is not None:
            return idle
        connection = await self._connect(route)
        self._busy.add(connection)
        return connection

    async def _connect(self, route: Route) -> Connection:
        patience = self._loop.time() + (ENGINE_PATIENCE if is_local(route) else 0.0)
        while True:
            try:
                return await asyncio.wait_for(self._open(route), CONNECT_SECONDS)
            except (OSError, TimeoutError):
                if self._loop.time() >= patience:
                    raise UpstreamError("unavailable") from None
                await asyncio.sleep(0.1)

    async def _open(self, route: Route) -> Connection:
        tls = self._context() if route.tls else None
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._loop, self._room),
            route.host,
            route.port,
            ssl=tls,
            server_hostname=route.host if tls else None,
        )
        sock = connection.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(SOL_SOCKET, SO_RCVBUF, READ_AHEAD)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def release(self, route: Route, connection: Connection) -> None:
        """Give a connection back; one that is not reusable is closed."""
        self._busy.discard(connection)
        if connection.reusable:
            place = (route.host, route.port, route.tls)
            idle = self._idle.get(place)
            if idle is None:
                idle = self._idle[place] = deque()
            if len(idle) < POOL_LIMIT:
                connection.idle_since = self._loop.time()
                idle.append(connection)
                return
        connection.abort()

    def sweep(self) -> None:
        """Enforce deadlines and close connections that were idle for long."""
        now = self._loop.time()
        for connection in tuple(self._busy):
            if connection.deadline < now:
                connection.expire()
        for idle in self._idle.values():
            while idle and idle[0].idle_since + IDLE_SECONDS < now:
                idle.popleft().abort()

    def close(self) -> None:
        """Close every connection, busy ones included."""
        for connection in self._busy:
            connection.abort()
        for idle in self._idle.values():
            for connection in idle:
                connection.abort()
        self._idle.clear()


def is_local(route: Route) -> bool:
    """Whether the route ends at this machine's own engine."""
    return route.rehearsal or route.tier == "private"
