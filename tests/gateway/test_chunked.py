"""Chunked bodies: the same in any split, and nothing that two readers could frame differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.gateway.chunked import LINE_LIMIT, TRAILERS_LIMIT, Dechunker


@given(st.data())
def test_a_chunked_body_is_the_same_in_any_split(data):
    raw = b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: x\r\n\r\nREST"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=8)))
    chunks = Dechunker(100)
    rest = raw
    for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        body = chunks.feed(raw[a:b])
        if body is not None:
            rest = chunks.rest + raw[b:]
            break
    assert (body, rest) == (b"hello world", b"REST")


BROKEN = {
    "no line end after the chunk": b"5\r\nhelloX\r\n",
    "a size that is no number": b"g\r\n",
    "a signed size": b"+5\r\nhello\r\n",
    "a bare line feed": b"5\nhello",
    "a bare carriage return": b"5\r\nhello\r\r\n",
    "a line without end": b"1;" + b"x" * LINE_LIMIT,
    "a trailer with a control byte": b"0\r\nT: \0\r\n\r\n",
    "a trailer that is no field": b"0\r\nX y\r\n\r\n",
    "a trailer that frames": b"0\r\ncontent-Length: 5\r\n\r\n",
    "a trailer that closes the connection": b"0\r\nConnection: close\r\n\r\n",
    "a trailer that says who asks": b"0\r\nAuthorization: Bearer x\r\n\r\n",
    "a blank before an extension": b"5 ;x\r\nhello\r\n0\r\n\r\n",
    "an extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "a quote that never closes": b'5;x="a\r\nhello\r\n0\r\n\r\n',
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_chunk_is_refused_wherever_it_is_cut(raw):
    for cut in range(len(raw)) if len(raw) < 100 else (0,):
        chunks = Dechunker(9999)
        with pytest.raises(Refusal) as refused:
            feed(chunks, raw[:cut], raw[cut:])
        assert refused.value.code == "bad_request"


def feed(chunks, *pieces):
    for piece in pieces:
        chunks.feed(piece)


def test_a_body_that_grows_too_large_is_refused_when_its_size_is_announced():
    with pytest.raises(Refusal) as refused:
        Dechunker(4).feed(b"5\r\n")
    assert refused.value.code == "body_too_large"


def test_an_empty_body_is_whole_at_once():
    chunks = Dechunker(4)
    assert chunks.feed(b"0\r\n\r\nnext") == b""
    assert chunks.rest == b"next"


def test_trailers_are_counted():
    chunks = Dechunker(9)
    assert chunks.feed(b"0\r\n" + b"T: x\r\n" * TRAILERS_LIMIT) is None
    with pytest.raises(Refusal, match="headers_too_large"):
        chunks.feed(b"T: x\r\n")


@pytest.mark.parametrize("extension", [b";x", b";x=y", b';x="a;b\\" c";y'])
def test_a_well_formed_extension_is_dropped(extension):
    assert Dechunker(9).feed(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n") == b"hello"
