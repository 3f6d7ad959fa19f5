"""Counters that every worker keeps in a file of its own, so that another process may add them up without asking.

Rules of this room:
1. One writer per file. It only ever adds to 8-byte cells of shared memory: no lock, no system call, nothing to flush.
2. A row is made once per combination of labels and never removed; when the file is full, what is new is counted in the
   row whose labels are all "other". So the number of series is bounded, whatever callers send.
3. Labels are names of the house (region, route, outcome), never content, never a caller's own words.

    header   64 bytes   magic, rows in use
    rows     768 bytes  256: its labels as a JSON array, padded with zeros; 64 unsigned cells of 8 bytes

Buckets of time are powers of two of 1/102,400 s, so that 0.01, 0.02, 0.04 ... 81.92 s are exact: the boundaries that
OpenTelemetry advises for gen_ai.client.operation.duration.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

MAGIC = b"ISTHMES1"
HEADER = 64
NAME = 256
CELLS = 64
ROWS = 1024
ROW = NAME + 8 * CELLS
SPARE = 16  # rows kept for "other"
LONGEST = 64  # characters of one label

# Cells of a row of answers. Times are in microseconds.
COUNT, WHOLE_US, FIRSTS, FIRST_US, TOKENS_IN, TOKENS_OUT, MASKED, BLOCKED, UNLABELLED, STREAMED = range(10)
WHOLE, FIRST = 12, 37  # where the two histograms begin, BUCKETS cells each
BUCKETS = 25
UNITS = 102_400  # units of time in a second
# Upper bounds in seconds; the last bucket has none.
BOUNDS: tuple[float, ...] = tuple((1 << power) / UNITS for power in range(BUCKETS - 1))

Labels = tuple[str, ...]
OTHER = "other"


class Sheet:
    """One writer's counters. `cells` is the file's memory as unsigned 8-byte numbers; `row` says where a row begins."""

    __slots__ = ("_known", "_map", "_rows", "cells")

    def __init__(self, path: Path, rows: int = ROWS) -> None:
        """Continue the file, or make it; one of another layout is begun anew. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = HEADER + rows * ROW
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.pread(file, 8, 0) != MAGIC or os.fstat(file).st_size != size:
                os.ftruncate(file, 0)
            os.ftruncate(file, size)
            self._map = mmap.mmap(file, size)
        finally:
            os.close(file)
        self._map[0:8] = MAGIC
        self._rows = rows
        self.cells = memoryview(self._map).cast("Q")
        self._known: dict[Labels, int] = {
            labels: _place(number) for number, labels in enumerate(_labels(self._map, self.cells[1]))
        }

    def __len__(self) -> int:
        return int(self.cells[1])

    def row(self, *labels: str) -> int:
        """Where the cells of the row with these labels begin; it is made when it is new."""
        at = self._known.get(labels)
        if at is None:
            cut = tuple(label[:LONGEST] for label in labels)
            at = self._known.get(cut)
            if at is None:
                at = self._make(cut)
            if len(self._known) < 4 * self._rows:
                self._known[labels] = at
        return at

    def _make(self, labels: Labels) -> int:
        rest = (labels[0], *(OTHER for _ in labels[1:]))
        name = msgspec.json.encode(labels)
        number = len(self)
        if len(name) > NAME or (labels != rest and number >= self._rows - SPARE) or number >= self._rows:
            if labels == rest:
                raise ValueError("a sheet has more kinds of rows than it keeps spare rows")
            return self.row(*rest)
        start = HEADER + number * ROW
        self._map[start : start + len(name)] = name
        self.cells[1] = number + 1  # a reader sees a row only when its name is whole
        return _place(number)

    def close(self) -> None:
        self.cells.release()
        self._map.close()


def _place(number: int) -> int:
    return (HEADER + number * ROW + NAME) // 8


def _labels(block: bytes | mmap.mmap, rows: int) -> list[Labels]:
    found = []
    for number in range(rows):
        start = HEADER + number * ROW
        found.append(tuple(msgspec.json.decode(block[start : start + NAME].rstrip(b"\0"), type=list[str])))
    return found


def read(path: Path) -> dict[Labels, tuple[int, ...]]:
    """Rows of one file by their labels, while it is written; {} for a file that is none. Raises OSError."""
    block = path.read_bytes()
    if block[:8] != MAGIC or len(block) < HEADER:
        return {}
    cells = memoryview(block).cast("Q")
    rows = min(cells[1], (len(block) - HEADER) // ROW)
    return {
        labels: tuple(cells[_place(number) : _place(number) + CELLS])
        for number, labels in enumerate(_labels(block, rows))
    }


def read_all(folder: Path) -> dict[Labels, tuple[int, ...]]:
    """The sum over every file of the folder."""
    return add_up(read(path) for path in sorted(folder.glob("*.cells")))


def add_up(sheets: Iterable[Mapping[Labels, tuple[int, ...]]]) -> dict[Labels, tuple[int, ...]]:
    """Rows of several sheets, added cell by cell."""
    total: dict[Labels, tuple[int, ...]] = {}
    for sheet in sheets:
        for labels, cells in sheet.items():
            known = total.get(labels)
            total[labels] = cells if known is None else tuple(map(sum, zip(known, cells, strict=True)))
    return total


def quantile(buckets: Iterable[int], share: float) -> float:
    """Seconds below which `share` of what was counted lies, linear within its bucket; 0.0 when nothing was counted."""
    counts = tuple(buckets)
    wanted = share * sum(counts)
    if not wanted:
        return 0.0
    seen = 0
    for number, count in enumerate(counts):
        if seen + count >= wanted:
            low = BOUNDS[number - 1] if number else 0.0
            high = BOUNDS[number] if number < len(BOUNDS) else BOUNDS[-1] * 2
            return low + (high - low) * (wanted - seen) / count
        seen += count
    return BOUNDS[-1] * 2
