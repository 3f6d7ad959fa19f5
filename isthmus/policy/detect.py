"""Where the private details of a text are: propose with one automaton, dispose with exact checks.

`suspect` is the clean case and costs one pass over bytes; `details` is exact. Digits of other widths and scripts,
typographic hyphens and invisible characters are levelled first when the text holds any.
"""

from __future__ import annotations

import re
import unicodedata

from isthmus.core.scanner import Found, Patterns, Presence
from isthmus.policy.entities import ENTITIES, NEAR, Detail, Entity

_LEVELLED = (
    rb"\xef\xbc[\x81-\xbf]|\xef\xbd[\x80-\x9e]",  # full-width forms
    rb"[0-9](?:\xe2\x80[\x80-\xaf]|\xe2\x81[\x9f-\xaf]|\xef\xbb\xbf|\xc2\xad|\xc2\xa0|\xe3\x80\x80|\xef\xb9\xa3)",
    rb"(?:\xe2\x80[\x80-\xaf]|\xe2\x81[\x9f-\xaf]|\xef\xbb\xbf|\xc2\xad)[0-9A-Za-z@]",
    rb"\xd9[\xa0-\xa9]|\xdb[\xb0-\xb9]|\xe0\xa5[\xa6-\xaf]|\xf0\x9d\x9f[\x8e-\xbf]",  # Arabic, Devanagari, mathematical
)


class _Level(dict[int, str | None]):
    """Full-width to ASCII, digits of all scripts, one hyphen, one space; invisible characters vanish."""

    def __missing__(self, point: int) -> str | None:
        character = chr(point)
        category = unicodedata.category(character)
        digit = unicodedata.decimal(character, None)
        level: str | None
        if digit is not None:
            level = str(digit)
        elif 0xFF01 <= point <= 0xFF5E:
            level = chr(point - 0xFEE0)
        elif category == "Cf":
            level = None
        elif category in ("Pd", "Zs"):
            level = "-" if category == "Pd" else " "
        else:
            level = character
        self[point] = level
        return level


_LEVEL = _Level()
_presence = Presence([entity.pattern for entity in ENTITIES if entity.near is None] + list(_LEVELLED))
_near_words = Presence([entity.pattern for entity in ENTITIES if entity.near is not None])
_patterns = Patterns([entity.pattern for entity in ENTITIES])
_odd = Presence(_LEVELLED)


def suspect(data: bytes) -> bool:
    """Whether `data` (UTF-8) may hold a private detail. False is certain."""
    return _presence.seen(data)


def details(text: str) -> list[Detail]:
    """The private details of `text`, in order, never overlapping: the earliest first, then the longest."""
    data = text.encode("utf-8", "surrogatepass")
    if not _odd.seen(data):
        return _chosen(text, data)
    level = text.translate(_LEVEL)
    places = [index for index, sign in enumerate(text) for _ in _LEVEL[ord(sign)] or ""]
    places.append(len(text))
    found = _chosen(level, level.encode("utf-8", "surrogatepass"))
    return [Detail(kind, code, places[start], places[end - 1] + 1) for kind, code, start, end in found]


def _chosen(text: str, data: bytes) -> list[Detail]:
    proposed = _patterns.search(data)
    if not proposed:
        return []
    wide = not text.isascii()
    chosen: list[Detail] = []
    free = 0
    for found in _in_characters(data, proposed) if wide else proposed:
        entity = ENTITIES[found.which]
        if found.start >= free and _stands(entity, text, found.start, found.end):
            chosen.append(Detail(entity.kind, entity.code, found.start, found.end))
            free = found.end
    return chosen


def _in_characters(data: bytes, proposed: list[Found]) -> list[Found]:
    """Byte places as character places, in one walk."""
    marks = sorted({place for found in proposed for place in (found.start, found.end)})
    at = count = 0
    places = {}
    for mark in marks:
        count += len(data[at:mark].decode("utf-8", "surrogatepass"))
        places[mark] = count
        at = mark
    return [Found(found.which, places[found.start], places[found.end]) for found in proposed]


_DIGIT_BEFORE = re.compile(r"[0-9][ -]?$")


def _stands(entity: Entity, text: str, start: int, end: int) -> bool:
    """The second look: edges, the naming word, the check."""
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    edge = entity.edge
    if edge == "word" and (_is_word(before) or _is_word(after)):
        return False
    if edge in ("digit", "dotted") and (_is_digit(before) or _is_digit(after)):
        return False
    if edge == "right" and _is_word(after):
        return False
    if edge == "dotted" and (before == "." or (after == "." and _is_digit(text[end + 1 : end + 2]))):
        return False
    value = text[start:end]
    if entity.near is not None and entity.near.search(text, max(0, start - NEAR), start) is None:
        return False
    return entity.check(value)


def _is_digit(sign: str) -> bool:
    return sign.isascii() and sign.isdigit()


def _is_word(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()
