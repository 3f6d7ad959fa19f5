"""The same mutated bytes to Isthmus, h11 and aiohttp; `make fuzz` is the long run (fuzz.py)."""

import os

import pytest
from fuzz import differs, run
from mutate import case

CASES = 200_000 if os.environ.get("ISTHMUS_LONG") else 1_500

# Seeds and bytes that once showed a difference.
ONCE = {
    "two spaces after the method": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the version": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank before an extension": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0 ;x\r\n\r\n",
    "a trailer without colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX y\r\n\r\n",
    "a trailer that closes": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nConnection: close\r\n\r\n",
    "an extension without a name": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;\r\n\r\n",
}


@pytest.mark.parametrize("raw", ONCE.values(), ids=ONCE.keys())
def test_what_once_differed_differs_no_more(raw):
    assert differs(raw, []) == ("", 0)


def test_isthmus_never_takes_more_requests_than_the_strictest_reader():
    found, taken = run(0, CASES)
    assert not found
    assert sum(taken.values()) == CASES
    assert sum(count for requests, count in taken.items() if requests) > CASES // 10  # most are not mere noise


def test_a_seed_is_the_same_bytes_everywhere():
    assert case(7) == case(7)
    assert case(7) != case(8)


def test_a_reader_that_takes_more_is_found(monkeypatch):
    monkeypatch.setattr("fuzz.h11_accepts", lambda data, **_: 0)
    wrong, ours = differs(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [])
    assert (ours, wrong) == (1, "isthmus takes 1 requests, h11 0")
