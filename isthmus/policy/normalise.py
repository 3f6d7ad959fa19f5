"""Folding: the one spelling under which all disguises of a word meet.

Rules of this room:
1. Folding works character by character, so any split of a text folds to the same whole.
2. fold: compatibility forms (NFKC: full-width, mathematical, circled), case, accents on Latin letters, look-alike
   Cyrillic and Greek letters, digits of all scripts, traditional Chinese; characters without width and controls vanish,
   every blank is a space, every picture one sign.
3. strip: whatever is neither letter nor digit vanishes; policy/terms judges whether a gap may stand inside a word.
4. The tables fill themselves on first sight of a character (CPython's str.translate asks `__missing__`).
Source: Unicode UAX 15 (NFKC), UTS 39 (confusables; own short table and data/alike.txt), OpenCC TSCharacters
(Apache-2.0) for Chinese.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from functools import cache
from pathlib import Path

_HAN = Path(__file__).parent / "data" / "han.txt"
_LETTERS = Path(__file__).parent / "data" / "alike.txt"

# Look-alikes of Latin letters, after NFKC and lower case. Pairs: look-alike, Latin.
_ALIKE = dict(
    zip(
        "аеорсухѕіјһԁԛԝѵӏкмнтвгьαβεηικνορτυχωϲϳγɑɡɩʟɴʀʏʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢøłđħıŧƒßæœþðɪɢꜰꜱ",
        ["a", "e", "o", "p", "c", "y", "x", "s", "i", "j", "h", "d", "q", "w", "v", "l", "k", "m", "h", "t", "b", "r",
         "b", "a", "b", "e", "n", "i", "k", "v", "o", "p", "t", "u", "x", "w", "c", "j", "y",
         "a", "g", "i", "l", "n", "r", "y", "b", "h", "a", "c", "d", "e", "j", "k", "m", "o", "p", "t", "u", "v", "w",
         "z", "o", "l", "d", "h", "i", "t", "f", "ss", "ae", "oe", "th", "d",
         "i", "g", "f", "s"],
        strict=True,
    )
)  # fmt: skip

_RANGES = (
    (0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),  # combining marks
    (0xFE00, 0xFE0F), (0xE0100, 0xE01EF), (0x180B, 0x180F),  # variation selectors
    (0x115F, 0x1160), (0x3164, 0x3164), (0xFFA0, 0xFFA0), (0x2800, 0x2800), (0x034F, 0x034F),  # blank letters
)  # fmt: skip
_INVISIBLE = frozenset(chr(point) for low, high in _RANGES for point in range(low, high + 1))


@cache
def _han() -> tuple[str, str]:
    """Traditional characters in order, and what each is in simplified Chinese: policy/data/han.txt, a pair a line.

    Two strings, because a dict of 4,000 one-character strings takes 0.7 MB of every worker.
    """
    pairs = sorted(line for line in _HAN.read_text("utf-8").splitlines() if not line.startswith("#"))
    return "".join(pair[0] for pair in pairs), "".join(pair[1] for pair in pairs)


def _simplified(character: str) -> str | None:
    traditional, simplified = _han()
    place = bisect_left(traditional, character)
    return simplified[place] if traditional[place : place + 1] == character else None


@cache
def _more_alike() -> dict[str, str]:
    """Look-alikes of rarer scripts: policy/data/alike.txt, two characters a line."""
    lines = (line for line in _LETTERS.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {line[0]: line[1] for line in lines}


# Signs without a meaning inside a word: arrows, boxes, shapes, pictures. They all fold to one.
_PICTURES = ((0x2190, 0x245F), (0x2500, 0x2BFF), (0x1F000, 0x1F0FF), (0x1F200, 0x1FAFF))
PICTURE = "·"


def _is_picture(point: int) -> bool:
    return any(low <= point <= high for low, high in _PICTURES)


def _vanishes(character: str) -> bool:
    """Controls, format characters, the marks above; other marks (vowels of Devanagari, voicing of kana) are meant."""
    return character in _INVISIBLE or unicodedata.category(character) in ("Cf", "Cc")


def _spell(character: str) -> str | None:
    if character.isspace():
        return " "
    if _vanishes(character):
        return None
    direct = _ALIKE.get(character) or _more_alike().get(character)
    if direct is not None:
        return direct
    composed = unicodedata.normalize("NFKC", character)
    if not character.isalnum() and not any(piece.isalnum() for piece in composed):
        return PICTURE if _is_picture(ord(character)) else character  # only letters and pictures have a common spelling
    out = []
    more = _more_alike()
    for piece in composed.lower():
        if _vanishes(piece):
            continue
        base = unicodedata.normalize("NFKD", piece)[0] if "LATIN" in unicodedata.name(piece, "") else piece
        digit = unicodedata.decimal(base, None)
        if digit is not None:
            out.append(str(digit))
        else:
            out.append(_ALIKE.get(base) or _simplified(base) or more.get(base, base))
    return "".join(out)


class _Fold(dict[int, str | None]):
    def __missing__(self, point: int) -> str | None:
        spelled = self[point] = _spell(chr(point))
        return spelled


class _Strip(dict[int, str | None]):
    def __missing__(self, point: int) -> str | None:
        character = chr(point)
        kept = self[point] = character if character.isalnum() else None
        return kept


FOLD = _Fold()
STRIP = _Strip()


def fold(text: str) -> str:
    """`text` in the common spelling; separators stay."""
    return text.translate(FOLD)


def strip(folded: str) -> str:
    """Letters and digits only."""
    return folded.translate(STRIP)


def letters(character: str) -> str:
    """strip(fold(character)), without leaving it in the tables."""
    return "".join(piece for piece in _spell(character) or "" if piece.isalnum())


def offsets(text: str) -> list[int]:
    """For each character of fold(text), the index of the character of `text` it came from."""
    places = []
    for index, character in enumerate(text):
        spelled = FOLD[ord(character)]
        if spelled:
            places.extend([index] * len(spelled))
    return places


def changes(point: int) -> bool:
    """Whether folding changes this letter, digit or blank, or makes it vanish (ASCII does not count)."""
    if point < 0x80 or 0xAC00 <= point <= 0xD7FF:
        return False
    character = chr(point)
    if 0x3400 <= point <= 0x9FFF or point >= 0x20000:
        return _simplified(character) is not None
    spelled = _spell(character)  # not FOLD: a table of all characters would stay for good
    if spelled is None or (spelled == PICTURE != character):
        return True
    return spelled != character and (spelled == " " or any(piece.isalnum() for piece in spelled))


@cache
def changing() -> tuple[int, ...]:
    """Every code point that `changes`: what a text must hold before its folding is worth the time."""
    regular = (point for point in range(0x80, 0x1FBFF) if not 0xD800 <= point <= 0xF8FF)
    found = [point for point in regular if unicodedata.category(chr(point)) != "Cn" and changes(point)]
    plane2 = [ord(character) for character in _han()[0] if ord(character) >= 0x20000]
    return (*found, *sorted(plane2), *range(0xE0100, 0xE01F0), *range(0xE0001, 0xE0080))
