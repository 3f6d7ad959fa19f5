"""Fingerprint: what lets a detector say later that a text, or a lightly edited version of it, was produced here.

Rules of this room:
1. A text becomes at most SIZE numbers: of all its shingles (three words in a row; four characters of Chinese,
   Japanese or Korean) those whose hash (of CRC-32) is smallest. Texts that share shingles share numbers
   (MinHash, bottom-k).
2. The text is kept while the answer runs and until the ledger's thread has drawn the numbers from it; never longer,
   never on disk. The numbers are written under the ledger's own key (ledger/prints.py).
3. It runs only where the law asks for a detector (`label.embed` with detector = true).
Source: AI Act Art 50(2) and the Code of Practice of 2026-06-10; Broder, On the resemblance of documents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from zlib import crc32

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House

VERBS = ("label.embed",)
NAME = "fingerprint"
SIZE = 64  # numbers of one text
LEAST = 24  # shingles; of a shorter text nothing can be said
LIMIT = 65_536  # characters of an answer that are looked at
SAID = (NAME, "said")
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0002ffff"
_RUNS = re.compile(f"[{_CJK}]+")
_WORDS = re.compile(f"[^\\W_{_CJK}]+")
_QUOTES = re.compile("[\u2000-\u206f\u3000-\u303f\u00a0]")  # typographic marks: without them much text is ASCII
_SPACED = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in range(256))
_FIRST, _SECOND, _MASK = 0x9E3779B1, 0x85EBCA77, 0xFFFFFFFF  # odd, so that the order of words counts
WINDOW = 256  # shingles


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """Gather what is said, where a detector is owed."""
    del route, house
    if not any(owed.values.get("detector") for owed in obligations):
        return None
    return Stage(NAME, on_request=_begin, on_event=_gather)


def _begin(ex: Exchange) -> None:
    """A route that failed before left nothing behind."""
    ex.held[SAID] = []


def _gather(ex: Exchange, channel: str, piece: str, last: bool) -> str:
    del last
    if channel == "content" and piece:
        ex.held[SAID].append(piece)
    return piece


def taken(ex: Exchange) -> Callable[[], list[int]] | None:
    """How the numbers are drawn, later and in another thread; the exchange lets go of the text. None: no text."""
    pieces = ex.held.pop(SAID, None)
    if not pieces:
        return None

    def draw() -> list[int]:
        return numbers("".join(pieces))

    return draw


def numbers(text: str) -> list[int]:
    """The fingerprint of a text: up to SIZE numbers of 32 bits, ascending; empty when it is too short."""
    return _least(shingles(text[:LIMIT]))


def windows(text: str) -> list[list[int]]:
    """Fingerprints of a whole text and of its parts, so that an answer inside a longer text is found too."""
    each = shingles(text)
    parts = [each]
    if len(each) > 2 * WINDOW:
        parts += [each[at : at + WINDOW] for at in range(0, len(each) - WINDOW // 2, WINDOW // 2)]
    return [drawn for part in parts if (drawn := _least(part))]


def shingles(text: str) -> list[int]:
    """Every shingle of a text as a number of 32 bits: its words in threes, then its CJK characters in fours."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if not plain.isascii():
        plain = _QUOTES.sub(" ", plain)
    if plain.isascii():
        words, run = plain.encode().translate(_SPACED).split(), ""
    else:
        words = [word.encode("utf-8", "surrogatepass") for word in _WORDS.findall(plain)]
        run = "".join(_RUNS.findall(plain))
    sums = list(map(crc32, words))
    each = [
        (first * _FIRST ^ second * _SECOND ^ third) & _MASK
        for first, second, third in zip(sums, sums[1:], sums[2:], strict=False)
    ]
    if run:
        block = run.encode("utf-32-le")
        each += [crc32(block[at : at + 16]) for at in range(0, len(block) - 12, 4)]
    return each


def _least(each: list[int]) -> list[int]:
    found = set(each)
    return sorted(found)[:SIZE] if len(found) >= LEAST else []
