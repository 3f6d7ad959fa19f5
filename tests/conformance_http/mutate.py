"""Requests and their mutations: from a seed the same bytes on every machine.

A case is one to three well-formed messages with zero to four changes: a line doubled, dropped, moved or folded, a field
of the framing family added, a byte flipped, a piece cut out or repeated, a line end replaced, a length made wrong.
"""

from __future__ import annotations

from random import Random

FIELDS = (
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding : chunked", b"transfer-encoding: identity",
    b"Transfer_Encoding: chunked", b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: +5",
    b"Content-Length: 5, 5", b"Content-Length: 0x5", b"Content-Length: 5 ", b"content-length:\t5", b"Content-Length:",
    b"Content-Length: 99999999999999999999", b"Host: b", b"Host: a", b"Host:", b"Connection: close",
    b"Connection: keep-alive", b"Connection: close, x", b"Connection: upgrade\r\nUpgrade: websocket",
    b"Proxy-Connection: close", b"Proxy-Connection: keep-alive", b"Connection: Close", b"Connection: x, CLOSE",
    b"Connection: keep-alive, close", b"Connection: closed", b"Connection:", b"Keep-Alive: timeout=1",
    b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk", b"Content-Encoding: gzip", b"Content-Length: 05",
    b"Content-Length : 5", b"Content-Length: -5", b"CONTENT-LENGTH: 5", b"TRANSFER-ENCODING: CHUNKED", b"Cookie: a=b; c",
    b"Transfer-Encoding:chunked", b"Transfer-Encoding: chunked;q=1", b'Transfer-Encoding: "chunked"', b"Host: a:80",
    b"Host: a:b", b"Host: a, b", b"Host: [::1]", b"Host: a/b", b"Host: a@b", b"X: a\tb", b"X:", b"\xe9: y", b"X(: y",
    b"Expect: 100-continue", b"Expect: x", b"X: y", b" folded", b"\tfolded", b": nameless", b"no colon", b"X\0: y",
    b"X: \xff\x80", b"Trailer: X", b"TE: trailers", b"Upgrade: h2c", b"X: " + b"y" * 300,
)  # fmt: skip
ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n\r\n", b" \r\n", b"\0\r\n", b"\n\r", b"\x0b\r\n", b"\x85")
CHUNKS = (
    b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"05\r\nhello\r\n00\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n",
    b"5\nhello\n0\n\n", b"5;\r\nhello\r\n0\r\n\r\n", b"F" * 17 + b"\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n",
    b'5;a="\r\nhello\r\n0\r\n\r\n', b"5\r\nhello\r\n0\r\nX y\r\n\r\n", b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"5\r\nhello\r\n0\r\nConnection: close\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", b"5;a=b;c\r\nhello\r\n0;d\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: y\n\r\n", b"5\r\nhello\r\n0\r\n: y\r\n\r\n", b"5\r\nhello\r\n0\r\nX: \xff\r\n\r\n", b"5\r\nhello\r\n",
    b'5;a="b\\"c"\r\nhello\r\n0\r\n\r\n', b"5\r\nhello\r\n1\r\n\r\n0\r\n\r\n", b"5\r\nhel\r\n\r\n0\r\n\r\n", b"a\r\nhellohello\r\n0\r\n\r\n",
)  # fmt: skip
METHODS = (
    b"GET", b"POST", b"HEAD", b"PUT", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"get", b"G(T", b"BREW",
)  # fmt: skip
TARGETS = (
    b"/",
    b"/a?b=c",
    b"/v1/chat/completions",
    b"*",
    b"http://a/x",
    b"http://b/",
    b"/\xff",
    b"/a#b",
    b"/a b",
    b"a",
    b"//x",
    b"http://a",
    b"HTTP://a:80/x",
    b"a:443",
    b"/%00",
    b"/\\x",
    b"/a\tb",
)
VERSIONS = (b"HTTP/1.1",) * 8 + (b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"")


def case(seed):
    """The bytes of one case and, in order, the places where they are cut between two reads."""
    draw = Random(seed)
    data = b"".join(_message(draw) for _ in range(draw.choice((1, 1, 2, 3))))
    for _ in range(draw.choice((0, 1, 1, 2, 4))):
        data = draw.choice(_CHANGES)(draw, data)
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.choice((0, 0, 1, 3))))
    return data, cuts


def pieces(data, cuts):
    """`data` as the reads in which it arrives."""
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def _message(draw):
    kind = draw.randrange(3)
    usual = draw.random() < 0.8
    method = draw.choice(METHODS) if not usual else (b"GET", b"POST", b"POST")[kind]
    target = draw.choice(TARGETS) if not usual else b"/v1/chat/completions"
    version = draw.choice(VERSIONS) if not usual else b"HTTP/1.1"
    lines = [b"%b %b %b" % (method, target, version), b"Host: a"]
    body = b""
    if kind == 1:
        body = b"hello"
        lines.append(b"Content-Length: 5")
    elif kind == 2:
        body = draw.choice(CHUNKS) if draw.random() < 0.5 else CHUNKS[0]
        lines.append(b"Transfer-Encoding: chunked")
    if draw.random() < 0.3:
        lines.insert(draw.randrange(1, len(lines) + 1), draw.choice(FIELDS))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _flip(draw, data):
    if not data:
        return data
    at = draw.randrange(len(data))
    return data[:at] + bytes((draw.randrange(256),)) + data[at + 1 :]


def _cut(draw, data):
    at = draw.randrange(len(data) + 1)
    return data[:at] + data[at + draw.randrange(1, 9) :]


def _repeat(draw, data):
    at = draw.randrange(len(data) + 1)
    piece = data[at : at + draw.randrange(1, 30)]
    return data[:at] + piece + data[at:]


def _insert(draw, data):
    at = draw.randrange(len(data) + 1)
    return data[:at] + draw.choice((*ENDS, b" ", b"\t", b":", b";", b",", b'"')) + data[at:]


def _end(draw, data):
    """One line end becomes another."""
    ends = data.count(b"\r\n")
    if not ends:
        return data
    at = -2
    for _ in range(draw.randrange(ends) + 1):
        at = data.find(b"\r\n", at + 2)
    return data[:at] + draw.choice(ENDS) + data[at + 2 :]


def _field(draw, data):
    """A field more, after one of the lines."""
    lines = data.split(b"\r\n")
    lines.insert(draw.randrange(1, len(lines) + 1), draw.choice(FIELDS))
    return b"\r\n".join(lines)


def _line(draw, data):
    """A line doubled, dropped or moved."""
    lines = data.split(b"\r\n")
    line = lines[draw.randrange(len(lines))]
    if draw.random() < 0.5:
        lines.remove(line)
    if draw.random() < 0.7:
        lines.insert(draw.randrange(len(lines) + 1), line)
    return b"\r\n".join(lines)


def _digit(draw, data):
    """A number that is no longer true."""
    digits = [at for at, byte in enumerate(data) if 48 <= byte <= 57]
    if not digits:
        return data
    at = draw.choice(digits)
    return data[:at] + draw.choice((b"0", b"1", b"9", b"a", b"00", b"", b" ", b"1 1")) + data[at + 1 :]


_CHANGES = (_flip, _cut, _repeat, _insert, _end, _field, _field, _line, _digit)
