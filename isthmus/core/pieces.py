"""Texts one after another, kept as one: thousands of short ones would take ten times the memory of what they say."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

_JOINED = 16  # texts that are kept apart before they are joined


class Pieces:
    """Many short texts in order; `iter` gives them back as they came, `len` their number."""

    __slots__ = ("_sizes", "_texts")

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._sizes = array("I")  # characters of each piece

    def add(self, text: str, pieces: Sequence[bytes | str]) -> None:
        """`pieces` (of ASCII also as bytes), and `text`, which is what they say together."""
        if len(self._texts) >= _JOINED:
            self._texts = ["".join(self._texts)]
        self._texts.append(text)
        self._sizes.extend(map(len, pieces))

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[str]:
        whole = "".join(self._texts)
        start = 0
        for size in self._sizes:
            yield whole[start : start + size]
            start += size
