"""Heads: what becomes a request, and what is refused. More of them, as dialogue, stand in test_door.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.gateway.head import FIELD_LIMIT, HEAD_LIMIT, LINE_LIMIT, check_unfinished, parse_head

HEAD = b"POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: localhost:8080\r\nX-Trace: A\r\nContent-Length: 5\r\n\r\n"


def test_a_request_never_shows_its_content():
    request = parse_head(HEAD)
    request.body = b"secret"
    assert "secret" not in repr(request)


def test_names_are_lower_case_and_values_keep_theirs():
    request = parse_head(HEAD)
    assert request.headers == {b"host": b"localhost:8080", b"x-trace": b"A", b"content-length": b"5"}
    assert (request.path, request.query) == (b"/v1/chat/completions", b"x=1")


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        (b"", True),
        (b"Connection: close\r\n", False),
        (b"Connection: Keep-Alive, Close\r\n", False),
        (b"Proxy-Connection: close\r\n", False),
    ],
    ids=["none", "close", "a list with close", "close, as old clients say it"],
)
def test_a_connection_is_kept_unless_the_caller_says_close(line, kept):
    assert parse_head(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % line).keep_alive is kept


@pytest.mark.parametrize("host", [b"localhost", b"a.example:443", b"[::1]", b"[::1]:80", b"127.0.0.1:8080"])
def test_a_host_may_be_a_name_or_an_address_with_a_port(host):
    assert parse_head(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host).headers[b"host"] == host


@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a?b", b"user@a", b"a:b", b"a:123456", b"[::1"])
def test_what_is_no_host_is_refused(host):
    with pytest.raises(Refusal):
        parse_head(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host)


def test_the_target_of_options_may_be_a_star():
    assert parse_head(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path == b"*"


def test_exactly_the_limit_of_fields_is_taken():
    fields = b"".join(b"X-%d: 1\r\n" % number for number in range(FIELD_LIMIT - 1))
    assert len(parse_head(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n").headers) == FIELD_LIMIT


def test_an_unfinished_head_within_its_limits_may_go_on():
    check_unfinished(b"GET / HTTP/1.1\r\nHo")


@pytest.mark.parametrize(
    "data",
    [b"x" * (HEAD_LIMIT + 1), b"x" * (LINE_LIMIT + 1), b"GET /\n", b"GET /\0"],
    ids=["head", "line", "LF", "NUL"],
)
def test_an_unfinished_head_that_can_become_none_is_refused_early(data):
    with pytest.raises(Refusal):
        check_unfinished(data)


@pytest.mark.parametrize("digits", [b"0", b"5", b"17"])
def test_a_head_that_differs_in_its_length_alone_is_the_same_head_with_that_length(digits):
    seen = parse_head(HEAD).seen
    seen.limit = 17
    again = HEAD.replace(b"Content-Length: 5", b"Content-Length: " + digits)
    body = b"x" * int(digits)
    request = seen.again(again + body + b"GET / ")
    fresh = parse_head(again)
    for name in ("method", "path", "query", "version", "headers", "keep_alive", "length"):
        assert getattr(request, name) == getattr(fresh, name)
    assert (request.body, seen.rest, request.seen) == (body, b"GET / ", seen)
    assert seen.again(HEAD) is None  # its body is still on the way: whoever reads bodies in pieces goes on


def test_a_body_that_is_too_long_is_no_known_head():
    seen = parse_head(HEAD).seen
    seen.limit = 4
    assert seen.again(HEAD + b"hello") is None


@pytest.mark.parametrize(
    "other",
    [
        HEAD.replace(b"Length: 5", b"Length: "),
        HEAD.replace(b"Length: 5", b"Length: -5"),
        HEAD.replace(b"Length: 5", b"Length: 5 5"),
        HEAD.replace(b"Length: 5", b"Length: 0x5"),
        HEAD.replace(b"Length: 5", b"Length: 1234567890123"),
        HEAD.replace(b"X-Trace: A", b"X-Trace: B"),
        HEAD.replace(b"Length: 5\r\n", b"Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        HEAD[:-2],
        HEAD[:40],
        b"",
    ],
)
def test_any_other_head_is_read_anew(other):
    seen = parse_head(HEAD).seen
    seen.limit = 10**13
    assert seen.again(other + b"hello") is None


@given(head=st.binary(max_size=20).map(lambda noise: HEAD[:60] + noise + HEAD[60:]))
def test_what_is_recognised_reads_the_same(head):
    seen = parse_head(HEAD).seen
    seen.limit = 100
    known = seen.again(head + b"hello")
    if known is not None:
        assert known.headers == parse_head(head[: head.index(b"\r\n\r\n") + 4]).headers


@pytest.mark.parametrize(
    ("target", "path"), [(b"http://LOCALHOST:8080/v1/x?y=1", b"/v1/x"), (b"https://localhost:8080", b"/")]
)
def test_a_whole_url_of_this_host_is_a_path(target, path):
    assert parse_head(b"GET %b HTTP/1.1\r\nHost: localhost:8080\r\n\r\n" % target).path == path
