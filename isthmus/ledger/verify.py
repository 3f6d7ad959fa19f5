"""Is the ledger what was written? Every damage is named with its place.

A segment is checked on its own (checksums, chain, Merkle tree), starting from the chain and the peaks in its header;
then the segments of a shard are joined end to start, and compared with every checkpoint. What follows the last
checkpoint may be torn, because it may never have been acknowledged: that is reported as unfinished, not as damage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.ledger import checkpoint, frame, read
from isthmus.ledger.checkpoint import Checkpoint
from isthmus.ledger.receipt import decode
from isthmus.ledger.tree import Frontier

Progress = Callable[[int, int], None]


class Damage(msgspec.Struct, frozen=True):
    """One place that is not what was written. `number` is that of the first entry concerned, -1 when unknown."""

    shard: str
    file: str
    offset: int
    number: int
    reason: str


class Report(msgspec.Struct):
    """What verify found. `unfinished` counts the bytes after the last whole records that no checkpoint vouches for."""

    entries: int = 0
    segments: int = 0
    checkpoints: int = 0
    bytes: int = 0
    unfinished: int = 0
    damages: list[Damage] = []

    @property
    def sound(self) -> bool:
        return not self.damages


class _Scan(NamedTuple):
    """One segment, checked on its own. `broken` is where it stops being whole; `heads` are (root, chain) by size."""

    header: frame.Header | None
    size: int
    chain: bytes
    peaks: tuple[bytes, ...]
    heads: Mapping[int, tuple[bytes, bytes]]
    broken: frame.Damage | None
    left: int


def verify(folder: Path, progress: Progress | None = None) -> Report:
    """Check everything under the ledger's `folder`. `progress` hears (bytes done, bytes in all).

    Reads only; a ledger that is being written can be checked.
    """
    report = Report()
    try:
        _, public = checkpoint.public_key(folder)
    except FileNotFoundError:
        if read.shards(folder):
            report.damages.append(Damage("", "node.pub", 0, -1, "the node's public key is gone"))
        return report
    except checkpoint.BadCheckpointError as error:
        report.damages.append(Damage("", "node.pub", 0, -1, str(error)))
        return report
    names = read.shards(folder)
    total = sum(path.stat().st_size for name in names for path in read.segments(folder, name))
    for name in names:
        _Shard(folder, name, public=public, report=report, progress=progress, total=total).check()
    for head in sorted((folder / "heads").glob("[!.]*")):
        if head.name not in names:
            report.damages.append(Damage(head.name, f"shards/{head.name}", 0, 0, "the shard is gone"))
    return report


class _Shard:
    """The check of one shard."""

    def __init__(
        self, folder: Path, name: str, *, public: bytes, report: Report, progress: Progress | None, total: int
    ) -> None:
        self._folder = folder
        self._name = name
        self._public = public
        self._report = report
        self._progress = progress
        self._total = total

    def check(self) -> None:
        # Checkpoints first: whatever they vouch for was written before them, and is there now if it still exists.
        notes = self._checkpoints()
        self._report.checkpoints += len(notes)
        paths = read.segments(self._folder, self._name)
        vouched = notes[-1].size if notes else 0
        wanted = {note.size for note in notes}
        size, chain = 0, frame.ORIGIN
        peaks: tuple[bytes, ...] = ()
        joined = True
        heads: dict[int, tuple[bytes, bytes]] = {}
        for path in paths:
            scan = _scan(path, wanted)
            self._count(path, scan)
            if scan.header is None or scan.broken is not None:
                assert scan.broken is not None
                if path == paths[-1] and scan.size >= vouched and (scan.header or int(path.stem) >= vouched):
                    self._report.unfinished += scan.left
                else:
                    self._damage(path.name, scan.broken.offset, scan.size, scan.broken.reason)
            if scan.header is None:
                joined = False
                continue
            if joined and (scan.header.first, scan.header.chain, scan.header.peaks) != (size, chain, peaks):
                self._damage(path.name, 0, size, "it does not continue the segment before it")
            if f"{scan.header.first:020d}" != path.stem:
                self._damage(path.name, 0, scan.header.first, "its name is not the number of its first entry")
            heads |= scan.heads
            size, chain, peaks = scan.size, scan.chain, scan.peaks
            joined = scan.broken is None
        if joined and size < vouched:
            self._damage(paths[-1].name if paths else "", 0, size, f"entries {size} to {vouched - 1} are gone")
        for note in notes:
            if note.size in heads and heads[note.size] != (note.root, note.chain):
                self._damage("checkpoints", 0, note.size - 1, f"entry {note.size - 1} is not what was signed")

    def _checkpoints(self) -> list[Checkpoint]:
        """The shard's checkpoints in order; whatever is wrong with them is reported."""
        path = self._folder / "shards" / self._name / "checkpoints"
        head = self._folder / "heads" / self._name
        second = head.read_bytes() if head.exists() else None
        notes: list[Checkpoint] = []
        offset, previous = 0, checkpoint.NONE
        whole, end = checkpoint.split(path.read_bytes() if path.exists() else b"")
        for note in whole:
            try:
                found = checkpoint.read(note)
                if found.previous != previous:
                    raise checkpoint.BadCheckpointError("the checkpoint does not follow the one before it")
                notes.append(found)
            except checkpoint.BadCheckpointError as error:
                self._damage("checkpoints", offset, -1, str(error))
            previous = checkpoint.digest(note)
            offset += len(note)
        try:
            if notes:
                checkpoint.check(notes[-1], self._public)
            if second is not None:
                last = checkpoint.read(second)
                checkpoint.check(last, self._public)
                if second not in whole[-2:]:
                    self._damage("checkpoints", end, last.size - 1, "the last checkpoint is gone")
                    notes.append(last)
            elif len(whole) > 1:
                self._damage(f"heads/{self._name}", 0, -1, "the second copy of the last checkpoint is gone")
        except checkpoint.BadCheckpointError as error:
            self._damage("checkpoints", end, -1, str(error))
        return notes

    def _damage(self, file: str, offset: int, number: int, reason: str) -> None:
        self._report.damages.append(Damage(self._name, file, offset, number, reason))

    def _count(self, path: Path, scan: _Scan) -> None:
        self._report.segments += 1
        self._report.bytes += path.stat().st_size
        if scan.header is not None:
            self._report.entries += scan.size - scan.header.first
        if self._progress is not None:
            self._progress(self._report.bytes, self._total)


