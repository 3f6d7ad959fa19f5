"""Term lists at work: the first forbidden word of a text, and how much of a text could still become one.

Rules of this room:
1. A match is a term's letters and digits in the folded text (policy/normalise), with no gap or a gap that a reader
   reads over: symbols inside a word ("f*u*c*k"), isolated letters ("f u c k"), spaced Chinese.
2. A Latin edge of a term is a word's edge: "ass" is not in "class".
3. The first match is the one that is decided first: by its end (a Latin end is decided one character later), then by
   its start. So it is the same word whether the text came whole or in pieces.
4. What could still become a match is kept: from the earliest place whose letters are a prefix of some term.
5. A clean text costs two scans (terms with marks, shapes); folding happens only when a mark or shape was seen.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Mapping
from functools import cache
from itertools import combinations, pairwise
from typing import NamedTuple

from isthmus.core.scanner import Literals, Presence
from isthmus.policy.normalise import FOLD, changing, fold, offsets, strip

MAX_GAP = 8  # characters a reader reads over; more is a break
_INK = "#$%&'*+-./<=>@\\^_`|~·•‧・∙⋅★☆♥♡◆●○■□▪▫◇△▽※→×÷…—–‐‑‒―¦§¤°†‡＃＄％＆＇＊＋－．／＜＝＞＠＼＾＿｀｜～"
_SPACE = " \t\u00a0\u2002\u2003\u2009\u3000"
_FREE_BREAKS = 3  # of a term, each of which may hold a space or none
_READ_OVER = frozenset(_INK + _SPACE)
_SPACES = frozenset(_SPACE)


class Hit(NamedTuple):
    """A forbidden word: its category, its place in the text (characters), and the list's own spelling."""

    category: str
    start: int
    end: int
    term: str


class _Term(NamedTuple):
    text: str  # as the list has it
    category: str
    letters: str  # folded and stripped
    breaks: frozenset[int]  # before which letters the term itself has a gap
    latin_start: bool
    latin_end: bool


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def tail(before: str, shown: str) -> str:
    """The folded character that ends `before` + `shown`: what `look` must know of a text that has gone."""
    if shown and shown[-1] < "\x80":
        return shown[-1].lower()
    for character in reversed(shown):
        spelled = FOLD[ord(character)]
        if spelled:
            return spelled[-1]
    return before


def _read(text: str, category: str) -> _Term | None:
    letters: list[str] = []
    breaks = set()
    gap = False
    for character in fold(text):
        if not character.isalnum():
            gap = True
            continue
        border = bool(letters) and _is_latin(letters[-1]) != _is_latin(character)
        if letters and (gap or border):
            breaks.add(len(letters))
        letters.append(character)
        gap = False
    if not letters:
        return None
    joined = "".join(letters)
    return _Term(text, category, joined, frozenset(breaks), _is_latin(joined[0]), _is_latin(joined[-1]))


def _spellings(term: _Term) -> set[str]:
    """How the term stands in an ordinary text: a space or none at each of its own breaks.

    A term of many breaks has spaces at all of them or at none (`_stands` says the same).
    """
    breaks = sorted(term.breaks)
    if len(breaks) > _FREE_BREAKS:
        chosen = [(), tuple(breaks)]
    else:
        chosen = [some for size in range(len(breaks) + 1) for some in combinations(breaks, size)]
    return {
        "".join((" " if place in some else "") + letter for place, letter in enumerate(term.letters)) for some in chosen
    }


# Gaps with which single letters are scattered ("f, u, c, k"). All gaps of one word are the same.
_SCATTERED = (" ", ",", ", ", ";", "; ", ":", "!", "?", "\n", ". ", " - ", "、", "，")
_SCATTER_SIGNS = frozenset("".join(_SCATTERED))
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_BLANKS = frozenset(" \t\n\r\x0b\x0c")
_SHORT = 6  # characters of a piece that is looked at pair by pair
_NO_LETTER = bytes(point for point in range(0x80) if not chr(point).isalnum())
_INK_BYTE = rb"[#-'*+\-./<=>@\\^_`|~\t]"
_WIDE_BYTE = rb"[\x80-\xff]"
_LETTER_BYTE = rb"[0-9A-Za-z\x80-\xff]"


