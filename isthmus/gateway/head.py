"""A head becomes a request, strictly: everything that two readers could understand differently is refused.

Sources: RFC 9112 sections 2.2 (line ends), 3.2 (Host), 5.1-5.2 (no space before the colon, no folding), 6.1-6.3
(framing); RFC 9110 sections 7.2 (Host), 7.8 (Upgrade), 10.1.1 (Expect). llhttp reads the grammar; this file adds what
llhttp leaves to its user.
"""

from __future__ import annotations

import re
from typing import Any

import httptools

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.core.secret import Withheld

LINE_LIMIT = 8 << 10
HEAD_LIMIT = 32 << 10
FIELD_LIMIT = 100

FIELD_BYTES = bytes(c for c in range(256) if (c >= 0x20 and c != 0x7F) or c == 0x09)
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
_LENGTH_DIGITS = 12
_HOSTS_KEPT = 1024
_known_hosts: set[bytes] = set()


class Request(Withheld):
    """One request: method and target as bytes, header names lower-cased, the body whole.

    `length` is the Content-Length, in bytes; `seen` is the head as this connection may show it again. `caller` is set
    on requests from inside alone (doors.inner): who asks is known there without a key.
    """

    __slots__ = ("body", "caller", "headers", "keep_alive", "length", "method", "path", "query", "seen", "version")

    def __init__(self, method: bytes, path: bytes, query: bytes, version: str, headers: dict[bytes, bytes]) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.headers = headers
        self.length = 0
        self.body = b""
        self.seen: Seen | None = None
        self.caller: Caller | None = None
        self.keep_alive = version == "1.1" and not (
            b"close" in headers.get(b"connection", b"").lower()
            or b"close" in headers.get(b"proxy-connection", b"").lower()  # llhttp's readers obey it (RFC 9112, C.2.2)
        )


_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,12})\r\n", re.IGNORECASE)


class Seen(Withheld):
    """A head that a connection has shown. The next one is mostly the same but for the digits of its Content-Length,
    and then nothing is read again. `standing` is what the corridor worked out from it: who asks, and which decision.

    `limit` is the longest body, in bytes, that its path takes; `rest` what came after the last request.
    """

    __slots__ = ("_after", "_before", "_request", "_start", "limit", "rest", "standing")

    def __init__(self, head: bytes, request: Request) -> None:
        """`head` up to its blank line, as it was read, and the request it is; it has a Content-Length."""
        found = _LENGTH.search(head)
        self._before = head[: found.start(1)] if found is not None else head
        self._after = head[found.end(1) :] if found is not None else b"\n"  # nothing ends so: never again
        self._start = len(self._before)
        self._request = request
        self.limit = 0
        self.rest = b""
        self.standing: Any = None

    def forget(self) -> None:
        """It is not shown again: the request and what was seen of it no longer hold each other, and both are freed
        at once. Left to the collector, they would add up to megabytes between two of its rounds.
        """
        self._request.seen = None

    def again(self, data: bytes) -> Request | None:
        """The whole request at the start of `data`, body and all; None when it is another one, or not whole.

        It is the request that was seen, with this body: one connection has one at a time.
        """
        if not data.startswith(self._before):
            return None
        start = self._start
        stop = data.find(b"\r", start, start + _LENGTH_DIGITS + 1)
        digits = data[start:stop]
        if not digits.isdigit() or not data.startswith(self._after, stop):
            return None
        length = int(digits)
        start = stop + len(self._after)
        end = start + length
        if length > self.limit or end > len(data):
            return None
        request = self._request
        request.headers[b"content-length"] = digits
        request.length = length
        request.body = data[start:end]
        self.rest = data[end:]
        return request


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
    line_end = head.find(b"\r\n")
    if lines - 2 > FIELD_LIMIT or line_end > LINE_LIMIT:
        raise Refusal("headers_too_large", limit=f"{LINE_LIMIT} bytes a line, {FIELD_LIMIT} fields")
    if head.count(b" ", 0, line_end) != 2:  # llhttp takes more than one space between the words (RFC 9112, 3)
        raise Refusal("bad_request", reason="the request line must be three words with one space between them")
    if len(head.translate(None, FIELD_BYTES)) != 2 * lines:
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
    target = _check_line(method, target, version, headers)
    _check_fields(method, headers, version)
    path, _, query = target.partition(b"?")
    request = Request(method, path, query, version, headers)
    length = headers.get(b"content-length")
    if length is not None:
        request.length = int(length)
        if request.length:
            request.seen = Seen(head, request)
    return request


_ABSOLUTE = re.compile(rb"https?://([^/?#@]+)(/[^#]*)?\Z", re.IGNORECASE)


def _check_line(method: bytes, target: bytes, version: str, headers: dict[bytes, bytes]) -> bytes:
    """What llhttp leaves to its user, of the request line. Returns the target in origin form."""
    if version != "1.1" and version != "1.0":  # noqa: PLR1714  # on the hot path
        raise Refusal("bad_request", reason="only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method not in _METHODS:
        raise Refusal("method_not_allowed", method="this method", allowed="GET, POST")
    if target[:1] == b"/" or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE.match(target)  # RFC 9112, 3.2.2: must be understood; here it must also agree with Host
    if absolute is None or absolute[1].lower() != headers.get(b"host", absolute[1]).lower():
        raise Refusal("bad_request", reason="the target must be a path, or a URL of this host")
    return absolute[2] or b"/"


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


def check_unfinished(data: bytes) -> None:
    """Refuse early what can no longer become a head: too long, or a line end that is not CRLF."""
    if len(data) > HEAD_LIMIT or (len(data) > LINE_LIMIT and b"\r\n" not in data[:LINE_LIMIT]):
        raise Refusal("headers_too_large", limit=f"{HEAD_LIMIT} bytes")
    if data.count(b"\n") != data.count(b"\r\n") or b"\0" in data:
        raise Refusal("bad_request", reason="a control byte, or a line end that is not CRLF")