def _scan(path: Path, wanted: set[int]) -> _Scan:
    """Check one segment on its own; take root and chain at each size of `wanted`."""
    block = path.read_bytes()
    try:
        header = frame.read_header(block)
    except frame.BrokenSegmentError as error:
        return _Scan(None, int(path.stem) if path.stem.isdigit() else 0, b"", (), {}, error.damage, len(block))
    chain, tree = header.chain, Frontier(header.first, header.peaks)
    heads: dict[int, tuple[bytes, bytes]] = {}
    broken, end = None, header.size
    if header.first in wanted:
        heads[header.first] = (tree.root(), chain)
    try:
        for record in frame.records(block, header.size):
            leaf = frame.leaf_hash(record.payload)
            chain = frame.link(chain, leaf)
            if chain != record.chain:
                broken = frame.Damage(record.offset, "a record does not fit the chain")
                break
            decode(record.payload)
            tree.append(leaf)
            end = record.offset + frame.RECORD_SIZE + len(record.payload)
            if tree.size in wanted:
                heads[tree.size] = (tree.root(), chain)
    except frame.BrokenSegmentError as error:
        broken = error.damage
    except msgspec.MsgspecError:
        broken = frame.Damage(end, "a record is not an entry this version knows")
    return _Scan(header, tree.size, chain, tree.peaks, heads, broken, len(block) - end)
