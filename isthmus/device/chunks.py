"""Long texts in pieces that a small model can hold: cut where a person would pause, joined without a lost character.

Rule of this file: the pieces and the gaps between them, put one after another, are the text itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Tokens of the models of the catalogue, measured: an English token covers about 4.2 characters, a Chinese character
# about 0.7 tokens. Both are rounded to the safe side.
LATIN_CHARS = 3.5
WIDE_TOKENS = 0.9
_WIDE = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")
_CUTS = (
    re.compile(r"\n\s*\n\s*"),
    re.compile(r"\n"),
    re.compile(r"(?<=[。！？；])|(?<=[.!?;])\s+"),
    re.compile(r"(?<=[，、])|(?<=,)\s+"),
    re.compile(r"\s+"),
)


class Piece(NamedTuple):
    """One piece and the gap (white space) that follows it."""

    text: str
    gap: str


def tokens(text: str) -> int:
    """About how many tokens `text` is, never far too few."""
    wide = len(_WIDE.findall(text))
    return int(wide * WIDE_TOKENS + (len(text) - wide) / LATIN_CHARS) + 1


def split(text: str, limit: int) -> list[Piece]:
    """`text` in pieces of at most about `limit` tokens."""
    pieces: list[Piece] = []
    for piece in _divide(text, "", limit, 0):
        if pieces and tokens(pieces[-1].text + pieces[-1].gap + piece.text) <= limit:
            last = pieces.pop()
            piece = Piece(last.text + last.gap + piece.text, piece.gap)  # noqa: PLW2901 - a fuller piece
        pieces.append(piece)
    return pieces


def join(answers: list[str], pieces: list[Piece]) -> str:
    """The answers to `pieces`, with the gaps that stood between them."""
    return "".join(answer + piece.gap for answer, piece in zip(answers, pieces, strict=True))


def end(text: str, limit: int) -> str:
    """The last of `text`, at most about `limit` tokens, beginning at a pause."""
    pieces = split(text, limit)
    last = pieces[-1].text
    if len(pieces) > 1 and tokens(last) < limit // 2:
        return pieces[-2].text + pieces[-2].gap + last
    return last


def _divide(text: str, gap: str, limit: int, level: int) -> list[Piece]:
    if tokens(text) <= limit:
        return [Piece(text, gap)]
    if level == len(_CUTS):
        half = len(text) // 2
        return _divide(text[:half], "", limit, level) + _divide(text[half:], gap, limit, level)
    found: list[Piece] = []
    start = 0
    for cut in _CUTS[level].finditer(text):
        if cut.start() > start:
            found += _divide(text[start : cut.start()], cut[0], limit, level + 1)
            start = cut.end()
    if start < len(text):
        found += _divide(text[start:], gap, limit, level + 1)
    elif found and gap:
        found[-1] = Piece(found[-1].text, found[-1].gap + gap)
    return found
