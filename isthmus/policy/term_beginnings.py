"""How terms begin: what a text that still comes is held against, so that only what could become a term waits.

Most questions are answered by filters, hash tables without keys: a byte each, 0 being certain and 1 only likely.
"""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.policy.term_index import Index, OncePer, places

_SLOTS = 1 << 19
MASK = _SLOTS - 1
PLANE = 0xFFFF


def _filter(words: Iterable[str]) -> bytearray:
    """One byte per slot of a hash table without keys: 0 at hash(word) & MASK is certain, 1 is likely."""
    made = bytearray(_SLOTS)
    for word in words:
        made[hash(word) & MASK] = 1
    return made


class Beginnings:
    """How terms begin, for texts that still come; the same for all scanners of one index.

    `heads`, `prefixes` are filters (see _filter): the first two letters, and of terms that begin in ASCII the first one
    to four. `starts` is one of first letters, by the last 16 bits of their code points: certain for all but rare ones.
    `openers`: what stands before each gap of such a term's own, and the whole term. `spans`: from which place on and up
    to which terms have two first letters, where those are ASCII.
    """

    __slots__ = ("has_single", "heads", "longest", "openers", "phrases", "prefixes", "spans", "starts")

    def __init__(self, index: Index) -> None:
        words = index.letters
        self.longest = max(map(len, words), default=0)
        self.starts = bytearray(PLANE + 1)
        for word in words:
            self.starts[ord(word[0]) & PLANE] = 1
        self.heads = _filter(word[:2] for word in words)
        self.prefixes = _filter(
            word[:size] for word in words if word[0] < "\x80" for size in (1, 2, 3, 4) if word[:size].isascii()
        )
        self.openers = frozenset(
            word[:place]
            for word, breaks in zip(words, index.breaks, strict=True)
            if word[0] < "\x80"
            for place in ((*places(breaks), len(word)) if breaks else (len(word),))
        )
        self.spans: dict[str, tuple[int, int]] = {}
        for place, word in enumerate(words):
            head = word[:2]
            if len(head) == 2 and head.isascii():
                self.spans[head] = (self.spans.get(head, (place, 0))[0], place + 1)
        self.has_single = any(len(word) == 1 for word in words)
        self.phrases = frozenset(
            word[place : place + 2]
            for word, breaks in zip(words, index.breaks, strict=True)
            if breaks
            for place in places(breaks)
            if word[place].isascii()
        )


begin = OncePer(Beginnings)  # how the terms of an index begin
