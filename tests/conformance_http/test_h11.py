"""What h11's own tests ask of a server's reading side, asked of the door.

The cases are facts from python-hyper/h11 0.16 (MIT): tests/test_io.py, test_connection.py and test_headers.py. `theirs`
is the number of requests h11 takes, which a test asks h11 itself; `ours` the door's, with the reason where it is smaller.
"""

import pytest
from dialogue import Dialogue
from readers import h11_accepts

HOST = b"Host: example.com\r\n"


def get(fields=HOST, line=b"GET /a HTTP/1.1"):
    return line + b"\r\n" + fields + b"\r\n"


def post(fields, body=b""):
    return get(HOST + fields, b"POST /a HTTP/1.1") + body


CHUNKED = b"Transfer-Encoding: chunked\r\n"
AGREED = {  # bytes, requests taken by both
    "a request that closes": (get(HOST + b"Connection: close\r\n"), 1),
    "HTTP/1.0 with fields": (get(b"Some: header\r\n", b"HEAD /foo HTTP/1.0"), 1),
    "HTTP/1.0 without fields": (get(b"", b"HEAD /foo HTTP/1.0"), 1),
    "an empty value": (get(HOST + b"Foo:\r\n"), 1),
    "a value of blanks": (get(HOST + b"Foo: \t \t \r\n"), 1),
    "a value of single letters": (get(HOST + b"Foo: a a a a a \r\n"), 1),
    "ten bytes of body": (post(b"Content-Length: 10\r\n", b"0123456789"), 1),
    "an empty body": (post(b"Content-Length: 0\r\n"), 1),
    "chunks": (post(CHUNKED, b"5\r\n01234\r\n10\r\n0123456789abcdef\r\n0\r\nSome: header\r\n\r\n"), 1),
    "a chunk size with zeros before it": (post(CHUNKED, b"00005\r\n01234\r\n00\r\n\r\n"), 1),
    "upper and lower case sizes": (post(CHUNKED, b"aA\r\n" + b"x" * 0xAA + b"\r\n0\r\n\r\n"), 1),
    "an extension": (post(CHUNKED, b"5; a\r\n01234\r\n0\r\n\r\n".replace(b"; ", b";")), 1),
    "coding in mixed case": (post(b"Transfer-Encoding: cHuNkEd\r\n", b"0\r\n\r\n"), 1),
    "three pipelined": (post(b"Content-Length: 5\r\n", b"12345") + post(CHUNKED, b"0\r\n\r\n") + get(), 3),
    "nothing after close": (get(HOST + b"Connection: close\r\n") + get(), 1),
    "an upgrade that is not taken": (get(HOST + b"Connection: upgrade\r\nUpgrade: a\r\n") + get(), 2),
    "an expectation": (post(b"Expect: 100-continue\r\nContent-Length: 1\r\n", b"x"), 1),
    "a name with a blank": (get(HOST + b"foo bar: baz\r\n"), 0),
    "a name with NUL": (get(HOST + b"foo\0bar: baz\r\n"), 0),
    "a name with eight bits": (get(HOST + b"foo\xffbar: baz\r\n"), 0),
    "a name with a control byte": (get(HOST + b"foo\x01bar: baz\r\n"), 0),
    "a bare CR in a value": (get(HOST + b"foo: bar\rbaz\r\n"), 0),
    "a NUL in a value": (get(HOST + b"foo: bar\0baz\r\n"), 0),
    "a fold before any field": (get(b"  folded: line\r\n"), 0),
    "blanks before the colon": (get(HOST + b"foo  : line\r\n"), 0),
    "a tab before the colon": (get(HOST + b"foo\t: line\r\n"), 0),
    "no name": (get(HOST + b": line\r\n"), 0),
    "a length of letters": (post(b"Content-Length: asdf\r\n"), 0),
    "a length with letters": (post(b"Content-Length: 1x\r\n", b"x"), 0),
    "two lengths": (post(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"xx"), 0),
    "a list of unequal lengths": (post(b"Content-Length: 1 , 1,2\r\n", b"xx"), 0),
    "a length of 21 digits": (post(b"Content-Length: " + b"1" * 21 + b"\r\n", b"x"), 0),
    "an unknown coding": (post(b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n"), 0),
    "two codings": (post(CHUNKED + b"Transfer-Encoding: gzip\r\n", b"0\r\n\r\n"), 0),
    "no Host": (get(b""), 0),
    "two Hosts": (get(HOST + HOST), 0),
    "a bad chunk size": (post(CHUNKED, b"9 9\r\n"), 0),
    "a chunk size of spaces": (post(CHUNKED, b"  \r\n"), 0),
    "a chunk without its end": (post(CHUNKED, b"3\r\nabcde\r\n0\r\n\r\n"), 0),
    "a chunk size without end": (post(CHUNKED, b"9" * 100 + b"\r\n"), 0),
    "not HTTP": (b"\x16\x03\x01\x00\xa5\r\n\r\n", 0),
    "words": (b"hello there\r\n\r\n", 0),
    "an empty line first": (b"\r\n" + get(), 0),
}
STRICTER = {  # bytes that h11 takes once and the door refuses, with its reason
    "lines that end in LF": (b"GET /a HTTP/1.1\nHost: a\n\n", "RFC 9112, 2.2 allows LF alone; readers differ about it"),
    "a folded value": (get(HOST + b"Some: multi-line\r\n header\r\n"), "RFC 9112, 5.2: obs-fold is refused or replaced"),
    "two equal lengths": (post(b"Content-Length: 0\r\nContent-Length: 0\r\n"), "RFC 9110, 8.6: may be refused"),
    "a list of equal lengths": (post(b"Content-Length: 0 , 0\r\n"), "RFC 9110, 8.6: may be refused"),
    "length and coding": (post(b"Content-Length: 9\r\n" + CHUNKED, b"0\r\n\r\n"), "RFC 9112, 6.1: smuggling"),
    "coding in HTTP/1.0": (
        get(HOST + CHUNKED, b"POST /a HTTP/1.0") + b"0\r\n\r\n", "RFC 9112, 6.1: faulty framing",
    ),
    "a POST without length": (post(b""), "411: a body was forgotten more often than meant to be empty"),
    "another method": (get(HOST, b"BREW /a HTTP/1.1"), "no path takes it"),
    "a blank at the end of a chunk size": (post(CHUNKED, b"5 \r\n01234\r\n0\r\n\r\n"), "not in the grammar"),
    "another target": (get(HOST, b"GET a HTTP/1.1"), "RFC 9112, 3.2: neither a path nor a URL"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "taken"), AGREED.values(), ids=AGREED.keys())
def test_the_door_and_h11_take_the_same_requests(raw, taken):
    dialogue = Dialogue().say(raw)
    assert (len(dialogue.requests), h11_accepts(raw)) == (taken, taken)


@pytest.mark.parametrize(("raw", "why"), STRICTER.values(), ids=STRICTER.keys())
def test_the_door_refuses_what_h11_takes_for_a_reason(raw, why):
    dialogue = Dialogue().say(raw)
    assert h11_accepts(raw) == 1
    assert not dialogue.requests, why
    assert dialogue.refused
    assert dialogue.line.closed
