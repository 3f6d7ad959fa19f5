"""Term lists at work: the first forbidden word of a text, and how much of a text could still become one.

Rules of this room:
1. A match is a term's letters and digits in the folded text (policy/normalise), with no gap or a gap that a reader
   reads over: symbols inside a word ("f*u*c*k"), isolated letters ("f u c k"), spaced Chinese, a new line in a phrase.
2. A Latin edge of a term is a word's edge: "ass" is not in "class".
3. The first match is the one that is decided first: by its end (a Latin end is decided one character later), then by
   its start. So it is the same word whether the text came whole or in pieces.
4. What could still become a match is kept: from the earliest place whose letters are a prefix of some term.
5. A clean text costs one scan (policy/term_index); folding happens only when a sign of a disguise was seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise, repeat
from typing import NamedTuple

from isthmus.core.scanner import note
from isthmus.policy.escapes import plain
from isthmus.policy.normalise import FOLD, fold, offsets, strip
from isthmus.policy.term_beginnings import MASK, PLANE, begin
from isthmus.policy.term_index import ACTIONS, ASCII_INK, FREE_BREAKS, INK, INKED, SCATTERED, Index, build, places

MAX_GAP = 8  # characters a reader reads over; more is a break
_READ_OVER = frozenset(INK + " ")
_SCATTER_SIGNS = frozenset("".join(SCATTERED))
_PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_BLANKS = frozenset(" \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f")
_FEW = 96  # characters of an English piece that is looked at word by word: for more, one scan costs less
_SHORT = 6  # characters of a piece that is looked at pair by pair
_NO_LETTER = bytes(point for point in range(0x80) if not chr(point).isalnum())
_LINE, _BACKSLASH = b"\n\\"  # numbers: `in` is slow for bytes (CPython tries them as a number first)
_TINY = 8  # bytes of a text that is looked at at once
_MANY = 24  # characters that are each replaced on their own
_NOWHERE = (0, 0)
_LIKELY = 32  # terms with one beginning of which the first is taken to count


class Hit(NamedTuple):
    """A forbidden word: its category, place in the text (characters), spelling in the list, and what is to be done."""

    category: str
    start: int
    end: int
    term: str
    action: str = "block"


PATIENCE = 2_048  # bytes of a text that is looked at letter by letter at once
LATER = Hit("", 0, 0, "")
_NOTHING: tuple[Hit | None, bool] = (None, False)
_PERSONAL: tuple[Hit | None, bool] = (None, True)


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def tail(before: str, shown: str) -> str:
    """The folded character that ends `before` + `shown`: what `look` must know of a text that has gone."""
    if shown and " " < shown[-1] < "\x7f":
        return shown[-1].lower()
    for character in reversed(shown):
        spelled = FOLD[ord(character)]
        if spelled:
            return spelled[-1]
    return before


def _by_end(found: tuple[int, int, int]) -> int:
    return found[2]


def _spaced(folded: str, start: int, end: int, *, last: bool) -> bool:
    """Whether three letters stand apart on one side too, so that a reader takes them for one word."""
    if start == 0 or folded[start - 1] == " ":
        return True
    return last if end == len(folded) else folded[end] == " "


def _is_spelled(words: Sequence[str], final: str) -> bool:
    """Whether a word of one letter may be followed by another: so are words spelled letter by letter."""
    return any(len(one) == 1 and len(two) <= 1 for one, two in pairwise((*words, final)))


def _parts_words(gap: str) -> bool:
    """Whether a gap with a space in it stands between two words of one phrase: a full stop ends the phrase."""
    return "." not in gap


class TermScanner:
    """Looks for the terms of some taxonomies. Cheap to make from an Index; scanning does not depend on their number.

    `lists` is an Index, or term -> category for a list of its own. `taxonomies` are those of the index that count, and
    `actions` what their categories must ask for (all, when none is named). `portable` asks for the standard-library
    automaton.
    """

    __slots__ = (
        "_anchor",
        "_begin",
        "_index",
        "_ink",
        "_letters",
        "_marks_at",
        "_of",
        "_owned",
        "_scan",
        "_search",
        "_sizes",
        "_spellings",
        "_verdicts",
    )

    def __init__(
        self, lists: Index | Mapping[str, str], taxonomies: Collection[str] = (), actions: Collection[str] = ACTIONS, *,
        portable: bool = False,
    ) -> None:  # fmt: skip
        if not isinstance(lists, Index):
            listed = {term: (category, ACTIONS[0]) for term, category in lists.items()}
            lists = build({"": listed}, portable=portable)
        self._index = lists
        self._search = lists.literals.search
        self._scan = lists.literals.scan
        self._anchor = lists.anchor
        self._of = lists.of
        self._sizes = lists.sizes
        self._spellings = len(lists.of)
        self._marks_at = self._spellings + lists.apart
        ink = self._spellings + INKED
        self._ink = {ink + place: ASCII_INK[place // 2] for place in range(2 * len(ASCII_INK))}
        self._letters = lists.letters
        self._owned = lists.owned
        self._begin = begin(lists)
        self._verdicts: list[tuple[str, str] | None] = []
        for held in lists.owners:
            wanted = [one for one in held if (not taxonomies or one.taxonomy in taxonomies) and one.action in actions]
            first = min(wanted, key=lambda one: ACTIONS.index(one.action), default=None)
            name = "" if first is None else f"{first.taxonomy}.{first.category}".lstrip(".")
            self._verdicts.append(None if first is None else (name, first.action))

    @property
    def is_idle(self) -> bool:
        """Whether no term counts here at all."""
        return not any(self._verdicts)

    # -- a whole text ----------------------------------------------------------------------------------------

    def find(self, data: bytes, allowed: Collection[str] = ()) -> Hit | None:
        """The first match in a whole text (UTF-8). `allowed` holds letters of terms that do not count."""
        hit = self.examine(data, allowed)[0]
        return self._thorough(data, allowed) if hit is LATER else hit

    def examine(self, data: bytes, allowed: Collection[str] = ()) -> tuple[Hit | None, bool]:
        """As `find`, and whether a private detail may be in `data` (policy/detect). False is certain.

        Where a text of more than PATIENCE bytes must be looked at letter by letter, LATER is given in place of a hit:
        the caller does that in pieces.
        """
        if _LINE in data:
            data = data.replace(b"\n", b" ")
        if 0 in data:
            data = data.replace(b"\0", b"\1")  # no literal holds a NUL
        if len(data) < _TINY or (_BACKSLASH in data and b"\\u" in data):
            return (LATER if len(data) > PATIENCE else self._thorough(data, allowed)), True
        found: list[tuple[int, int, int]] = []
        self._scan(data, note, 0, found)
        if not found:
            return _NOTHING
        anchor = self._anchor
        if len(found) == 1 and found[0][0] == anchor:
            return _PERSONAL
        ink = self._ink
        symbols: set[bytes] = set()
        personal = False
        for index, _, _ in found:
            if index in ink:
                symbols.add(ink[index])
            elif index == anchor:
                personal = True
            else:
                break
        else:
            if not symbols:  # anchors alone: not every automaton tells of one but once
                return _PERSONAL
            if self._is_inked(data, symbols, found[found[0][0] == anchor][2]):
                return _PERSONAL if personal else _NOTHING
        seen = {index for index, _, _ in found}
        personal = anchor in seen
        seen.discard(anchor)
        if max(seen) < self._spellings:
            return self._plain(data, [one for one in found if one[0] != anchor], allowed), personal
        found = self._search(self._bare(data, seen))
        if not found or min(found)[0] >= self._spellings:
            return None, personal
        return (LATER if len(data) > PATIENCE else self._thorough(data, allowed)), personal

    def _is_inked(self, data: bytes, symbols: set[bytes], first: int) -> bool:
        """Whether a text whose only signs are symbols of ASCII, these, has nothing in it without them. True is certain.

        "It's" is looked at as "its", with its spaces: a symbol in a gap is read over (rule 1), a gap of a term that
        holds a space is one space then, and any other gap is a sign of its own. What is far from all symbols was seen
        before: `first` is where the first sign ends.
        """
        reach = self._index.reach
        data = data[max(0, first - 2 - reach) : max(map(data.rfind, symbols)) + reach]
        data = data.translate(None, b"".join(symbols))
        left: list[tuple[int, int, int]] = []
        if data:
            self._scan(data, note, 0, left)
        anchor = self._anchor
        return not left or (len(left) == 1 and left[0][0] == anchor)

    @property
    def reach(self) -> int:
        """Bytes of the longest spelling and of the signs at its edges."""
        return self._index.reach

    def is_plain(self, data: bytes) -> bool:
        """Whether one pass tells that no match is in `data`, a piece of a text, and no sign of a disguise.

        True is certain. Of the pieces of one text, each must reach into the next by `reach`.
        """
        if 0 in data or b"\\u" in data:
            return False
        return all(index == self._anchor for index, _, _ in self._search(data.replace(b"\n", b" ")))

    def _bare(self, data: bytes, seen: set[int]) -> bytes:
        """The folded letters of `data`; `seen` says which characters folding changes."""
        marks = [index for index in seen if self._marks_at <= index < self._anchor]
        if len(marks) > _MANY:
            return strip(fold(data.decode("utf-8", "surrogatepass"))).encode("utf-8", "surrogatepass")
        for index in marks:
            data = data.replace(*self._index.folding(index - self._marks_at))
        return data.translate(None, _NO_LETTER)

    def _thorough(self, data: bytes, allowed: Collection[str]) -> Hit | None:
        text = data.decode("utf-8", "surrogatepass")
        view, at = plain(text, json=False) if "\\u" in text else (text, None)
        hit = self.look("", view, allowed, last=True)[0]
        if hit is None or at is None:
            return hit
        return hit._replace(start=at[hit.start], end=at[hit.end])

    def _plain(self, data: bytes, found: list[tuple[int, int, int]], allowed: Collection[str]) -> Hit | None:
        """Matches in a text without any sign: only the edges are left to judge."""
        best: tuple[int, int] | None = None
        hit = None
        size = len(data)
        for index, _, end in found:
            if best is not None and end > best[0]:
                break  # in order of their ends: no later one is decided earlier
            term = self._of[index]
            start = end - self._sizes[index]
            letters = self._letters[term]
            if start and _is_latin(letters[0]) and data[start - 1 : start].isalnum():
                continue
            ends_latin = _is_latin(letters[-1])
            if ends_latin and end < size and data[end : end + 1].isalnum():
                continue
            verdict = self._verdicts[self._owned[term]]
            if verdict is None or letters in allowed:
                continue
            decided = (end + ends_latin, start)
            if best is None or decided < best:
                best = decided
                hit = (term, verdict, start, end)
        if hit is None:
            return None
        term, verdict, start, end = hit
        before = len(data[:start].decode("utf-8", "surrogatepass"))
        length = len(data[start:end].decode("utf-8", "surrogatepass"))
        return Hit(verdict[0], before, before + length, self._index.text(term), verdict[1])

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
            elif len(text) <= _FEW:
                shown = self._running(before, text)
                if shown >= 0:
                    return None, shown
        if text.isascii() and text.isprintable() and before.isascii():
            folded = before + text.lower()
            data = folded.encode().translate(None, _NO_LETTER)
            letters = folded if len(data) == len(folded) else data.decode()
        else:
            folded = before + fold(text)
            letters = folded if folded.isalnum() else strip(folded)
            data = letters.encode("utf-8", "surrogatepass")
        found = self._search(data) if data else []
        if found and min(found)[0] < self._spellings:
            best = self._judge(folded, letters, found, allowed, floor=len(before), last=last)
            if best is not None:
                term, start, end = best
                at = offsets(text)
                first, final = at[start - len(before)], at[end - 1 - len(before)]
                name, action = self._verdicts[self._owned[term]] or ("", ACTIONS[0])
                return Hit(name, first, final + 1, self._index.text(term), action), first
        if last:
            return None, len(text)
        keep = self._live(folded, letters, len(before))
        if keep == len(folded):
            return None, len(text)
        if len(folded) - len(before) == len(text) and text.isprintable():
            return None, keep - len(before)
        return None, offsets(text)[keep - len(before)]

    def _running(self, before: str, text: str) -> int:
        """How much of an English piece may be shown, when none but its last word may begin a term; -1: look well.

        Sure, because inside ASCII a term begins where a word does and goes on at least to that word's end (rule 2);
        behind a blank it goes on only as a phrase or in single letters.
        """
        parts = text.lower().split()
        final = parts.pop() if parts and text[-1:] not in _BLANKS else ""
        if text[:1].isalnum() and before != "" and _is_latin(before):  # it goes on with a word that was shown
            shown, final = (parts.pop(0), final) if parts else (final, "")
            if not shown.strip(_PUNCTUATION).isalnum():
                return -1
        if parts:  # all in C, word after word
            if not "".join(parts).isalnum():
                parts = [*filter(None, map(str.strip, parts, repeat(_PUNCTUATION)))]
                if parts and not "".join(parts).isalnum():
                    return -1
            if not self._begin.openers.isdisjoint(parts):
                return -1
        word = final.strip(_PUNCTUATION)
        if 1 in map(len, parts) and _is_spelled(parts, word):
            return -1
        if word and not word.isalnum():
            return -1
        if word and self._begin.prefixes[hash(word[:4]) & MASK] and self._begins(word):
            return len(text) - len(word) if final.endswith(word) else -1
        return len(text)

    def _quiet(self, text: str) -> int:
        """How much of a short Chinese piece may be shown when no two neighbours in it begin a term; -1: look well."""
        if len(text) > _SHORT or self._begin.has_single:
            return -1
        folded = fold(text)
        if len(folded) != len(text):
            return -1
        if not folded.isalnum():  # a mark that no Chinese word reads over is a break like any other neighbour
            for sign in folded:
                if sign < "\x80" or sign in _READ_OVER:
                    return -1
        heads = self._begin.heads
        for place in range(len(folded) - 1):
            if heads[hash(folded[place : place + 2]) & MASK] and self._begins(folded[place : place + 2]):
                return -1
        return len(text) - self._begin.starts[ord(folded[-1]) & PLANE]

    def _judge(
        self, folded: str, letters: str, found: list[tuple[int, int, int]], allowed: Collection[str], *,
        floor: int, last: bool,
    ) -> tuple[int, int, int] | None:  # fmt: skip
        """The first match by rule 3, as (term, start, end) in `folded`."""
        at = range(len(folded)) if letters is folded else [i for i, sign in enumerate(folded) if sign.isalnum()]
        encoded = b"" if letters.isascii() else letters.encode("utf-8", "surrogatepass")
        best: tuple[int, int] | None = None
        hit = None
        read = end = 0
        for index, _, byte_end in sorted(found, key=_by_end):
            if byte_end != read:
                end = end + len(encoded[read:byte_end].decode("utf-8", "surrogatepass")) if encoded else byte_end
                read = byte_end
            if best is not None and at[end - 1] >= best[0]:
                break
            if index >= self._spellings:
                continue
            term = self._of[index]
            own = self._letters[term]
            start = end - len(own)
            first, final = at[start], at[end - 1]
            ends_latin = _is_latin(own[-1])
            if first < floor or self._is_inside(own, folded, first, final + 1, ends_latin, last=last):
                continue
            if self._verdicts[self._owned[term]] is None or own in allowed:
                continue
            decided = (final + 1 + ends_latin, first)
            if (best is None or decided < best) and self._reads(term, folded, at[start:end], last=last):
                best = decided
                hit = (term, first, final + 1)
        return hit

    def _is_inside(self, own: str, folded: str, start: int, end: int, ends_latin: bool, *, last: bool) -> bool:
        """Whether the term is part of a longer Latin word (rule 2), or that is not decided yet."""
        if start and _is_latin(own[0]) and _is_latin(folded[start - 1]):
            return True
        return ends_latin and (not last if end == len(folded) else _is_latin(folded[end]))

    def _reads(self, term: int, folded: str, at: Sequence[int], *, last: bool) -> bool:
        """Whether a reader reads the letters at `at` of `folded` as the term (rule 1), and that is decided."""
        start, end = at[0], at[-1] + 1
        if end - start == len(at):
            return True
        own = self._letters[term]
        ended = end == len(folded)
        gaps = [folded[left + 1 : right] for left, right in pairwise(at)]
        if (
            gaps[0] in SCATTERED
            and gaps.count(gaps[0]) == len(gaps)
            and (own.isascii() or (len(at) > 2 and gaps[0].isascii()))
        ):
            return (
                len(at) > 3
                or not own.isascii()
                or (len(at) == 3 and gaps[0] == " " and _spaced(folded, start, end, last=last))
            )
        breaks = self._index.breaks[term]
        if breaks.bit_count() > FREE_BREAKS:
            spaced = sum(" " in gaps[place - 1] for place in places(breaks) if place <= len(gaps))
            if spaced and spaced != breaks.bit_count():
                return False
        for place, gap in enumerate(gaps, 1):
            if not gap:
                continue
            if len(gap) > MAX_GAP or not _READ_OVER.issuperset(gap):
                return False
            if " " not in gap or (breaks >> place & 1 and _parts_words(gap)):
                continue
            if _is_latin(own[place - 1]) or _is_latin(own[place]):
                return False
            if len(at) == 2:
                alone = start == 0 or not folded[start - 1].isalnum()
                if not alone and (not last if ended else folded[end].isalnum()):
                    return False
        return True

    def _live(self, folded: str, letters: str, floor: int) -> int:
        """The earliest place in `folded` from which the rest could become a term; its length when there is none."""
        keep = place = len(folded)
        count = gap = 0
        after = ""
        begin = self._begin
        heads, starts = begin.heads, begin.starts
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
            if count > begin.longest:
                break
            if heads[hash(character + after) & MASK] if after else starts[ord(character) & PLANE]:
                inside = place and character < "\x80" and _is_latin(folded[place - 1])
                if not inside and self._begins(letters[len(letters) - count :]):
                    keep = place
            after = character
        return keep

    def _begins(self, suffix: str) -> bool:
        """Whether the letters of some term that counts begin with `suffix`. A beginning of many terms counts."""
        words = self._letters
        low, high = 0, len(words)
        head = suffix[:2]
        if len(head) == 2 and head.isascii():
            low, high = self._begin.spans.get(head, _NOWHERE)
        at = bisect_left(words, suffix, low, high)
        for place in range(at, min(at + _LIKELY, high)):
            if not words[place].startswith(suffix):
                return False
            if self._verdicts[self._owned[place]] is not None:
                return True
        return at + _LIKELY < high

    def _walls(self, folded: str, word: int, character: str, after: str) -> bool:
        """Whether the gap before the Latin word at `word` ends the walk: no phrase goes on with that word."""
        if not (_is_latin(after) and _is_latin(character)) or folded[word - 1] != " ":
            return False
        second = folded[word + 1 : word + 2]
        return bool(second) and _is_latin(second) and after + second not in self._begin.phrases
