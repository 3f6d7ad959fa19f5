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
import re
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import httptools

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld

LINE_LIMIT = 8 << 10
HEAD_LIMIT = 32 << 10
FIELD_LIMIT = 100
BODY_LIMIT = 4 << 20
HEAD_SECONDS = 10.0
BODY_SECONDS = 10.0
BODY_RATE = 16 << 10  # bytes per second that a body must keep after its first BODY_SECONDS
IDLE_SECONDS = 75.0
LINGER_SECONDS = 2.0
DRAIN_IDLE_SECONDS = 1.0
WRITE_LIMIT = 256 << 10
_LINE_LIMIT = 4096  # of a chunk size with its extensions, or a trailer

_FIELD_BYTES = bytes(c for c in range(256) if (c >= 0x20 and c != 0x7F) or c == 0x09)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_LENGTH_DIGITS = 12
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_HOSTS_KEPT = 1024
_known_hosts: set[bytes] = set()
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\Z")
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))


class Request(Withheld):
    """One request: method and target as bytes, header names lower-cased, the body whole."""

    __slots__ = ("body", "head_at", "headers", "keep_alive", "method", "path", "query", "version")

    def __init__(self, method: bytes, target: bytes, version: str, headers: dict[bytes, bytes]) -> None:
        self.method = method
        self.path, _, self.query = target.partition(b"?")
        self.version = version
        self.headers = headers
        self.body = b""
        self.keep_alive = version == "1.1" and (
            b"connection" not in headers or b"close" not in headers[b"connection"].lower()
        )


class Reader(Protocol):
    """Whatever feeds the door and can be told to wait (an upstream connection)."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


Serve = Callable[[Request, "Door"], Coroutine[Any, Any, None]]
BodyLimit = Callable[[bytes], int]
Refused = Callable[[Request, Refusal], None]  # told of a refusal at the door when the head was valid


class Doors:
    """All open doors of one worker, their shared settings, and the sweep that closes those past their deadline."""

    __slots__ = ("body_limit", "draining", "loop", "open", "refused", "serve")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, serve: Serve, body_limit: BodyLimit, refused: Refused | None = None
    ) -> None:
        self.loop = loop
        self.serve = serve
        self.body_limit = body_limit
        self.refused = refused
        self.open: set[Door] = set()
        self.draining = False

    def __call__(self) -> Door:
        return Door(self)

    def sweep(self) -> None:
        """Close what is past its deadline; call it a few times a second."""
        now = self.loop.time()
        for door in tuple(self.open):
            if door.deadline < now:
                door.expire()

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
        "_chunked", "_doors", "_leaving", "_length", "_parts", "_pending", "_received", "_request",
        "deadline", "known", "reader", "task", "transport",
    )  # fmt: skip

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._pending = b""
        self._request: Request | None = None
        self._leaving = False
        self._reset_body()
        self.transport: Any = None
        self.task: asyncio.Task[None] | None = None
        self.reader: Reader | None = None
        self.known: dict[bytes | None, Any] = {}  # the key last shown on this connection, and whose it is
        self.deadline = 0.0

    def _reset_body(self) -> None:
        self._length = 0
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
        self.deadline = float("inf")
        if self.task is not None:
            self.task.cancel()
        elif self.reader is not None:
            self.reader.resume()

    def pause_writing(self) -> None:
        """The caller reads slowly: stop reading from whoever feeds it, so that nothing piles up here."""
        if self.reader is not None:
            self.reader.pause()
        self.deadline = self._doors.loop.time() + IDLE_SECONDS

    def resume_writing(self) -> None:
        if self.reader is not None:
            self.reader.resume()
        self.deadline = float("inf") if self.task is not None else self._doors.loop.time() + IDLE_SECONDS

    def eof_received(self) -> bool:
        """A half-closed caller may still wait for its answer; one that never finished its request may not."""
        return self.task is not None

    def expire(self) -> None:
        """The deadline passed: say so where a request had begun, close at once where none had."""
        if self.task is None and not self._leaving and (self._pending or self._request is not None):
            self.refuse(Refusal("request_timeout", limit=int(HEAD_SECONDS)))
        else:
            self.transport.abort()

    def close(self) -> None:
        self.transport.close()

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
            if self._request is None:
                self._read_head(self._pending + data if self._pending else data)
            else:
                self._read_body(data)
        except Refusal as refusal:
            self.refuse(refusal)

    def _read_head(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end < 0 or end > HEAD_LIMIT:
            check_unfinished_head(data)
            if not self._pending:
                self.deadline = self._doors.loop.time() + HEAD_SECONDS
            self._pending = data
            return
        self._pending = b""
        request = parse_head(data[: end + 4])
        self._request = request
        headers = request.headers
        length = headers.get(b"content-length")
        if length is not None:
            self._length = int(length)
            limit = self._doors.body_limit(request.path)
            if self._length > limit:
                raise Refusal("body_too_large", limit=limit)
        elif b"transfer-encoding" in headers:
            self._chunked = Dechunker(self._doors.body_limit(request.path))
        if self._length or self._chunked is not None:
            if b"expect" in headers and len(data) == end + 4:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.deadline = self._doors.loop.time() + BODY_SECONDS
        self._read_body(data[end + 4 :])

    def _read_body(self, data: bytes) -> None:
        request = self._request
        assert request is not None
        if self._chunked is not None:
            self._received += len(data)
            body = self._chunked.feed(data)
            rest = self._chunked.rest
        else:
            body, rest = self._count_body(data)
        if body is None:
            # A body may be long but never slow: each BODY_RATE bytes buy it one more second.
            self.deadline = max(self.deadline, self._doors.loop.time() + min(BODY_SECONDS, self._received / BODY_RATE))
            return
        request.body = body
        if self._doors.draining:
            request.keep_alive = False
        self._pending = rest
        self._request = None
        self._reset_body()
        self.deadline = float("inf")
        self.task = self._doors.loop.create_task(self._doors.serve(request, self))

    def _count_body(self, data: bytes) -> tuple[bytes | None, bytes]:
        missing = self._length - self._received
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
        self.transport.write(data)

    def finish(self, keep_alive: bool) -> None:
        """The answer is out. Take the next request of this connection, or close it."""
        self.task = None
        self.reader = None
        if not keep_alive or self._doors.draining:
            self.transport.close()
            return
        self.deadline = self._doors.loop.time() + IDLE_SECONDS
        if self._pending:
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


def refusal_bytes(refusal: Refusal, *, keep_alive: bool, extra: bytes = b"") -> bytes:
    """A whole HTTP answer for a refusal. `extra` holds further header lines, each ending in CRLF."""
    retry = refusal.fields.get("retry_after")
    if retry is not None:
        extra += b"Retry-After: %d\r\n" % int(str(retry))
    return answer_bytes(refusal.row.status, refusal.encode(), keep_alive=keep_alive, extra=extra)


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


class _Head:
    """Collects llhttp's callbacks for one head. Built-in methods serve as callbacks, so no Python frame runs."""

    __slots__ = ("on_header", "on_url")

    def __init__(self, fields: dict[bytes, bytes], target: list[bytes]) -> None:
        self.on_header = fields.__setitem__
        self.on_url = target.append


