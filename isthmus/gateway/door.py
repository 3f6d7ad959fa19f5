"""The door: bytes on a connection become requests, and one answer each goes back, in order.

Rules of this room (RFC 9112):
1. A head is read whole before anything believes it: CRLF only, no control bytes, no folded lines, one valid Host.
2. Framing is Content-Length or chunked, never both, never twice. What is ambiguous gets 400 *and close*.
3. Everything is bounded: request line 8 KiB, head 32 KiB and 100 fields, body by route; a head has 10 s in all.
4. One request at a time per connection; pipelined bytes wait, unread, so that memory stays bounded.
5. The door knows nothing of law or models. It calls `serve(request, door)` and offers `write` and `finish`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Any, Protocol

from isthmus.core.errors import Refusal
from isthmus.gateway.chunked import Dechunker
from isthmus.gateway.errand import Errand
from isthmus.gateway.head import HEAD_LIMIT, Request, Seen, check_unfinished, parse_head
from isthmus.gateway.late import Late

BODY_LIMIT = 4 << 20
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
BODY_RATE = 16 << 10  # bytes per second that a body must keep after its first BODY_SECONDS
IDLE_SECONDS = 75.0
LINGER_SECONDS = 2.0
HALF_SECONDS = 60.0  # for a caller that has said its last byte, from one piece of its answer to the next
STALL_SECONDS = 30.0  # for a caller that reads too slowly, until it has read what waits; each BODY_RATE bytes buy 1 s
DRAIN_IDLE_SECONDS = 1.0
WRITE_LIMIT = 2 << 10  # bytes: more than a usual answer. A longer one is written at once, and what is left of it is all
# that waits here: whoever feeds a slow caller is paused
_NEVER = float("inf")
_RESET = pack("ii", 1, 0)  # SO_LINGER: close at once, drop what was not sent


class Reader(Protocol):
    """Whatever feeds the door and can be told to wait (an upstream connection)."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


Serve = Callable[[Request, "Door"], Coroutine[Any, Any, None]]
BodyLimit = Callable[[bytes], int]
Refused = Callable[[Request, Refusal], None]  # told of a refusal at the door when the head was valid


class Doors:
    """All open doors of one worker, their shared settings, and the sweep that closes those past their deadline.

    `stalled` counts the answers that waited for their callers at the last sweep.
    """

    __slots__ = ("body_limit", "draining", "loop", "open", "refused", "serve", "stalled")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, serve: Serve, body_limit: BodyLimit, refused: Refused | None = None
    ) -> None:
        self.loop = loop
        self.serve = serve
        self.body_limit = body_limit
        self.refused = refused
        self.open: set[Door] = set()
        self.draining = False
        self.stalled = 0

    def __call__(self) -> Door:
        return Door(self)

    def sweep(self) -> None:
        """Close what is past its deadline; call it a few times a second."""
        now = self.loop.time()
        stalled = 0
        for door in tuple(self.open):
            if door.deadline < now:
                door.expire()
            elif door.stalled and door.task is not None:
                stalled += 1
        self.stalled = stalled

    def drain(self) -> None:
        """Every connection gets one more answer, which says that it is the last; idle ones close after DRAIN_IDLE.

        Closing an idle connection at once would cross with a request that is already on its way (RFC 9112, 9.6).
        """
        self.draining = True
        last = self.loop.time() + DRAIN_IDLE_SECONDS
        for door in tuple(self.open):
            if door.task is None:
                door.deadline = min(door.deadline, last)


