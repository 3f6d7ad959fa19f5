"""Is the ledger what was written? Every damage is named with its place.

Each segment is checked on its own (scan.py), in parallel; then the segments of a log are joined end to start, compared
with every checkpoint and with the stored nodes; then the shards' checkpoints are compared with the node's log. What
follows the last checkpoint may be torn, because it may never have been acknowledged: that is reported as unfinished,
not as damage.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from isthmus.ledger import checkpoint, frame, nodes, read
from isthmus.ledger.checkpoint import BadCheckpointError, Checkpoint
from isthmus.ledger.scan import Scan, Wish, scan

PARALLEL = 32 << 20  # bytes from which on it is worth to start processes

Progress = Callable[[int, int], None]
Mapper = Callable[[Callable[[Wish], Scan], Iterable[Wish]], Iterable[Scan]]


class Damage(msgspec.Struct, frozen=True):
    """One place that is not what was written.

    `offset` is in bytes; `number` is that of the first entry concerned, -1 when unknown; `after` is the id of the
    last sound entry before it, "" when there is none in that segment.
    """

    log: str
    file: str
    offset: int
    number: int
    reason: str
    after: str = ""


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


def verify(
    folder: Path,
    progress: Progress | None = None,
    *,
    since: int = 0,
    witness: bytes | None = None,
    jobs: int = 1,
) -> Report:
    """Check everything under the ledger's `folder`. `progress` hears (bytes done, bytes in all).

    `since` (ms): segments that were ended before are left out. `witness` is a checkpoint of the node that was kept
    elsewhere: the node's log must continue it. `jobs` processes share the work. Reads only; a ledger that is being
    written can be checked.
    """
    report = Report()
    logs = read.shards(folder)
    if not logs and not (folder / "node").exists() and not (folder / "CHECKPOINT").exists():
        return report
    try:
        node, public = checkpoint.public_key(folder)
    except (FileNotFoundError, BadCheckpointError) as error:
        reason = str(error) if isinstance(error, BadCheckpointError) else "the node's public key is gone"
        report.damages.append(Damage("", "node.pub", 0, -1, reason))
        return report
    # The node's log is read first: whatever it knows of the shards was written before it.
    house = _Log(folder / "node", folder / "CHECKPOINT", "node", node, public, report)
    if witness is not None:
        house.hold_against(witness)
    shards = [_Log(folder / "shards" / name, folder / "heads" / name, name, node, public, report) for name in logs]
    every = [house, *shards]
    wishes = [wish for log in every for wish in log.wishes(since)]
    total = sum(wish.path.stat().st_size for wish in wishes)
    with _mapper(jobs if total > PARALLEL else 1) as spread:
        scans = iter(spread(scan, wishes))
        for log in every:
            for _ in range(log.wished):
                found = next(scans)
                report.bytes += found.length
                log.take(found)
                if progress is not None:
                    progress(report.bytes, total)
            log.finish()
    _compare(folder, house, shards, report)
    return report


@contextmanager
def _mapper(jobs: int) -> Iterator[Mapper]:
    if jobs <= 1:
        yield map
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def _compare(folder: Path, house: _Log, shards: list[_Log], report: Report) -> None:
    """Hold the shards against what the node's log says of them."""
    for shard in shards:
        shard.compare({note: at for note, at in house.known.pop(shard.name, {}).items() if at < house.vouched})
    for name in sorted({*house.known, *(path.name for path in (folder / "heads").glob("[!.]*"))}):
        if not any(shard.name == name for shard in shards):
            report.damages.append(Damage(name, f"shards/{name}", 0, 0, "the log is gone"))
    if not (folder / "node").exists() and any(shard.signed > 1 for shard in shards):
        report.damages.append(Damage("node", "node", 0, 0, "the node's log is gone"))


