"""Byte pair encoding by a table of merges that is read where it lies on disk.

Rules of this room:
1. A piece of text begins as its bytes. Of all neighbours that together are one token, those of the lowest rank merge
   first, the leftmost of equals, until none are left (Sennrich et al., "Neural Machine Translation of Rare Words with
   Subword Units", 2016).
2. A token is numbered by its rank: the bytes are 0 to 255, what merges make comes after them.
3. A table is an array of 64-bit words, each a pair and what it makes, found by hashing the pair. A vocabulary of
   150,000 tokens takes 4 MiB on disk; a process holds the pages it has looked at, and shares them with the others.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from pathlib import Path

_BITS = 20  # of one token's number
_LOW = (1 << _BITS) - 1
_DIGEST = 32
_SPREAD = 0x9E3779B1  # neighbours in number are none in the table (Knuth, "The Art of Computer Programming", 6.4)


class Merges:
    """Counts the tokens of pieces. `table`: see `lay`."""

    def __init__(self, table: memoryview) -> None:
        self._table = table

    def _makes(self, left: int, right: int) -> int:
        """The token that two neighbours make; 0 when they make none."""
        table = self._table
        pair = left << _BITS | right
        at = pair * _SPREAD % len(table)
        while held := table[at]:
            if held >> _BITS == pair:
                return held & _LOW
            at = at + 1 if at + 1 < len(table) else 0
        return 0

    def tokens(self, piece: bytes) -> int:
        """How many tokens a piece makes. Rule 1, with a heap: n bytes take n log n steps, whatever they hold."""
        size = len(piece)
        held = list(piece)
        after, before = list(range(1, size + 1)), list(range(-1, size - 1))
        wanted = [*map(self._makes, piece, piece[1:]), 0]  # what each makes with its neighbour to the right
        heap = [(made, at) for at, made in enumerate(wanted) if made]
        heapify(heap)
        left = size
        while heap:
            made, at = heappop(heap)
            if wanted[at] != made:
                continue  # one of the two has merged otherwise
            left -= 1
            held[at] = made
            wanted[after[at]] = 0
            after[at] = beyond = after[after[at]]
            wanted[at] = 0
            if beyond < size:
                before[beyond] = at
                wanted[at] = self._makes(made, held[beyond])
                if wanted[at]:
                    heappush(heap, (wanted[at], at))
            ahead = before[at]
            if ahead >= 0:
                wanted[ahead] = self._makes(held[ahead], made)
                if wanted[ahead]:
                    heappush(heap, (wanted[ahead], ahead))
        return left


def lay(ranks: Mapping[bytes, int]) -> array[int]:
    """The table of a vocabulary: twice as many words as pairs, 0 where none lies. Raises ValueError when there are
    more tokens than a word has room for. Takes a second for 150,000 tokens.
    """
    pairs = list(_pairs(ranks))
    table = array("Q", bytes(8 * (2 * len(pairs) + 1)))
    size = len(table)
    for word in pairs:
        at = (word >> _BITS) * _SPREAD % size
        while table[at]:
            at = at + 1 if at + 1 < size else 0
        table[at] = word
    return table


def _pairs(ranks: Mapping[bytes, int]) -> Iterator[int]:
    """Each way to cut a token into two of lower rank, as a word of the table."""
    numbers = {bytes((byte,)): byte for byte in range(256)}
    longer = sorted((piece for piece in ranks if len(piece) > 1), key=ranks.__getitem__)
    if len(longer) > _LOW - 256:
        raise ValueError("too many tokens")
    for number, piece in enumerate(longer, 256):
        for cut in range(1, len(piece)):
            left = numbers.get(piece[:cut])
            if left is not None:
                right = numbers.get(piece[cut:])
                if right is not None:
                    yield (left << _BITS | right) << _BITS | number
        numbers[piece] = number


def save(table: array[int], path: Path) -> None:
    """Write a table for this user alone, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    raw = memoryview(table).cast("B")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".merges-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
            out.write(hashlib.sha256(raw).digest())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def restore(path: Path) -> memoryview | None:
    """What `save` wrote, where it lies; None when it is missing, damaged, or open to other users."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            words = (found.st_size - _DIGEST) // 8
            if words < 1 or found.st_uid not in (os.geteuid(), 0) or found.st_mode & 0o022:
                return None
            digest = hashlib.sha256()
            rest = 8 * words
            while rest and (read := file.read(min(rest, 1 << 16))):
                digest.update(read)
                rest -= len(read)
            if file.read() != digest.digest():
                return None
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:
        return None
    return memoryview(whole)[: 8 * words].cast("Q")