def parse_head(head: bytes) -> Request:
    """A head, from the request line to the blank line. Raises Refusal bad_request or headers_too_large.

    Sources: RFC 9112 sections 2.2 (bare CR), 3.2 (Host), 5.1-5.2 (no space before the colon, no folding), 6.1-6.3
    (framing). Header names with an underscore are refused: some peers read them as hyphens.
    """
    lines = head.count(b"\r\n")
    if lines - 2 > FIELD_LIMIT or head.find(b"\r\n") > LINE_LIMIT:
        raise Refusal("headers_too_large", limit=f"{LINE_LIMIT} bytes a line, {FIELD_LIMIT} fields")
    if len(head.translate(None, _FIELD_BYTES)) != 2 * lines:
        raise Refusal("bad_request", reason="a control byte, or a line end that is not CRLF")
    fields: dict[bytes, bytes] = {}
    targets: list[bytes] = []
    parser = httptools.HttpRequestParser(_Head(fields, targets))
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # an upgrade that is never accepted: the request is served as plain HTTP/1.1 (RFC 9110, 7.8)
    except httptools.HttpParserError:
        raise Refusal("bad_request", reason="the head does not follow RFC 9112") from None
    headers = {name.lower(): value for name, value in fields.items()}
    if len(headers) != lines - 2:
        raise Refusal("bad_request", reason="a header is given twice or folded")
    method = parser.get_method()
    target = targets[0] if len(targets) == 1 else b"".join(targets)
    version = parser.get_http_version()
    _check_line(method, target, version)
    _check_fields(method, headers, version)
    return Request(method, target, version, headers)


