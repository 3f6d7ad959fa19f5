"""One shard of the ledger on disk: segments that only grow, and the checkpoints that vouch for them.

    shards/<name>/lock                       held (flock) by the one process that writes here
    shards/<name>/<first>.seg                a segment; its name is the number of its first entry, 20 digits
    shards/<name>/checkpoints                every checkpoint, one signed note after the other
    heads/<name>                             the last checkpoint again, so that a shard cut or removed is noticed

Opening continues the last segment. What follows its last whole record was never acknowledged and is cut; but if
anything that a checkpoint vouches for is missing, the shard is damaged and is not opened.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, frame
from isthmus.ledger.checkpoint import Checkpoint, Signer
from isthmus.ledger.tree import Frontier

SEGMENT_BYTES = 64 << 20


class Shard:
    """One writer's log. Not thread-safe: the ledger's writer thread alone calls it after `open`.

    `boot` counts the openings of this shard, so that ids given out before a crash are never given out again. `cut`
    is how many bytes of a torn tail were cut at opening.
    """

    def __init__(
        self, folder: Path, name: str, signer: Signer, clock: Clock, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Open or make the shard `name` in the ledger's `folder`. Raises Refusal ledger_busy, data_damaged."""
        self.name = name
        self.cut = 0
        self._clock = clock
        self._signer = signer
        self._limit = segment_bytes
        self._folder = folder / "shards" / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._head = folder / "heads" / name
        self._head.parent.mkdir(exist_ok=True)
        self._lock = self._take_lock()
        try:
            self.boot = self._count_boot()
            self._notes = os.open(self._folder / "checkpoints", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
            self.last = self._last_checkpoint()
            self._signed_at = clock.monotonic()
            self._tree, self._chain = Frontier(), frame.ORIGIN
            self._file, self._bytes = self._continue()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def size(self) -> int:
        """How many entries the shard holds."""
        return self._tree.size

    def write(self, payloads: Sequence[bytes]) -> None:
        """Append entries and make them durable with one fdatasync. Raises OSError; then nothing here may be trusted."""
        if self._bytes >= self._limit:
            self._file, self._bytes = self._begin()
        chain, tree = self._chain, self._tree
        block = []
        for payload in payloads:
            leaf = frame.leaf_hash(payload)
            chain = frame.link(chain, leaf)
            tree.append(leaf)
            block.append(frame.write_record(chain, payload))
        self._chain = chain
        data = b"".join(block)
        _write(self._file, data)
        os.fdatasync(self._file)
        self._bytes += len(data)

    def due(self, every: float) -> float | None:
        """Seconds until a checkpoint is due when one is made each `every` seconds; None while nothing changed."""
        if self._tree.size == self._vouched():
            return None
        return max(0.0, self._signed_at + every - self._clock.monotonic())

    def checkpoint(self) -> Checkpoint | None:
        """Sign what stands, in both places; None when nothing changed since the last time. Raises OSError."""
        last = self.last
        if self._tree.size == self._vouched():
            return None
        previous = checkpoint.NONE if last is None else last.digest
        at = int(self._clock.now().timestamp() * 1000)
        made = self._signer.sign(
            self.name, self._tree.size, root=self._tree.root(), chain=self._chain, at=at, previous=previous
        )
        _write(self._notes, made.note)
        os.fdatasync(self._notes)
        draft = self._head.with_name(f".{self.name}")
        with draft.open("wb") as file:
            file.write(made.note)
            file.flush()
            os.fdatasync(file.fileno())
        draft.replace(self._head)
        self.last = made
        self._signed_at = self._clock.monotonic()
        return made

    def close(self) -> None:
        """Let go of the files and the lock. Whoever wants a last checkpoint asks for it before."""
        for descriptor in (self._file, self._notes, self._lock):
            os.close(descriptor)

    def _take_lock(self) -> int:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Refusal("ledger_busy", shard=self.name) from None
        return descriptor

    def _count_boot(self) -> int:
        """The number of this opening, from 1, durable before any id is made of it."""
        boot = int(os.pread(self._lock, 20, 0) or b"0") + 1
        os.pwrite(self._lock, b"%020d" % boot, 0)
        os.fdatasync(self._lock)
        return boot

    def _last_checkpoint(self) -> Checkpoint | None:
        """The later of the two places' last checkpoints; a torn note at the end of the file is cut."""
        notes, end = checkpoint.split((self._folder / "checkpoints").read_bytes())
        os.ftruncate(self._notes, end)
        try:
            known = [checkpoint.read(note) for note in notes[-1:]]
            if self._head.exists():
                known.append(checkpoint.read(self._head.read_bytes()))
            for each in known:
                checkpoint.check(each, self._signer.public)
        except checkpoint.BadCheckpointError as error:
            raise self._damaged(f"a checkpoint: {error}") from error
        return max(known, key=lambda each: each.size, default=None)

    def _continue(self) -> tuple[int, int]:
        """Find the end of the log: descriptor and length of the segment to go on with."""
        names = sorted(self._folder.glob("*.seg"))
        while names:
            path = names.pop()
            block = path.read_bytes()
            try:
                header = frame.read_header(block)
            except frame.BrokenSegmentError as error:
                # A crash in the middle of a rotation leaves a header that is not whole, and no record after it.
                if len(block) <= frame.header_size(int(path.stem)) and self._vouched() <= int(path.stem):
                    self.cut += len(block)
                    path.unlink()
                    continue
                raise self._damaged(f"{path.name}: {error}") from error
            end = self._replay(path, block, header)
            self._confirm(path)
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
            if end < len(block):
                self.cut += len(block) - end
                os.ftruncate(descriptor, end)
                os.fdatasync(descriptor)
            return descriptor, end
        if self._vouched():
            raise self._damaged("the segments are gone")
        return self._begin()

    def _replay(self, path: Path, block: bytes, header: frame.Header) -> int:
        """Take tree and chain to the end of the last whole record; the offset of that end."""
        chain, tree = header.chain, Frontier(header.first, header.peaks)
        end = header.size
        try:
            for record in frame.records(block, end):
                leaf = frame.leaf_hash(record.payload)
                chain = frame.link(chain, leaf)
                if chain != record.chain:
                    raise self._damaged(f"{path.name}, offset {record.offset}: a record does not fit the chain")
                tree.append(leaf)
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

    def _confirm(self, path: Path) -> None:
        if self._tree.size < self._vouched():
            raise self._damaged(f"{path.name}: entries {self._tree.size} to {self._vouched() - 1} are gone")

    def _begin(self) -> tuple[int, int]:
        """A new segment after what stands; the one before is closed. Its name is durable before a record is."""
        path = self._folder / f"{self._tree.size:020d}.seg"
        made = int(self._clock.now().timestamp() * 1000)
        block = frame.write_header(frame.Header(self._tree.size, made, self._chain, self._tree.peaks))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        try:
            _write(descriptor, block)
            os.fdatasync(descriptor)
            _sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        if hasattr(self, "_file"):
            os.close(self._file)
        return descriptor, len(block)

    def _damaged(self, what: str) -> Refusal:
        reason = f"Shard {self.name} of the ledger is damaged ({what}). `isthmus ledger verify` names every place."
        return Refusal("data_damaged", reason=reason)


def _write(descriptor: int, data: bytes) -> None:
    """Write all of `data`; a short write (disk full) goes on until the system says why."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