class _Log:
    """The check of one log: `wishes` says what to scan, `take` joins each scan to the one before, `finish` ends it."""

    def __init__(self, folder: Path, head: Path, name: str, node: str, public: bytes, report: Report) -> None:
        self.name = name
        self.known: dict[str, dict[bytes, int]] = {}
        self.wished = 0
        self._folder = folder
        self._head = head
        self._report = report
        self._node = node
        self._public = public
        self._kind = "checkpoint" if name == "node" else "entry"
        self._notes = self._read_notes()
        self._heads = {note.size: note for note in self._notes}
        self._paths: list[Path] = []
        self._size = 0
        # chain, peaks, and whether the next segment has to join them
        self._ends: tuple[bytes, tuple[bytes, ...], bool] = (frame.ORIGIN, (), True)
        self._first = 0
        self._retired: dict[int, str] = {}
        self._joint = ""

    @property
    def signed(self) -> int:
        """How many checkpoints this log has."""
        return len(self._notes)

    @property
    def vouched(self) -> int:
        """How many entries the checkpoints vouch for."""
        return max(self._heads, default=0)

    def wishes(self, since: int) -> list[Wish]:
        """The segments to scan."""
        self._paths = sorted(self._folder.glob("*.seg"))
        sizes = frozenset(self._heads)
        later = [path for path, after in zip(self._paths, self._paths[1:], strict=False) if _made(after) >= since]
        wishes = [Wish(path, sizes, self._kind) for path in [*later, *self._paths[-1:]]]
        self.wished = len(wishes)
        if wishes and wishes[0].path != self._paths[0]:
            self._ends = (b"", (), False)
        return wishes

    def take(self, found: Scan) -> None:
        """One segment's scan, in order."""
        path, header, broken = found.path, found.header, found.broken
        last = path == self._paths[-1]
        self._report.segments += 1
        if broken is not None:
            if last and broken.torn and found.size >= self.vouched:
                self._report.unfinished += found.length - broken.offset
            else:
                self._damage(path.name, broken.offset, found.size, broken.reason, found.last_id)
        if header is None:
            self._ends = (b"", (), False)
            return
        if self._kind == "entry":
            self._report.entries += found.size - header.first
        if f"{header.first:020d}" != path.stem:
            self._damage(path.name, 0, header.first, "its name is not the number of its first entry")
        chain, peaks, joined = self._ends
        if path == self._paths[0] and header.first:
            self._first, self._joint = header.first, header.chain.hex()
        elif joined and (header.first, header.chain, header.peaks) != (self._size, chain, peaks):
            self._damage(path.name, 0, self._size, "it does not continue the segment before it")
        self._retired |= found.retired
        for shard, notes in found.known.items():
            self.known.setdefault(shard, {}).update(notes)
        for size, (root, end) in found.heads.items():
            if (self._heads[size].root, self._heads[size].chain) != (root, end):
                self._damage(path.name, 0, size - 1, f"up to entry {size - 1} it is not what was signed")
        self._check_nodes(found)
        self._size, self._ends = found.size, (found.chain, found.peaks, broken is None)

    def finish(self) -> None:
        """What can be said only when every segment was seen."""
        self._report.checkpoints += len(self._notes)
        if self._ends[2] and self._size < self.vouched:
            name = self._paths[-1].name if self._paths else "the segments"
            self._damage(name, 0, self._size, f"entries {self._size} to {self.vouched - 1} are gone")
        if self._first and self._retired.get(self._first) != self._joint:
            self._damage(
                self._paths[0].name, 0, 0, f"entries 0 to {self._first - 1} are gone, and no entry retired them"
            )

    def compare(self, told: dict[bytes, int]) -> None:
        """`told` are the checkpoints of this log that the node's log holds, with their numbers there."""
        mine = {note.note for note in self._notes}
        for note, number in told.items():
            if note not in mine:
                self._damage("checkpoints", 0, -1, f"checkpoint {number} of the node's log is not here")

    def hold_against(self, witness: bytes) -> None:
        """Take a checkpoint that was kept elsewhere as if it stood here."""
        try:
            found = checkpoint.read(witness)
            checkpoint.check(found, self._node, self._public)
        except BadCheckpointError as error:
            self._damage("the witness", 0, -1, str(error))
            return
        mine = self._heads.setdefault(found.size, found)
        if (mine.root, mine.chain) != (found.root, found.chain):
            self._damage("checkpoints", 0, found.size - 1, "the witness saw another log")

    def _check_nodes(self, found: Scan) -> None:
        """Stored nodes are what the segment grows; of a log being written the last ones may still be missing."""
        assert found.header is not None
        for level in nodes.LEVELS:
            grown = nodes.replayed(found.grown, level)
            start = (found.header.first >> level) * 32
            path = self._folder / f"tree.{level}"
            stored = b""
            if path.exists():
                with path.open("rb") as file:
                    file.seek(start)
                    stored = file.read(len(grown))
            vouched = (max((size for size in self._heads if size <= found.size), default=0) >> level) * 32 - start
            if not grown.startswith(stored) or len(stored) < vouched:
                self._damage(path.name, start, -1, "its nodes are not those of the entries")

    def _read_notes(self) -> list[Checkpoint]:
        """The log's checkpoints in order; whatever is wrong with them is reported."""
        path = self._folder / "checkpoints"
        second = self._head.read_bytes() if self._head.exists() else b""
        whole, end = checkpoint.split(path.read_bytes() if path.exists() else b"")
        notes: list[Checkpoint] = []
        offset, previous = 0, checkpoint.NONE
        for note in whole:
            try:
                found = checkpoint.read(note)
                if found.previous != previous or (notes and found.size <= notes[-1].size):
                    raise BadCheckpointError("the checkpoint does not follow the one before it")
                notes.append(found)
            except BadCheckpointError as error:
                self._damage("checkpoints", offset, -1, str(error))
            previous = checkpoint.digest(note)
            offset += len(note)
        try:
            if notes:
                checkpoint.check(notes[-1], self._node, self._public)
        except BadCheckpointError as error:
            self._damage("checkpoints", end - len(notes[-1].note), -1, str(error))
        notes.extend(self._read_head(second, whole, end))
        return notes

    def _read_head(self, second: bytes, whole: list[bytes], end: int) -> list[Checkpoint]:
        """The second copy, when it says more than the first place does."""
        if second in whole:
            if second not in whole[-2:]:
                self._damage(self._head.name, 0, -1, "the second copy of the last checkpoint is an old one")
            return []
        if not second.strip(b"\0"):
            if len(whole) > 1:
                self._damage(self._head.name, 0, -1, "the second copy of the last checkpoint is gone")
            return []
        try:
            last = checkpoint.read(second)
            checkpoint.check(last, self._node, self._public)
        except BadCheckpointError as error:
            self._damage(self._head.name, 0, -1, str(error))
            return []
        self._damage("checkpoints", end, last.size - 1, "the last checkpoint is gone")
        return [last]

    def _damage(self, file: str, offset: int, number: int, reason: str, after: str = "") -> None:
        self._report.damages.append(Damage(self.name, file, offset, number, reason, after))


def _made(path: Path) -> int:
    """When a segment was begun, in ms; when its header does not say, so late that its neighbours are looked at."""
    try:
        with path.open("rb") as file:
            return frame.read_header(file.read(4096)).made
    except frame.BrokenSegmentError:
        return 1 << 62