class Door(asyncio.Protocol):
    """One connection. `on_header` and friends are llhttp's callbacks for the head that is being read."""

    __slots__ = (
        "_began", "_chunked", "_doors", "_half", "_leaving", "_parts", "_pending", "_received", "_request", "_seen",
        "adds", "deadline", "late", "outlives", "reader", "stalled", "task", "transport",
    )  # fmt: skip

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._pending = b""
        self._request: Request | None = None
        self._leaving = False
        self._half = False  # the caller has said its last byte
        self.stalled = False  # the caller reads more slowly than it is written to
        self._began = 0.0
        self._reset_body()
        self.transport: Any = None
        self.task: Errand | None = None
        self.reader: Reader | None = None
        self._seen: Seen | None = None  # the last head with a body
        self.outlives = False  # the answer goes on to be made when its caller is gone: it may be taken up again
        self.late: Late | None = None  # what of an answer waits for its receipt
        self.adds = b""  # header lines that the next answer's head gets on top
        self.deadline = 0.0

    def _reset_body(self) -> None:
        self._received = 0
        self._chunked: Dechunker | None = None
        self._parts: list[bytes] = []

    # -- connection ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.set_write_buffer_limits(high=WRITE_LIMIT)
        self._doors.open.add(self)
        self.deadline = self._doors.loop.time() + HEAD_SECONDS

    def connection_lost(self, exc: Exception | None) -> None:
        self._doors.open.discard(self)
        self.deadline = _NEVER
        self._pending = b""
        if self._seen is not None:
            self._seen.forget()
        if self.task is not None and self.outlives:
            self.transport = _Nowhere()
            if self.reader is not None:
                self.reader.resume()
        elif self.task is not None:
            self.task.cancel()
        elif self.reader is not None:
            self.reader.resume()

    def pause_writing(self) -> None:
        """The caller reads slowly: stop reading from whoever feeds it, and from the caller, so that nothing piles up
        here. It keeps its place in the room, with all that an answer under way holds, but not for long.
        """
        self.stalled = True
        if self.reader is not None:
            self.reader.pause()
        self.transport.pause_reading()
        waits = self.transport.get_write_buffer_size()
        self.deadline = self._doors.loop.time() + STALL_SECONDS + waits / BODY_RATE

    def resume_writing(self) -> None:
        self.stalled = False
        if self.reader is not None:
            self.reader.resume()
        served = self.task is not None and not self._half
        self.deadline = _NEVER if served else self._doors.loop.time() + IDLE_SECONDS
        if not self._pending:
            self.transport.resume_reading()
        elif self.task is None:
            self._doors.loop.call_soon(self._take_next)

    def eof_received(self) -> bool:
        """A half-closed caller may still wait for its answer; one that never finished its request may not.

        Whether it has gone altogether shows only when something is sent: a silent partner keeps it a while, not long.
        """
        self._half = True
        if self.task is None:
            return False
        self.deadline = self._doors.loop.time() + HALF_SECONDS
        return True

    def expire(self) -> None:
        """The deadline passed: say so where a request had begun, close at once where none had."""
        begun = self._pending or self._request is not None
        if begun and self.task is None and not self._leaving and not self.stalled:
            self.refuse(Refusal("request_timeout", limit=int(HEAD_SECONDS)))
            return
        sock = self.transport.get_extra_info("socket") if self.transport.get_write_buffer_size() else None
        if sock is not None:  # one that does not read would never see the end, and the kernel would keep its bytes
            sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET)
        self.transport.abort()

    def close(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        """Cut the connection: the answer has begun and may not end."""
        self.transport.abort()

    # -- reading ---------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            return
        if self.task is not None:
            # A pipelined request waits in one bounded buffer; reading stops until the answer is out.
            self._pending += data
            self.transport.pause_reading()
            return
        try:
            if self._request is not None:
                self._read_body(data)
                return
            if self._pending:
                data = self._pending + data
            seen = self._seen
            request = None if seen is None else seen.again(data)
            if seen is None or request is None:
                self._read_head(data)
            else:
                self._pending = seen.rest
                self._begin(request)
        except Refusal as refusal:
            self.refuse(refusal)

    def _read_head(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            check_unfinished(data)
            if not self._pending:
                self.deadline = self._doors.loop.time() + HEAD_SECONDS
            self._pending = data
            return
        self._pending = b""
        request = parse_head(data[: end + 4])
        self._request = request
        if request.length:
            if self._seen is not None:
                self._seen.forget()
            self._seen = request.seen
            self._check_length(request)
        elif b"transfer-encoding" in request.headers:
            self._chunked = Dechunker(self._doors.body_limit(request.path))
        if request.length or self._chunked is not None:
            # RFC 9110, 10.1.1: an interim answer only to HTTP/1.1, and only while the body has not begun to arrive
            if b"expect" in request.headers and len(data) == end + 4 and request.version == "1.1":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._began = self._doors.loop.time()
            self.deadline = self._began + BODY_SECONDS
        self._read_body(data[end + 4 :])

    def _check_length(self, request: Request) -> None:
        limit = self._doors.body_limit(request.path)
        if request.length > limit:
            raise Refusal("body_too_large", limit=limit)
        if request.seen is not None:
            request.seen.limit = limit

    def _read_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if self._chunked is not None:
            self._received += len(data)
            body = self._chunked.feed(data)
            rest = self._chunked.rest
        else:
            body, rest = self._count_body(data, request.length)
        if body is None:
            # A body may be long but never slow: each BODY_RATE bytes buy it one more second, and time alone buys none.
            self.deadline = self._began + BODY_SECONDS + self._received / BODY_RATE
            return
        request.body = body
        self._pending = rest
        self._reset_body()
        self._begin(request)

    def _begin(self, request: Request) -> None:
        """The request is whole: it is served, and nothing more is read from this connection until it is answered."""
        if self._doors.draining:
            request.keep_alive = False
        self._request = None
        self.deadline = _NEVER if not self._half else self._doors.loop.time() + HALF_SECONDS
        doors = self._doors
        self.task = errand = Errand(doors.loop, doors.serve(request, self))
        errand.go_on()

    def _count_body(self, data: bytes, length: int) -> tuple[bytes | None, bytes]:
        missing = length - self._received
        if len(data) >= missing:
            if not self._parts:
                return data[:missing], data[missing:]
            self._parts.append(data[:missing])
            return b"".join(self._parts), data[missing:]
        self._received += len(data)
        self._parts.append(data)
        return None, b""

    # -- answering -------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.adds:
            head, _, rest = data.partition(b"\r\n\r\n")
            data = b"%b\r\n%b\r\n%b" % (head, self.adds, rest)
            self.adds = b""
        if self._half and not self.stalled:
            self.deadline = self._doors.loop.time() + HALF_SECONDS
        if self.late is not None:
            data = self.late.keep(data)
            if not data:
                return
        self.transport.write(data)

    def finish(self, keep_alive: bool) -> None:
        """The answer is out. Take the next request of this connection, or close it."""
        self.task = None
        self.reader = None
        self.outlives = False
        if not keep_alive or self._doors.draining or (self._half and not self._pending):
            self.deadline = self._doors.loop.time() + STALL_SECONDS  # it ends when the caller has read the rest
            self.transport.close()
            return
        if self.stalled:
            return  # what it asks next is read when it has read this
        self.deadline = self._doors.loop.time() + IDLE_SECONDS
        if self._pending:
            self._doors.loop.call_soon(self._take_next)  # from here, a long pipeline would be a deep stack

    def _take_next(self) -> None:
        """The next request of a pipeline, which has arrived already."""
        if self.task is None and self._pending and not self.stalled:
            self.transport.resume_reading()
            pending, self._pending = self._pending, b""
            self.data_received(pending)

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that never became one, and close: what follows on this connection cannot be trusted.

        What still arrives is read and dropped for LINGER_SECONDS, because closing on unread bytes makes the kernel
        reset the connection and the caller would lose the answer (RFC 9112, 9.6).
        """
        if self._request is not None and self._doors.refused is not None:
            self._doors.refused(self._request, refusal)
        self._leaving = True
        self._pending = b""
        self.transport.write(refusal_bytes(refusal, keep_alive=False))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.deadline = self._doors.loop.time() + LINGER_SECONDS


class _Nowhere:
    """The transport of a caller who is gone."""

    def write(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        pass

    abort = resume_reading = pause_reading = close


def refusal_bytes(refusal: Refusal, *, keep_alive: bool, extra: bytes = b"", body: bytes | None = None) -> bytes:
    """A whole HTTP answer for a refusal. `extra` holds further header lines, each ending in CRLF; `body` the error in
    another shape than OpenAI's.
    """
    retry = refusal.fields.get("retry_after")
    if retry is not None:
        extra += b"Retry-After: %d\r\n" % int(str(retry))
    told = refusal.encode() if body is None else body
    return answer_bytes(refusal.row.status, told, keep_alive=keep_alive, extra=extra)


def answer_bytes(
    status: int, body: bytes, *, keep_alive: bool, extra: bytes = b"", media: bytes = b"application/json"
) -> bytes:
    """A whole HTTP/1.1 answer."""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b%b\r\n%b" % (
        status,
        REASONS.get(status, b"-"),
        media,
        len(body),
        extra,
        b"" if keep_alive else b"Connection: close\r\n",
        body,
    )


REASONS = {
    200: b"OK", 201: b"Created", 204: b"No Content", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden",
    404: b"Not Found", 405: b"Method Not Allowed", 408: b"Request Timeout", 411: b"Length Required",
    413: b"Content Too Large", 415: b"Unsupported Media Type", 429: b"Too Many Requests",
    431: b"Request Header Fields Too Large", 451: b"Unavailable For Legal Reasons", 500: b"Internal Server Error",
    502: b"Bad Gateway", 503: b"Service Unavailable", 504: b"Gateway Timeout",
}  # fmt: skip
