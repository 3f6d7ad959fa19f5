"""A mark in the system prompt that no answer may repeat: where it comes out, the prompt comes out.

Rules of this room:
1. Twelve signs by chance, anew for each exchange: nobody knows it who did not read the prompt.
2. It is found in capitals or small letters, and with signs or blanks between its signs.
3. What could still become the mark waits: from the first sign of the longest live beginning on, so that no split of a
   stream shows any of it.
What is not found: a prompt that is told in other words, translated or encoded without its mark.
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

SIGNS = "0123456789BCDFGHJKLMNPQRSTVWXYZ"
LENGTH = 12


class Canary(NamedTuple):
    """The mark, and per length of a live beginning the length of the next shorter one (Knuth, Morris, Pratt 1977)."""

    mark: str
    shorter: tuple[int, ...]

    @classmethod
    def draw(cls) -> Canary:
        """A mark by chance."""
        return cls.of("".join(secrets.choice(SIGNS) for _ in range(LENGTH)))

    @classmethod
    def of(cls, mark: str) -> Canary:
        """`mark` as a canary."""
        shorter = [0]
        length = 0
        for sign in mark[1:]:
            while length and mark[length] != sign:
                length = shorter[length - 1]
            length += mark[length] == sign
            shorter.append(length)
        return cls(mark, tuple(shorter))

    def look(self, text: str) -> tuple[bool, int]:
        """Whether the mark is in `text`, and how many of its characters may be shown in either case."""
        mark, shorter = self
        places: list[int] = []
        length = 0
        for place, sign in enumerate(text):
            if not sign.isalnum():
                continue
            places.append(place)
            sign = sign.upper()  # noqa: PLW2901  # the mark is written in capitals
            while length and mark[length] != sign:
                length = shorter[length - 1]
            length += mark[length] == sign
            if length == len(mark):
                return True, places[-length]
        return False, places[-length] if length else len(text)
