"""Events of a stream that are alike but for their text: of the next ones the text is all that is read, in C.

A partner writes a stream's events with one template: identity, model, an empty finish reason. Where one event did
nothing but add text to the content, it says how the others begin and end, and a whole read of them is taken at once.
"""

from __future__ import annotations

from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

import msgspec

from isthmus.partners.openai_chat import USAGE


class Alike(NamedTuple):
    """How an event began and ended, as it is sent, that did nothing but add text to the content.

    `tail`: in what it ended, digits left out, where it told the use so far (Ark, `chunk_include_usage`), which is not
    sent on; empty where it told nothing.
    """

    begin: bytes
    end: bytes
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
            event, tail = front, tail.translate(None, _DIGITS)
        start = event.find(_CONTENT) + len(_CONTENT)
        start += event[start : start + 1] == b" "
        read = text.encode("utf-8", "surrogatepass")
        end = start + 1 + len(read)
        if event[start : end + 1] != b'"%b"' % read or whole.find(_CONTENT, end) >= 0:
            return None
        return cls(b"data: %b" % event[: start + 1], event[end:], tail)

    def many(self, read: bytes) -> tuple[list[str], int, bytes, bytes]:
        """The texts of the events that are alike from the first byte of `read` on, their bytes, the last's data, and
        all as they are sent.

        None are read where one of them is not what it seems: then each must be read well. Between the quotes stands
        one JSON string (RFC 8259, 7) exactly when it can be read as one.
        """
        begin, end, tail = self
        events = read.split(BLANK)
        events[-1] = b""  # the rest of it comes with the next read
        # All of this runs in C, event after event.
        alike = [*map(bytes.startswith, events, repeat(begin))].index(False)
        tails: list[bytes] = []
        if tail:
            parts = [*map(bytes.rpartition, events[:alike], repeat(USAGE))]
            events = [*map(itemgetter(0), parts), b""]
            tails = [*map(itemgetter(2), parts)]
            told = [*map(bytes.translate, tails, repeat(None), repeat(_DIGITS)), b""]
            alike = [*map(tail.__eq__, told)].index(False)
        alike = min(alike, [*map(bytes.endswith, events, repeat(end))].index(False))
        events = events[:alike]
        texts = [*map(itemgetter(slice(len(begin), -len(end))), events)]
        joined = b"".join(texts)
        size = sum(map(len, events))
        if not joined or size != len(joined) + len(events) * (len(begin) + len(end)):
            return _NONE
        try:
            if _QUOTE in joined or _BACKSLASH in joined or not joined.decode().isprintable():
                pieces = [_string(b'"%b"' % text) for text in texts]
            else:
                pieces = [*map(bytes.decode, texts)]
        except (UnicodeDecodeError, msgspec.DecodeError):
            return _NONE
        size += len(events) * len(BLANK)
        if not tail:
            return pieces, size, events[-1][len(DATA) :], read[:size]
        size += sum(map(len, tails[:alike])) + alike * len(USAGE)
        return pieces, size, events[-1][len(DATA) :] + b"}", b"}\n\n".join([*events, b""])


DATA, BLANK = b"data: ", b"\n\n"  # an event's line (WHATWG HTML, 9.2.6), and its end
_string = msgspec.json.Decoder(str).decode
_CONTENT = b'"content":'
_QUOTE, _BACKSLASH = b'"\\'
_DIGITS = b"0123456789"
_NONE: tuple[list[str], int, bytes, bytes] = ([], 0, b"", b"")