@cache
def _marks() -> frozenset[str]:
    """Strings without which folding finds no more than ASCII case. Checked by property tests."""
    return frozenset({*map(chr, changing()), *(sign for sign in _INK + _SPACE if not sign.isascii())})


def _shapes() -> tuple[bytes, bytes]:
    """Without the first no symbol stands inside a word and no space inside a Chinese one; without the second no
    letters are scattered."""
    ink = _LETTER_BYTE + _INK_BYTE + rb"(?:" + _LETTER_BYTE + rb"|" + _INK_BYTE + rb")"
    space = _WIDE_BYTE + rb"(?: (?:" + _WIDE_BYTE + rb"|" + _INK_BYTE + rb")|" + _INK_BYTE + rb" )"
    scattered = b"|".join(b"[0-9A-Za-z]".join([re.escape(gap.encode())] * 3) for gap in _SCATTERED)
    wide_gap = _LETTER_BYTE + rb" {2,8}(?:" + _LETTER_BYTE + rb"|" + _INK_BYTE + rb")"
    return b"|".join((ink, space, wide_gap)), scattered


def _by_end(found: tuple[int, int, int]) -> int:
    return found[2]


@cache
def _watchers(portable: bool) -> tuple[Presence, Presence]:
    """Any shape at all, and scattered letters: the same for every list, so they are compiled once."""
    inked, scattered = _shapes()
    return Presence([inked + b"|" + scattered], portable=portable), Presence([scattered], portable=portable)


def _spaced(folded: str, start: int, end: int, *, last: bool) -> bool:
    """Whether three letters stand apart on one side too, so that a reader takes them for one word."""
    if start == 0 or folded[start - 1] == " ":
        return True
    return last if end == len(folded) else folded[end] == " "


