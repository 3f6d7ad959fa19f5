"""Chunked transfer coding (RFC 9112, 7.1), strictly. Extensions and trailers are dropped."""

from __future__ import annotations

import re

from isthmus.core.errors import Refusal
from isthmus.gateway.head import FIELD_BYTES

LINE_LIMIT = 4096  # bytes of a chunk size with its extensions, or of a trailer
TRAILERS_LIMIT = 100
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110, 5.6.2
_QUOTED = rb'"(?:[\t\x20!#-\[\]-~\x80-\xff]|\\[\t\x20-~\x80-\xff])*"'
# No blanks around the semicolon: RFC 9112 calls them bad, and other readers refuse them.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;%b(?:=(?:%b|%b))?)*\Z" % (_TOKEN, _TOKEN, _QUOTED))
_TRAILER = re.compile(rb"(%b):" % _TOKEN)
_NEVER = frozenset(  # RFC 9110, 6.5.1: what frames, routes or authenticates is never in a trailer
    (
        b"authorization", b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    )
)  # fmt: skip


class Dechunker:
    """One chunked body of at most `limit` bytes.

    `feed` gives the whole body when it is complete and None before; `rest` then holds what follows it.
    """

    __slots__ = ("_dropped", "_left", "_limit", "_line", "_parts", "_size", "_trailers", "rest")

    def __init__(self, limit: int) -> None:
        self._line = b""  # a size line or trailer that is not whole yet
        self._left = 0  # bytes of the open chunk that are still to come, its CRLF included
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._trailers = False
        self._dropped = 0
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
                if len(data) > LINE_LIMIT or b"\n" in data:
                    raise Refusal("bad_request", reason="a chunk line is too long or not ended by CRLF")
                self._line = data
                return None
            line, data = data[:end], data[end + 2 :]
            if not self._trailers:
                self._open_chunk(line)
            elif not line:
                self.rest = data
                return b"".join(self._parts)
            else:
                self._drop_trailer(line)

    def _open_chunk(self, line: bytes) -> None:
        match = _SIZE.match(line)
        if match is None:
            raise Refusal("bad_request", reason="a chunk size that is not hexadecimal")
        size = int(match[1], 16)
        self._size += size
        if self._size > self._limit:
            raise Refusal("body_too_large", limit=self._limit)
        self._left = size + 2 if size else 0
        self._trailers = not size

    def _drop_trailer(self, line: bytes) -> None:
        self._dropped += 1
        if self._dropped > TRAILERS_LIMIT:
            raise Refusal("headers_too_large", limit=f"{TRAILERS_LIMIT} trailers")
        named = _TRAILER.match(line)
        if named is None or line.translate(None, FIELD_BYTES) or named[1].lower() in _NEVER:
            raise Refusal("bad_request", reason="a trailer that is not a field, or one that must stand in the head")

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
