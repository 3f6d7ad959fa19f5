"""One log on disk: segments that only grow, the tree over them, and the checkpoints that vouch for them.

    lock                      held (flock) by the one process that writes here; it counts the openings
    <first>.seg               a segment; its name is the number of its first entry, 20 digits
    tree.8 tree.16 tree.24    inner nodes of the Merkle tree (nodes.py)
    checkpoints               every checkpoint, one signed note after the other

The last checkpoint stands a second time in another folder, so that a log that was cut or removed is noticed.

Opening continues the last segment. What follows its last whole record was never acknowledged and is cut; but if
anything that a checkpoint vouches for is missing, the log is damaged and is not opened.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, disk, frame
from isthmus.ledger.checkpoint import Checkpoint, Signer
from isthmus.ledger.nodes import Nodes
from isthmus.ledger.tree import Frontier

SEGMENT_BYTES = 64 << 20
SEGMENT_MS = 24 * 3600 * 1000  # a segment holds at most a day, so that retention can go day by day


class Shard:
    """One writer's log. Not thread-safe: the ledger's writer thread alone calls it after it was opened.

    `boot` counts the openings, so that ids given out before a crash are never given out again. `cut` is how many
    bytes of a torn tail were cut at opening. `last` is the last checkpoint.
    """

    def __init__(
        self, folder: Path, head: Path, signer: Signer, clock: Clock, *, origin: str, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Open or make the log in `folder`; `head` is the file of the last checkpoint's second copy.

        Raises Refusal ledger_busy, data_damaged; OSError.
        """
        self.origin = origin
        self.cut = 0
        self._clock = clock
        self._signer = signer
        self._limit = segment_bytes
        self._folder = folder
        self._head = head
        folder.mkdir(parents=True, exist_ok=True)
        head.parent.mkdir(parents=True, exist_ok=True)
        self._tree, self._chain, self._file = Frontier(), frame.ORIGIN, -1
        self._bytes = self._made = self._first = 0
        self._lock = self._take_lock()
        self._nodes: Nodes | None = None
        self._notes = -1
        try:
            self.boot = self._count_boot()
            self._notes = os.open(folder / "checkpoints", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
            self.last = self._last_checkpoint()
            self._nodes = Nodes(folder)
            self._continue(self._nodes)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """How many entries the log holds."""
        return self._tree.size

    def write(self, payloads: Sequence[bytes]) -> None:
        """Append entries and make them durable with one sync. Raises OSError; then nothing here may be trusted."""
        if self._bytes >= self._limit or (self._clock.epoch_ms() - self._made >= SEGMENT_MS and self.in_segment):
            self.rotate()
        chain, start, pack = self._chain, frame.start_link, frame.pack_record
        leaves: list[bytes] = []
        block: list[bytes] = []
        add, keep = block.append, leaves.append
        for payload in payloads:
            # frame.link and write_record, written out: this loop runs once for every answer.
            hashed = start()
            hashed.update(chain + payload)
            chain = hashed.digest()
            keep(chain)
            body = chain + payload
            add(pack(len(payload), crc32(body)))
            add(body)
        self._chain = chain
        self._tree.extend(leaves)
        data = b"".join(block)
        disk.write_durably(self._file, data)
        self._bytes += len(data)
        if self._tree.grown:
            assert self._nodes is not None
            self._nodes.add(self._tree.grown)

    @property
    def in_segment(self) -> int:
        """How many entries the current segment holds."""
        return self._tree.size - self._first

    def checkpoint(self) -> Checkpoint | None:
        """Sign what stands, in both places; None when nothing changed since the last time. Raises OSError."""
        last = self.last
        if self._tree.size == self._vouched():
            return None
        assert self._nodes is not None
        self._nodes.sync()
        previous = checkpoint.NONE if last is None else last.digest
        made = self._signer.sign(
            self.origin,
            self._tree.size,
            root=self._tree.root(),
            chain=self._chain,
            at=self._clock.epoch_ms(),
            previous=previous,
        )
        disk.write_durably(self._notes, made.note)
        self._write_head(made.note)
        self.last = made
        return made

    def rotate(self) -> None:
        """Begin a new segment after what stands. Its name is durable before any record in it is. Raises OSError."""
        assert self._nodes is not None
        self._nodes.sync()
        path = self._folder / f"{self._tree.size:020d}.seg"
        made = self._clock.epoch_ms()
        block = frame.write_header(frame.Header(self._tree.size, made, self._chain, self._tree.peaks))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            disk.write_durably(descriptor, block)
            disk.sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self._bytes, self._made, self._first = descriptor, len(block), made, self._tree.size

    def older_than(self, ms: int) -> frame.Header | None:
        """Header of the first segment to stay when all that began before `ms` goes; None when none goes.

        The segment that is written now is ended first when it is as old. Raises OSError.
        """
        if self._made < ms and self.in_segment:
            self.rotate()
        older = False
        for path in sorted(self._folder.glob("*.seg")):
            with path.open("rb") as file:
                header = frame.read_header(file.read(frame.header_size(int(path.stem))))
            if header.made >= ms or header.first == self._first:
                return header if older else None
            older = True
        return None

    def drop(self, first: int) -> None:
        """Delete the segments before the one that begins with entry `first`. Raises OSError."""
        for path in sorted(self._folder.glob("*.seg")):
            if int(path.stem) < first:
                path.unlink()
        disk.sync_folder(self._folder)

    def close(self) -> None:
        """Let go of the files and the lock. Whoever wants a last checkpoint asks for it before."""
        if self._nodes is not None:
            self._nodes.close()
        for descriptor in (self._file, self._notes, self._lock):
            if descriptor >= 0:
                os.close(descriptor)

    def _write_head(self, note: bytes) -> None:
        """The second copy. It is not synced: a power cut may leave it old or empty, and `checkpoints` is whole."""
        draft = self._head.with_name(f".{self._head.name}")
        draft.write_bytes(note)
        draft.replace(self._head)

    def _take_lock(self) -> int:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Refusal("ledger_busy", shard=self._folder.name) from None
        return descriptor

    def _count_boot(self) -> int:
        """The number of this opening, from 1, durable before any id is made of it."""
        boot = int(os.pread(self._lock, 20, 0) or b"0") + 1
        os.pwrite(self._lock, b"%020d" % boot, 0)
        disk.sync(self._lock)
        return boot

    def _last_checkpoint(self) -> Checkpoint | None:
        """The later of the two places' last checkpoints; a torn note at the end of the file is cut."""
        try:
            first, end = checkpoint.last(self._folder / "checkpoints")
            os.ftruncate(self._notes, end)
            known = [] if first is None else [first]
            second = self._head.read_bytes() if self._head.exists() else b""
            if second.strip(b"\0"):
                known.append(checkpoint.read(second))
            for each in known:
                checkpoint.check(each, self._signer.node, self._signer.public)
        except checkpoint.BadCheckpointError as error:
            raise self._damaged(f"a checkpoint: {error}") from error
        newest = max(known, key=lambda each: each.size, default=None)
        if newest is not None and newest.note != second:
            # Killed between the two places, or the power cut emptied the second: it must never fall further behind.
            self._write_head(newest.note)
        return newest

    def _continue(self, nodes: Nodes) -> None:
        """Find the end of the log, and open the segment to go on with."""
        paths = self._whole_segments()
        if not paths:
            if self._vouched():
                raise self._damaged("the segments are gone")
            nodes.cut(0)
            self.rotate()
            for folder in (self._folder.parent, self._folder.parent.parent):
                disk.sync_folder(folder)
            return
        # The nodes of all but the last segment are durable; when they are not here all the same, all is replayed.
        paths = paths[-1:] if nodes.cover(int(paths[-1].stem)) else paths
        nodes.cut(int(paths[0].stem))
        for path in paths:
            block = path.read_bytes()
            header = frame.read_header(block)
            end = self._replay(path, block, header)
            nodes.add(self._tree.grown)
        if self._tree.size < self._vouched():
            raise self._damaged(f"{path.name}: entries {self._tree.size} to {self._vouched() - 1} are gone")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        if end < len(block):
            self.cut += len(block) - end
            os.ftruncate(self._file, end)
            disk.sync(self._file)
        self._bytes, self._made, self._first = end, header.made, header.first

    def _whole_segments(self) -> list[Path]:
        """The segments, oldest first. A header torn by a crash in the middle of a rotation is removed."""
        paths = sorted(self._folder.glob("*.seg"))
        if paths:
            path = paths[-1]
            block = path.read_bytes()
            try:
                frame.read_header(block)
            except frame.BrokenSegmentError as error:
                first = int(path.stem)
                if len(block) > frame.header_size(first) or self._vouched() > first:
                    raise self._damaged(f"{path.name}: {error}") from error
                self.cut += len(block)
                path.unlink()
                paths.pop()
        return paths

    def _replay(self, path: Path, block: bytes, header: frame.Header) -> int:
        """Take tree and chain to the end of the last whole record; the offset of that end."""
        chain, tree = header.chain, Frontier(header.first, header.peaks)
        end = header.size
        try:
            for record in frame.records(block, end):
                chain = frame.link(chain, record.payload)
                if chain != record.chain:
                    raise self._damaged(f"{path.name}, offset {record.offset}: a record does not fit the chain")
                tree.append(chain)
                end = record.offset + frame.RECORD_SIZE + len(record.payload)
                if self.last is not None and tree.size == self.last.size and chain != self.last.chain:
                    raise self._damaged(f"{path.name}, offset {record.offset}: it is not what the checkpoint signed")
        except frame.BrokenSegmentError as error:
            if tree.size < self._vouched():
                raise self._damaged(f"{path.name}, offset {error.damage.offset}: {error}") from error
        self._chain, self._tree = chain, tree
        return end

    def _vouched(self) -> int:
        return 0 if self.last is None else self.last.size

    def _damaged(self, what: str) -> Refusal:
        reason = f"The ledger's log {self._folder.name} is damaged ({what}). `isthmus ledger verify` names every place."
        return Refusal("data_damaged", reason=reason)