class TermScanner:
    """`lists`: term -> category. Building takes seconds for 64,000 terms; scanning does not depend on their number.

    `portable` asks for the standard-library automaton.
    """

    __slots__ = (
        "_has_single",
        "_heads",
        "_letters",
        "_literals",
        "_longest",
        "_openers",
        "_phrases",
        "_prefixes",
        "_scattered",
        "_shapes",
        "_starts",
        "_terms",
    )

    def __init__(self, lists: Mapping[str, str], *, portable: bool = False) -> None:
        read = [term for text, category in lists.items() if (term := _read(text, category)) is not None]
        spelled: dict[bytes, _Term] = {}
        for term in sorted(read, key=len):
            for spelling in _spellings(term):
                spelled.setdefault(spelling.encode("utf-8", "surrogatepass"), term)
        self._terms = [(term, len(spelling)) for spelling, term in spelled.items()]
        marks = [mark.encode() for mark in _marks() if mark.encode() not in spelled]
        self._literals = Literals([*spelled, *marks] if spelled else [], portable=portable)
        self._shapes, self._scattered = _watchers(portable)
        self._letters = sorted({term.letters for term in read})
        self._longest = max(map(len, self._letters), default=0)
        self._starts = frozenset(letters[0] for letters in self._letters)
        self._heads = frozenset(letters[:2] for letters in self._letters)
        self._prefixes = frozenset(letters[:size] for letters in self._letters for size in (1, 2, 3, 4))
        self._openers = frozenset(term.letters[:place] for term in read for place in (*term.breaks, len(term.letters)))
        self._has_single = any(len(letters) == 1 for letters in self._letters)
        self._phrases = frozenset(
            term.letters[place : place + 2] for term in read for place in term.breaks if term.letters[place].isascii()
        )

    # -- a whole text ----------------------------------------------------------------------------------------

    def find(self, data: bytes, allowed: Collection[str] = ()) -> Hit | None:
        """The first match in a whole text (UTF-8). `allowed` holds letters of terms that do not count."""
        found = self._literals.search(data)
        if found and max(found)[0] >= len(self._terms):
            return self._thorough(data, allowed)
        padded = b" " + data + b" "  # letters may be scattered up to the very ends
        if self._shapes.seen(padded) and (
            self._scattered.seen(padded) or self._literals.search(data.translate(None, _NO_LETTER))
        ):
            return self._thorough(data, allowed)
        return self._plain(data, found, allowed) if found else None

    def _thorough(self, data: bytes, allowed: Collection[str]) -> Hit | None:
        return self.look("", data.decode("utf-8", "surrogatepass"), allowed, last=True)[0]

    def _plain(self, data: bytes, found: list[tuple[int, int, int]], allowed: Collection[str]) -> Hit | None:
        """Matches in a text without any shape: only the edges are left to judge."""
        best: tuple[int, int] | None = None
        hit = None
        size = len(data)
        for index, _, end in found:
            term, length = self._terms[index]
            start = end - length
            if term.latin_start and start and data[start - 1 : start].isalnum():
                continue
            if term.latin_end and end < size and data[end : end + 1].isalnum():
                continue
            if term.letters in allowed:
                continue
            decided = (end + term.latin_end, start)
            if best is None or decided < best:
                best = decided
                hit = (term, start, end)
        if hit is None:
            return None
        term, start, end = hit
        before = len(data[:start].decode("utf-8", "surrogatepass"))
        return Hit(term.category, before, before + len(data[start:end].decode("utf-8", "surrogatepass")), term.text)

    # -- a text in pieces ------------------------------------------------------------------------------------

    def look(self, before: str, text: str, allowed: Collection[str] = (), *, last: bool) -> tuple[Hit | None, int]:
        """The first decided match in `text`, and how many characters of it may be shown.

        `before` is the folded character that stands before `text` ("" at the beginning): it is no part of a match.
        With `last` nothing follows, so everything is decided. Places are characters of `text`.
        """
        if not last:
            if not text.isascii():
                shown = self._quiet(text)
                if shown >= 0:
                    return None, shown
            elif self._is_idle(before, text):
                return None, len(text)
        folded = before + fold(text)
        letters = folded if folded.isalnum() else strip(folded)
        found = self._literals.search(letters.encode("utf-8", "surrogatepass")) if letters else []
        if found:
            hit = self._judge(folded, letters, found, allowed, floor=len(before), last=last)
            if hit is not None:
                term, start, end = hit
                places = offsets(text)
                first, final = places[start - len(before)], places[end - 1 - len(before)]
                return Hit(term.category, first, final + 1, term.text), first
        if last:
            return None, len(text)
        keep = self._live(folded, letters, len(before))
        if keep == len(folded):
            return None, len(text)
        if len(folded) - len(before) == len(text) and text.isprintable():
            return None, keep - len(before)
        return None, offsets(text)[keep - len(before)]

    def _is_idle(self, before: str, text: str) -> bool:
        """Whether no word of an English piece is or begins a term: then nothing is found in it and nothing kept.

        Sure, because inside ASCII a term begins where a word does and goes on at least to that word's end (rule 2);
        behind a blank it goes on only as a phrase or in single letters.
        """
        inside = before != "" and _is_latin(before) and _is_latin(text[:1])
        parts = text.split()
        whole = len(parts) if text[-1:] in _BLANKS else len(parts) - 1
        for place, part in enumerate(parts):
            word = part.strip(_PUNCTUATION)
            if not word.isalnum():
                if word:
                    return False
            elif inside:
                pass
            elif place < whole:
                if len(word) == 1 or word.lower() in self._openers:
                    return False
            elif word[:4].lower() in self._prefixes and (len(word) < 4 or self._begins(word.lower())):
                return False
            inside = False
        return True

    def _quiet(self, text: str) -> int:
        """How much of a short Chinese piece may be shown when no two neighbours in it begin a term; -1: look well."""
        if len(text) > _SHORT or self._has_single:
            return -1
        folded = fold(text)
        if len(folded) != len(text):
            return -1
        if not folded.isalnum():  # a mark that no Chinese word reads over is a break like any other neighbour
            for sign in folded:
                if sign < "\x80" or sign in _READ_OVER:
                    return -1
        heads = self._heads
        for place in range(len(folded) - 1):
            if folded[place : place + 2] in heads:
                return -1
        return len(text) - (folded[-1] in self._starts)

    def _judge(
        self, folded: str, letters: str, found: list[tuple[int, int, int]], allowed: Collection[str], *,
        floor: int, last: bool,
    ) -> tuple[_Term, int, int] | None:  # fmt: skip
        """The first match by rule 3, as (term, start, end) in `folded`."""
        places = [index for index, character in enumerate(folded) if character.isalnum()]
        encoded = b"" if letters.isascii() else letters.encode("utf-8", "surrogatepass")
        best: tuple[int, int] | None = None
        hit = None
        at = end = 0
        for index, _, byte_end in sorted(found, key=_by_end):
            end = end + len(encoded[at:byte_end].decode("utf-8", "surrogatepass")) if encoded else byte_end
            at = byte_end
            if best is not None and places[end - 1] >= best[0]:
                break
            if index >= len(self._terms):
                continue
            term, _ = self._terms[index]
            start = end - len(term.letters)
            if places[start] < floor or term.letters in allowed:
                continue
            decided = (places[end - 1] + 1 + term.latin_end, places[start])
            if (best is None or decided < best) and self._stands(term, folded, places[start:end], last=last):
                best = decided
                hit = (term, places[start], places[end - 1] + 1)
        return hit

    def _stands(self, term: _Term, folded: str, places: list[int], *, last: bool) -> bool:
        """Whether the letters at `places` of `folded` are read as the term (rules 1 and 2), and that is decided."""
        start, end = places[0], places[-1] + 1
        ended = end == len(folded)
        if term.latin_start and start and _is_latin(folded[start - 1]):
            return False
        if term.latin_end and (not last if ended else _is_latin(folded[end])):
            return False
        size = end - start
        if size == len(places):
            return True
        gaps = [folded[left + 1 : right] for left, right in pairwise(places)]
        if gaps[0] in _SCATTERED and term.letters.isascii() and gaps.count(gaps[0]) == len(gaps):
            return len(places) > 3 or (len(places) == 3 and gaps[0] == " " and _spaced(folded, start, end, last=last))
        if len(term.breaks) > _FREE_BREAKS:
            spaced = [gaps[place - 1] for place in term.breaks if _SPACES.intersection(gaps[place - 1])]
            if spaced and len(spaced) != len(term.breaks):
                return False
        for place, gap in enumerate(gaps, 1):
            if not gap:
                continue
            if len(gap) > MAX_GAP:
                return False
            if not _READ_OVER.issuperset(gap):
                return False
            if _SPACES.isdisjoint(gap) or (place in term.breaks and _SPACES.issuperset(gap)):
                continue
            if _is_latin(term.letters[place - 1]) or _is_latin(term.letters[place]):
                return False
            if len(places) == 2:
                alone = start == 0 or not folded[start - 1].isalnum()
                if not alone and (not last if ended else folded[end].isalnum()):
                    return False
        return True

    def _live(self, folded: str, letters: str, floor: int) -> int:
        """The earliest place in `folded` from which the rest could become a term; its length when there is none."""
        keep = place = len(folded)
        count = gap = 0
        after = ""
        heads = self._heads
        while place > floor:
            place -= 1
            character = folded[place]
            if not character.isalnum():
                gap += 1
                if gap > MAX_GAP or not (character in _READ_OVER or character in _SCATTER_SIGNS):
                    break
                continue
            if gap and after and self._walls(folded, place + gap + 1, character, after):
                break
            gap = 0
            count += 1
            if count > self._longest:
                break
            if character + after in heads if after else character in self._starts:
                inside = place and character < "\x80" and _is_latin(folded[place - 1])
                if not inside and self._begins(letters[len(letters) - count :]):
                    keep = place
            after = character
        return keep

    def _begins(self, suffix: str) -> bool:
        """Whether some term's letters begin with `suffix`."""
        at = bisect_left(self._letters, suffix)
        return at < len(self._letters) and self._letters[at].startswith(suffix)

    def _walls(self, folded: str, word: int, character: str, after: str) -> bool:
        """Whether the gap before the Latin word at `word` ends the walk: no phrase goes on with that word."""
        if not (_is_latin(after) and _is_latin(character)) or not _SPACES.intersection(folded[word - 1 : word]):
            return False
        second = folded[word + 1 : word + 2]
        return bool(second) and _is_latin(second) and after + second not in self._phrases
