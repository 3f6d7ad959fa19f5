"""The inner nodes of a shard's tree, kept so that a proof need not hash the whole log.

    tree.8, tree.16, tree.24      the nodes of that level, 32 bytes each, in order

They can all be made again from the segments. They are synced with each checkpoint and each new segment; what a crash
took is made again when the last segment is replayed.
"""

from __future__ import annotations

import mmap
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

from isthmus.ledger import disk, frame, tree

LEVELS = (8, 16, 24)


class Nodes:
    """The writer's side: node files of one shard, opened for appending."""

    def __init__(self, folder: Path) -> None:
        """Open or make the files. Raises OSError."""
        self._files = {level: os.open(folder / f"tree.{level}", os.O_RDWR | os.O_CREAT, 0o640) for level in LEVELS}
        self._dirty = False

    def cover(self, size: int) -> bool:
        """Whether every node over the first `size` entries is here."""
        return all(os.fstat(file).st_size >= (size >> level) * 32 for level, file in self._files.items())

    def cut(self, size: int) -> None:
        """Forget nodes that need more than the first `size` entries."""
        for level, file in self._files.items():
            os.ftruncate(file, (size >> level) * 32)
            os.lseek(file, 0, os.SEEK_END)

    def add(self, grown: list[tuple[int, bytes]]) -> None:
        """Keep the nodes of a Frontier's `grown`, and empty it."""
        for level, node in grown:
            disk.write(self._files[level], node)
        self._dirty = self._dirty or bool(grown)
        grown.clear()

    def sync(self) -> None:
        if self._dirty:
            for file in self._files.values():
                disk.sync(file)
            self._dirty = False

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)


class Finder:
    """The reader's side: any node of a shard's tree, from the node files and the segments in `folder`.

    Calling it with (level, index) gives the node's hash. Raises LookupError when the entries under it are gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths = sorted(path for path in folder.glob("*.seg") if path.stat().st_size)
        self._firsts = [int(path.stem) for path in self._paths]
        self._known: dict[tuple[int, int], bytes] = {}
        self._blocks: dict[int, dict[int, bytes]] = {}
        self._oldest = self._firsts[0] if self._firsts else 0
        self._origin = frame.ORIGIN
        if self._oldest:
            # What was retired lives on in the peaks that the oldest segment begins with.
            header = frame.read_header(self._paths[0].read_bytes()[: frame.header_size(self._oldest)])
            self._origin = header.chain
            self._known.update(zip(tree.peak_names(header.first), header.peaks, strict=True))

    def __call__(self, level: int, index: int) -> bytes:
        name = (level, index)
        if name in self._known:
            return self._known[name]
        if level < LEVELS[0] and index << level < self._oldest < index + 1 << level:
            # Half of it was retired: its left parts are peaks, its right parts are still entries.
            node = tree.join(self(level - 1, 2 * index), self(level - 1, 2 * index + 1))
        elif level < LEVELS[0]:
            node = tree.lift(self._leaves(index << level, 1 << level))
        else:
            base = min(level // tree.STORED * tree.STORED, LEVELS[-1])
            node = tree.lift(self._stored(base, index << (level - base), 1 << (level - base)))
        self._known[name] = node
        return node

    def chain(self, number: int) -> bytes:
        """The chain hash before an entry."""
        return self._origin if number == self._oldest else self(0, number - 1)

    def _stored(self, level: int, first: int, count: int) -> list[bytes]:
        path = self._folder / f"tree.{level}"
        with path.open("rb") as file:
            file.seek(first * 32)
            block = file.read(count * 32)
        if len(block) < count * 32:
            raise LookupError(f"{path.name} is too short")
        return [block[at : at + 32] for at in range(0, len(block), 32)]

    def _leaves(self, first: int, count: int) -> list[bytes]:
        """Leaf hashes of `count` entries from number `first`; all lie in the same block of 256."""
        number = first >> LEVELS[0]
        if number not in self._blocks:
            # A proof asks for many small pieces of the same blocks, and finding a block is what takes time.
            self._blocks[number] = dict(self._read(number << LEVELS[0], (number + 1) << LEVELS[0]))
        block = self._blocks[number]
        try:
            return [block[each] for each in range(first, first + count)]
        except KeyError as missing:
            raise LookupError(f"entry {missing.args[0]} is gone") from None

    def _read(self, first: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Numbers and leaf hashes of the entries from `first` to before `end` that are there."""
        start = max(0, bisect_right(self._firsts, first) - 1)
        for path, begin in zip(self._paths[start:], self._firsts[start:], strict=True):
            if begin >= end:
                return
            number = max(first, begin)
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as segment:
                for leaf in frame.leaves(segment, frame.header_size(begin), number - begin):
                    if number == end:
                        return
                    yield number, leaf
                    number += 1


def replayed(grown: Iterable[tuple[int, bytes]], level: int) -> bytes:
    """The nodes of one level in a Frontier's `grown`, as the file has them."""
    return b"".join(node for each, node in grown if each == level)