def _check_line(method: bytes, target: bytes, version: str) -> None:
    """What llhttp leaves to its user, of the request line."""
    if version != "1.1" and version != "1.0":  # noqa: PLR1714  # on the hot path
        raise Refusal("bad_request", reason="only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method not in _METHODS:
        raise Refusal("method_not_allowed", method="this method", allowed="GET, POST")
    if target[:1] != b"/" and target != b"*":
        raise Refusal("bad_request", reason="the target must be a path")


def _check_fields(method: bytes, headers: dict[bytes, bytes], version: str) -> None:
    """What llhttp leaves to its user, of the fields."""
    host = headers.get(b"host")
    if host is None:
        if version == "1.1":
            raise Refusal("bad_request", reason="one Host header is required")
    elif host not in _known_hosts:
        _check_host(host)
    if b"_" in b"".join(headers):
        raise Refusal("bad_request", reason="a header name with an underscore")
    length = headers.get(b"content-length")
    if b"transfer-encoding" in headers:
        if length is not None or version != "1.1" or headers[b"transfer-encoding"].lower() != b"chunked":
            raise Refusal("bad_request", reason="Transfer-Encoding must be chunked alone, without Content-Length")
    elif length is not None:
        if not length.isdigit() or len(length) > _LENGTH_DIGITS:
            raise Refusal("bad_request", reason="Content-Length must be one number")
    elif method in _WITH_BODY:
        raise Refusal("length_required")
    if b"expect" in headers and headers[b"expect"].lower() != b"100-continue":
        raise Refusal("bad_request", reason="Expect can only be 100-continue")


def _check_host(host: bytes) -> None:
    """RFC 9110, 7.2. The few values that occur are remembered."""
    if _HOST.match(host) is None:
        raise Refusal("bad_request", reason="Host is not a host")
    if len(_known_hosts) < _HOSTS_KEPT:
        _known_hosts.add(host)


def check_unfinished_head(data: bytes) -> None:
    """Refuse early what can no longer become a head: too long, or a line end that is not CRLF."""
    if len(data) > HEAD_LIMIT or (len(data) > LINE_LIMIT and b"\r\n" not in data[:LINE_LIMIT]):
        raise Refusal("headers_too_large", limit=f"{HEAD_LIMIT} bytes")
    if data.count(b"\n") != data.count(b"\r\n") or b"\0" in data:
        raise Refusal("bad_request", reason="a control byte, or a line end that is not CRLF")


class Dechunker:
    """Chunked transfer coding (RFC 9112, 7.1), strictly. Extensions and trailers are dropped.

    `feed` gives the whole body when it is complete and None before; `rest` then holds what follows it.
    """

    __slots__ = ("_left", "_limit", "_line", "_parts", "_size", "_trailers", "rest")

    def __init__(self, limit: int) -> None:
        self._line = b""  # a size line or trailer that is not whole yet
        self._left = 0  # bytes of the open chunk that are still to come, its CRLF included
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._trailers = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes | None:
        """Raises Refusal bad_request or body_too_large."""
        while True:
            if self._left:
                data = self._take_chunk(data)
                if self._left:
                    return None
            if self._line:
                data, self._line = self._line + data, b""
            end = data.find(b"\r\n")
            if end < 0:
                if len(data) > _LINE_LIMIT or b"\n" in data:
                    raise Refusal("bad_request", reason="a chunk line is too long or not ended by CRLF")
                self._line = data
                return None
            line, data = data[:end], data[end + 2 :]
            if not self._trailers:
                self._open_chunk(line)
            elif not line:
                self.rest = data
                return b"".join(self._parts)
            elif line.translate(None, _FIELD_BYTES):
                raise Refusal("bad_request", reason="a trailer with a control byte")

    def _open_chunk(self, line: bytes) -> None:
        match = _CHUNK_SIZE.match(line)
        if match is None:
            raise Refusal("bad_request", reason="a chunk size that is not hexadecimal")
        size = int(match[1], 16)
        self._size += size
        if self._size > self._limit:
            raise Refusal("body_too_large", limit=self._limit)
        self._left = size + 2 if size else 0
        self._trailers = not size

    def _take_chunk(self, data: bytes) -> bytes:
        """Consume what belongs to the open chunk; what is left over is returned."""
        content = self._left - 2
        if content > 0:
            self._parts.append(data[:content])
        ending = data[max(content, 0) : self._left]
        if ending != b"\r\n"[max(-content, 0) :][: len(ending)]:
            raise Refusal("bad_request", reason="a chunk that is not ended by CRLF")
        taken = min(len(data), self._left)
        self._left -= taken
        return data[taken:]
