"""How an answer is cut for its judges: at the ends of sentences, else by size; each piece with what came before it.

Rules of this room:
1. A piece ends between two events of a stream, never inside one: what is released keeps its bytes.
2. It ends behind a sentence, once it has `least` characters, or at `most` characters; not inside a word or a number, so
   that what a judge sees of one can be masked as a whole. One that is longer than SLACK is cut all the same.
3. With each piece go the last `overlap` characters of its channel before it, from the beginning of a word or number on:
   what two pieces share is seen as one.
4. An ASCII mark (.!?) ends a sentence only before a blank: 3.14 and a?b=c are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from isthmus.policy.guards import Pieces

SLACK = 64  # characters by which a piece may pass `most` for a word's sake


def joins(before: str, after: str) -> bool:
    """Whether a word or a number goes on from `before` to `after`."""
    if before.rstrip(" -")[-1:].isdigit():
        return True
    last, first = before[-1:], after[:1]
    return (
        last.isascii()
        and (last.isalnum() or last in "@._+-")
        and first.isascii()
        and (first.isalnum() or first in "@._+-")
    )


class Cutter:
    """The pieces of one stream. What it is given is one event's text on one channel at a time."""

    __slots__ = ("_channel", "_cut", "_end", "_size", "_tails", "_texts")

    def __init__(self, cut: Pieces) -> None:
        self._cut = cut
        self._end = _ends(cut.ends)
        self._texts: dict[str, str] = {}
        self._tails: dict[str, str] = {}
        self._size = 0
        self._channel = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no text in the piece yet."""
        return not self._size

    def ends_before(self, channel: str, text: str) -> bool:
        """Whether the piece ends before this text."""
        size = self._size
        if not size:
            return False
        if channel != self._channel:
            return size >= self._cut.least
        gathered = self._texts[channel]
        if size >= self._cut.least and self._ended(gathered, text[:1]):
            return True
        full = size + len(text) > self._cut.most
        return full and (size >= self._cut.most + SLACK or not joins(gathered, text))

    def _ended(self, gathered: str, first: str) -> bool:
        """Whether the sentence that `gathered` ends with is over, now that `first` follows."""
        if self._end is None:
            return False
        match = self._end.search(gathered + first, max(0, len(gathered) - 1))
        return match is not None and match.end() == len(gathered)

    def add(self, channel: str, text: str) -> bool:
        """Take the text. Returns whether the piece ends behind it."""
        start = self._size
        self._size += len(text)
        self._channel = channel
        self._texts[channel] = whole = self._texts.get(channel, "") + text
        if self._end is not None:
            least = self._cut.least
            for match in self._end.finditer(whole, max(0, len(whole) - len(text) - 1)):
                if start + match.end() - (len(whole) - len(text)) >= least:
                    return True
        return self._size >= self._cut.most and not joins(whole, "a")

    def take(self) -> dict[str, str]:
        """The piece by channel, each text with what came before it; the next piece begins."""
        piece = {channel: self._tails.get(channel, "") + text for channel, text in self._texts.items()}
        for channel, whole in piece.items():
            self._tails[channel] = tail(whole, self._cut.overlap)
        self._texts = {}
        self._size = 0
        return piece


def _ends(marks: str) -> re.Pattern[str] | None:
    blank = "".join(mark for mark in marks if mark.isascii() and not mark.isspace())
    plain = "".join(mark for mark in marks if mark not in blank)
    either = [f"[{re.escape(plain)}]"] if plain else []
    either += [rf"[{re.escape(blank)}](?=\s)"] if blank else []
    return re.compile("|".join(either)) if either else None


def tail(text: str, size: int) -> str:
    """The last `size` characters, and the rest of the word or number that they begin in, if that is below SLACK."""
    if size <= 0:
        return ""
    start = begun = max(0, len(text) - size)
    while start and joins(text[max(0, start - 4) : start], text[start : start + 1]):
        start -= 1
        if begun - start >= SLACK:
            return text[begun:]
    return text[start:]


def whole(texts: Mapping[str, str], cut: Pieces) -> Iterator[dict[str, str]]:
    """A whole answer, by channel, as pieces of at most `cut.whole` characters (and SLACK)."""
    for channel, text in texts.items():
        at, before = 0, ""
        while at < len(text):
            end = min(len(text), at + cut.whole)
            last = min(len(text), end + SLACK)
            while end < last and joins(text[max(0, end - 4) : end], text[end : end + 1]):
                end += 1
            yield {channel: before + text[at:end]}
            before, at = tail(text[max(0, end - cut.overlap - SLACK) : end], cut.overlap), end
