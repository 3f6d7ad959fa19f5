"""Events of a stream that are alike but for their text: of the next ones the text is all that is read, in C.

A partner writes a stream's events with one template: identity, model, an empty finish reason. Where one event did
nothing but add text to the content, it says how the others begin and end, and a whole read of them is taken at once:
what stands between their texts is one and the same, so the read is cut there.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

import msgspec

from isthmus.partners.openai_chat import USAGE


class Alike(NamedTuple):
    """How an event began and ended that did nothing but add text to the content.

    `begin` is its line up to the text, `end` what followed, as it is sent, and `close` as it came, up to what it
    told of the use so far (Ark, `chunk_include_usage`), which is not sent on; `tail`: in what it ended then, digits
    left out.
    """

    begin: bytes
    end: bytes
    close: bytes
    tail: bytes

    @classmethod
    def of(cls, event: bytes, text: str, whole: bytes) -> Alike | None:
        """What is around `text` in `event`, as it is sent; None where it does not stand there letter for letter.
        `whole`: as it came.

        A quoted name with its colon cannot occur inside a JSON string, so the one occurrence is the right one: without
        any escape in the event, the name is not spelled otherwise either.
        """
        if _BACKSLASH in whole:
            return None
        tail = b""
        if event is not whole:
            front, _, tail = whole.rpartition(USAGE)
            if event != front + b"}":
                return None
            event, tail = front, b"{" + tail.translate(None, _DIGITS)
        start = event.find(_CONTENT) + len(_CONTENT)
        start += event[start : start + 1] == b" "
        read = text.encode("utf-8", "surrogatepass")
        end = start + 1 + len(read)
        if event[start : end + 1] != b'"%b"' % read or whole.find(_CONTENT, end) >= 0:
            return None
        begin, rest = DATA + event[: start + 1], event[end:]
        if tail:
            # Cut before the brace: bytes.split is slow where what it looks for ends in a byte that the text is full of.
            return cls(begin, rest + b"}\n\n", rest + USAGE[:-1], tail)
        return cls(begin, rest + BLANK, rest + BLANK, b"")

    def many(self, read: bytes) -> Many | None:
        """The events from the first byte of `read` on that are alike, up to the last that ends as they do: their
        texts (of ASCII as bytes), what these say together, how many bytes the events were, all as they are sent, and
        what the last one tells beside its text, as an event's data; empty where none tells anything.

        None where one of them is not what it seems: then each must be read well. Between the quotes stands one JSON
        string (RFC 8259, 7) exactly when it can be read as one.
        """
        begin, end, close, tail = self
        stop = read.rfind(close)
        after = read.find(BLANK, stop)
        if after < 0:  # the last one is not whole
            stop = read.rfind(close, 0, max(stop, 0))
            after = read.find(BLANK, stop)
        start = len(begin)
        if stop < start or after < 0 or not read.startswith(begin):
            return None
        told = tails = b""
        texts = read[start : after if tail else stop].split(close)  # from here on all runs in C, event after event
        if tail:
            cut = [*map(bytes.partition, texts[1:], repeat(BLANK))]  # what each one tells, and the next one's line
            told, tails = b'{"usage":' + cut[-1][0], b"".join(map(_first, cut))
            if tails.translate(None, _DIGITS) != tail * len(cut):
                return None
            texts[1:] = map(_third, cut[:-1])
        texts[1:] = map(bytes.removeprefix, texts[1:], repeat(begin))
        size = after + len(BLANK)
        joined = b"".join(texts)
        between = len(tails) + len(BLANK) * len(texts) if tail else 0
        if len(joined) + between + len(texts) * (len(begin) + len(close)) != size:
            return None  # one of them begins otherwise
        pieces: Sequence[bytes | str]
        try:
            text = joined.decode()
            if _QUOTE in joined or _BACKSLASH in joined or not text.isprintable():
                pieces = read_well = [_string(b'"%b"' % piece) for piece in texts]
                text = "".join(read_well)
            else:
                pieces = texts if joined.isascii() else [*map(bytes.decode, texts)]
        except (UnicodeDecodeError, msgspec.DecodeError):
            return None
        if not text:
            return None
        framed = begin + (end + begin).join(texts) + end if tail else read[:size]
        return pieces, text, size, framed, told


Many = tuple[Sequence[bytes | str], str, int, bytes, bytes]
DATA, BLANK = b"data: ", b"\n\n"  # an event's line (WHATWG HTML, 9.2.6), and its end
_string = msgspec.json.Decoder(str).decode
_CONTENT = b'"content":'
_QUOTE, _BACKSLASH = b'"\\'
_DIGITS = b"0123456789"
_first, _third = itemgetter(0), itemgetter(2)
