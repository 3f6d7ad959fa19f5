"""Request smuggling: the disguises of `Transfer-Encoding` that the smuggler tool tries, each beside a Content-Length.

The families are those of defparam/smuggler, configs/exhaustive.py, generated anew. A disguise is harmless in two ways
only: the door refuses it, or the line is an ordinary field and every reader frames the body by Content-Length.
"""

import pytest
from dialogue import Dialogue
from readers import aiohttp_accepts, h11_accepts

TE = b"Transfer-Encoding"
NAMED = {
    "a name that begins with a space": b" %b: chunked" % TE,
    "a tab before the value": b"%b:\tchunked" % TE,
    "a tab on both sides of the colon": b"%b\t:\tchunked" % TE,
    "a space in the name": b"Transfer Encoding: chunked",
    "an underscore in the name": b"Transfer_Encoding: chunked",
    "no space after the colon": b"%b:chunked" % TE,
    "a space before the colon": b"%b : chunked" % TE,
    "two spaces before the value": b"%b:  chunked" % TE,
    "a vertical tab before the value": b"%b:\x0bchunked" % TE,
    "chunked, then another": b"%b: chunked, cow" % TE,
    "another, then chunked": b"%b: cow, chunked" % TE,
    "a folded value": b"%b:\n chunked" % TE,
    "a value folded with CRLF": b"%b:\r\n chunked" % TE,
    "a quoted value": b'%b: "chunked"' % TE,
    "a value in apostrophes": b"%b: 'chunked'" % TE,
    "half a value": b"%b: chunk" % TE,
    "mixed case": b"TrAnSFer-EnCODinG: cHuNkeD",
    "upper case": b"TRANSFER-ENCODING: CHUNKED",
    "a CR after the value": b"%b: chunked\r" % TE,
    "a tab after the value": b"%b: chunked\t" % TE,
    "two fields": b"%b: cow\r\n%b: chunked" % (TE, TE),
    "two fields the other way": b"%b: chunked\r\n%b: cow" % (TE, TE),
    "a CR in the name": b"Transfer\r-Encoding: chunked",
    "three words": b"%b: cow chunked bar" % TE,
    "a wide letter in the value": b"%b: ch\x96nked" % TE,
    "a wide letter in the name": b"Transf\x82r-Encoding: chunked",
    "after a CR in another field": b"X:X\r%b: chunked" % TE,
    "after an LF in another field": b"X:X\n%b: chunked" % TE,
}
PLACES = {
    "before the value": b"%b:%%cchunked" % TE,
    "after the name": b"%b%%c: chunked" % TE,
    "before the name": b"%%c%b: chunked" % TE,
    "after the value": b"%b: chunked%%c" % TE,
    "after the value, before a field": b"%b: chunked%%cX: X" % TE,
    "after the value and CR": b"%b: chunked\r%%cX: X" % TE,
    "after the value, before LF": b"%b: chunked%%c\nX: X" % TE,
    "in another field": b"X: X%%c%b: chunked" % TE,
    "in another field after CR": b"X: X\r%%c%b: chunked" % TE,
    "in another field before LF": b"X: X%%c\n%b: chunked" % TE,
}
BYTES = [*range(1, 0x21), *range(0x7F, 0x100)]


def payload(disguise):
    """Two readings are possible: five bytes of body, or an empty chunked body and the start of a second request."""
    body = b"0\r\n\r\nGET /stolen HTTP/1.1\r\nHost: a\r\n\r\n"
    return b"POST / HTTP/1.1\r\n%b\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (disguise, len(body), body)


@pytest.mark.parametrize("disguise", NAMED.values(), ids=NAMED.keys())
def test_a_disguised_coding_beside_a_length_is_refused_and_nothing_after_it_is_read(disguise):
    dialogue = Dialogue().say(payload(disguise))
    assert dialogue.status == 400
    assert not dialogue.requests
    assert dialogue.line.closed


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_any_odd_byte_in_any_place_is_refused_or_means_the_same_to_every_reader(place):
    for byte in BYTES:
        raw = payload(place % byte)
        dialogue = Dialogue().say(raw)
        if dialogue.requests:
            assert [request.path for request in dialogue.requests] == [b"/"], byte
            assert (h11_accepts(raw, step=len(raw)), aiohttp_accepts(raw, step=len(raw))) == (1, 1), byte
        else:
            assert dialogue.status == 400, byte


def test_the_only_place_that_is_taken_is_inside_the_value_of_another_field():
    taken = {name for name, place in PLACES.items() for byte in BYTES if Dialogue().say(payload(place % byte)).requests}
    assert taken == {"in another field"}


def test_content_encoding_is_no_transfer_encoding():
    assert [request.path for request in Dialogue().say(payload(b"Content-Encoding: chunked")).requests] == [b"/"]
