"""Which other sites' pages may read answers in a browser (CORS), as `operator.toml` lists them; none by default.

A key in a web page is a key given away: an operator lists the sites whose own server hands out short-lived keys.
Source: WHATWG Fetch, 3.2 "CORS protocol" (3.2.2 requests, 3.2.3 responses, 3.2.5 credentials: none are taken, keys
come in a header). A wildcard is not offered, because who may read is a decision.
"""

from __future__ import annotations

import re

from isthmus.gateway.head import Request

_MAX_AGE = 600  # seconds for which a browser remembers a preflight's answer
_NAMES = re.compile(rb"[A-Za-z0-9-]{1,64}(?:[ \t]*,[ \t]*[A-Za-z0-9-]{1,64}){0,31}\Z")
_SHOWN = (
    b"isthmus-route, isthmus-model, isthmus-source, isthmus-badge, isthmus-label, isthmus-notices, isthmus-receipt, "
    b"isthmus-stream, isthmus-cache, age, retry-after"
)


def lines(request: Request, known: frozenset[bytes]) -> bytes:
    """The header lines that let the request's origin read its answer; empty for an origin that is not known."""
    origin = request.headers.get(b"origin")
    if origin is None or origin not in known:
        return b""
    return b"Access-Control-Allow-Origin: %b\r\nAccess-Control-Expose-Headers: %b\r\nVary: Origin\r\n" % (
        origin,
        _SHOWN,
    )


def options(request: Request, known: frozenset[bytes], allowed: bytes) -> bytes:
    """The answer to OPTIONS (RFC 9110, 9.3.7): what the path takes, and to a known origin's preflight that it may ask.

    A preflight names the method and the headers to come; they are repeated only where they are header names.
    """
    extra = b""
    if lines(request, known) and b"access-control-request-method" in request.headers:
        named = request.headers.get(b"access-control-request-headers", b"")
        names = named if _NAMES.match(named) else b"authorization, content-type"
        extra = (
            b"Access-Control-Allow-Methods: %b\r\nAccess-Control-Allow-Headers: %b\r\nAccess-Control-Max-Age: %d\r\n"
            % (
                allowed,
                names,
                _MAX_AGE,
            )
        )
    close = b"" if request.keep_alive else b"Connection: close\r\n"
    return b"HTTP/1.1 204 No Content\r\nAllow: %b\r\n%b%b\r\n" % (allowed, extra, close)
