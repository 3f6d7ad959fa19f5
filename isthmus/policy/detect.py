"""Where the private details of a text are: one automaton asks whether any could be there, exact looks find them.

`suspect` is the clean case: one pass over the bytes. `details` is exact; `places` is the same without names. Digits of
other widths and scripts, typographic hyphens and invisible characters are levelled first when the text holds any.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from isthmus.core.scanner import Presence
from isthmus.policy.entities import BACK, SHAPES, Shape
from isthmus.policy.numbers import NEAR, TRIGGER, Detail, Place, numbers

_BLANKS = (
    rb"\xe2\x80[\x80-\xaf]", rb"\xe2\x81[\x9f-\xaf]", rb"\xef\xbb\xbf", rb"\xc2\xad", rb"\xc2\xa0", rb"\xe3\x80\x80",
    rb"\xe2\x88\x92",
)  # fmt: skip
# Full-width plus, digits, at and letters, each written out: a class would be woken by every full-width comma.
_WIDE = b"|".join(
    chr(point).encode() for point in (0xFF0B, *range(0xFF10, 0xFF1A), *range(0xFF20, 0xFF3B), *range(0xFF41, 0xFF5B))
)
_LEVELLED = (
    _WIDE,
    rb"[0-9](?:" + b"|".join(_BLANKS) + rb")[0-9(]",
    *(rb"[0-9A-Za-z.]" + blank + rb"[@.A-Za-z0-9]" for blank in _BLANKS),  # as one pattern they slow down every scan
    *(b"@" + blank for blank in _BLANKS),
    rb"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xe0\xa5[\xa6-\xaf]|\xf0\x9d\x9f[\x8e-\xbf]|\xe2\x91[\xa0-\xa8]",
)


class _Level(dict[int, str | None]):
    """Full-width to ASCII, digits of all scripts, one hyphen, one space; invisible characters vanish."""

    def __missing__(self, point: int) -> str | None:
        character = chr(point)
        category = unicodedata.category(character)
        digit = unicodedata.digit(character, None)
        level: str | None
        if digit is not None:
            level = str(digit)
        elif 0xFF01 <= point <= 0xFF5E:
            level = chr(point - 0xFEE0)
        elif category == "Cf":
            level = None
        elif category == "Pd" or point == 0x2212:
            level = "-"
        else:
            level = " " if category == "Zs" else character
        self[point] = level
        return level


STRETCH = 2_048  # characters that are looked at in one go
_BORDER = re.compile("[,;!?，。；！？、]\\s?")
_LEVEL = _Level()
_MAIL = [shape.kind for shape in SHAPES].index("email")
# Most addresses end so: labels without a hyphen, and behind the last one nothing that could go on.
_USUAL_HOST = re.compile(r"@(?:[A-Za-z0-9]{1,63}\.)+[A-Za-z]{2,63}(?![A-Za-z0-9-]|\.[A-Za-z0-9-])")
_NUMBERS = len(SHAPES)
_ODD = _NUMBERS + 1
_presence = Presence([*(shape.trigger for shape in SHAPES), TRIGGER, *_LEVELLED])


def kinds(data: bytes) -> set[int]:
    """What `data` (UTF-8) may hold, for `places`. When it is empty, there is nothing for certain."""
    return {index for index, _, _ in _presence.which(data)}


def suspect(data: bytes) -> bool:
    """Whether `data` (UTF-8) may hold a private detail. False is certain."""
    return bool(_presence.which(data))


def stretches(text: str) -> Iterator[tuple[int, int]]:
    """A long text cut where no detail goes on: after a line, else after a sign that stands in none of them.

    A text without such a place is cut at STRETCH characters all the same: it is no text.
    """
    start = 0
    while len(text) - start > STRETCH:
        end = text.rfind("\n", start + STRETCH // 2, start + STRETCH) + 1
        if not end:
            borders = [match.end() for match in _BORDER.finditer(text, start + STRETCH // 2, start + STRETCH)]
            end = borders[-1] if borders else start + STRETCH
        yield start, end
        start = end
    yield start, len(text)


def moved(found: Iterable[Place], by: int) -> list[Place]:
    """`found` in a stretch, as places of the whole text."""
    return [(kind, code, start + by, end + by) for kind, code, start, end in found]


def details(text: str) -> list[Detail]:
    """The private details of `text`, in order, never overlapping: the earliest first, then the longest."""
    return [Detail(*place) for place in places(text)]


def places(text: str, present: set[int] | None = None) -> list[Place]:
    """As `details`. `present` is what `kinds` says of the text, where that was asked before."""
    if len(text) <= STRETCH or "-----BEGIN" in text:
        return _places(text, kinds(text.encode("utf-8", "surrogatepass")) if present is None else present)
    return [one for start, end in stretches(text) for one in moved(places(text[start:end]), start)]


def _places(text: str, present: set[int]) -> list[Place]:
    if not present:
        return []
    if max(present) < _ODD:
        return _chosen(text, present)
    level = text.translate(_LEVEL)
    at = [index for index, sign in enumerate(text) for _ in _LEVEL[ord(sign)] or ""]
    found = _chosen(level, kinds(level.encode("utf-8", "surrogatepass")))
    return [(kind, code, at[start], at[end - 1] + 1) for kind, code, start, end in found]


def _chosen(text: str, present: set[int]) -> list[Place]:
    found: list[Place] = []
    for index in present:
        if index == _MAIL:
            found += _emails(SHAPES[index], text)
        elif index < _NUMBERS:
            found += _of_shape(SHAPES[index], text)
    if _NUMBERS not in present:
        return apart(found)
    read = numbers(text)
    return apart(read + found) if found else read


def apart(proposed: list[Place]) -> list[Place]:
    """Of places that may overlap, those that count: the earliest first, then the longest."""
    proposed.sort(key=_start)
    free = 0
    for _, _, start, end in proposed:
        if start < free:
            return _first_and_longest(proposed)
        free = end
    return proposed


def _first_and_longest(ordered: Sequence[Place]) -> list[Place]:
    chosen: list[Place] = []
    begun = free = 0
    for place in ordered:
        _, _, start, end = place
        if start >= free:
            chosen.append(place)
            begun, free = start, end
        elif start == begun and end > free:
            chosen[-1] = place
            free = end
    return chosen


_start = itemgetter(2)


def _emails(shape: Shape, text: str) -> list[Place]:
    """As _of_shape, from one @ to the next; an address like most is told without its check."""
    found: list[Place] = []
    kind, code, _, regex, check, _, back = shape
    at = text.find("@")
    while at >= 0:
        usual = _USUAL_HOST.match(text, at)
        where = usual or regex.match(text, at)
        if where is None:
            at = text.find("@", at + 1)
            continue
        end = where.end()
        before = text[max(0, at - BACK) : at]
        local = before[len(before.rstrip(back)) :]
        start = at - len(local)
        is_usual = usual and local and local[0] != "." != local[-1] and ".." not in local
        if is_usual or check(text[start:end]):
            found.append((kind, code, start, end))
        at = text.find("@", end)
    return found


def _of_shape(shape: Shape, text: str) -> list[Place]:
    found: list[Place] = []
    kind, code, _, regex, check, near, back = shape
    for match in regex.finditer(text):
        start, end = match.span()
        if back:
            before = text[max(0, start - BACK) : start]
            start -= len(before) - len(before.rstrip(back))
        if near is not None and near.search(text, max(0, start - NEAR), start) is None:
            continue
        if check(text[start:end]):
            found.append((kind, code, start, end))
    return found
