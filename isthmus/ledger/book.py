"""A worker's book: what it spent of each lease, in memory that outlives the process.

A book is a file mapped into memory, one 64-bit number per slot, so that writing costs nothing and reading after a
`kill -9` gives the last number written. Rules of this room:
1. A living book is locked (flock); a book that nobody locks belonged to a worker that is gone.
2. Any worker of the machine may settle a left book: it tells the store what was spent, the rest is free, the file goes.
3. A crash of the whole machine may leave an older page on the disk. So a book names its boot, and after another boot
   its leases count as spent whole.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
from pathlib import Path

import msgspec

from isthmus.ledger.leases import Claim, Store

SLOTS = 1 << 18  # leases that one worker can hold at once; the file is sparse
_HEAD = 4096  # bytes before the numbers
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Head(msgspec.Struct, frozen=True):
    """Who writes the book, since which boot of the machine."""

    holder: str
    boot: str


class Book:
    """The numbers of one holder. `cells[slot]` is read and written as it is; slot 0 stays 0 and belongs to nobody."""

    def __init__(self, folder: Path, shard: str, node: str) -> None:
        """A new book in `folder`, locked. `node` and `shard` name its worker. Raises OSError."""
        self.holder = f"{node}.{shard}.{secrets.token_hex(6)}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{self.holder}.book"
        draft = folder / f".{self.holder}"
        self._file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # Locked before it has its name: nobody may take it for one that was left.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.truncate(self._file, _HEAD + 8 * SLOTS)
        os.pwrite(self._file, msgspec.json.encode(Head(self.holder, boot())), 0)
        self._map = mmap.mmap(self._file, _HEAD + 8 * SLOTS)
        draft.rename(self._path)
        self.cells = memoryview(self._map)[_HEAD:].cast("q")
        self._free: list[int] = []
        self._next = 1

    def take(self) -> int:
        """A slot that holds 0; 0 (nobody's) when there is none left."""
        if self._free:
            slot = self._free.pop()
        elif self._next < SLOTS:
            slot = self._next
            self._next += 1
        else:
            return 0
        self.cells[slot] = 0
        return slot

    def give_back(self, slot: int) -> None:
        """The lease of this slot is closed in the store."""
        self._free.append(slot)

    def close(self, *, settled: bool) -> None:
        """Let go; a book whose leases are all closed leaves no file. A second time does nothing."""
        if self._map.closed:
            return
        if settled:
            self._path.unlink(missing_ok=True)
        self.cells.release()
        self._map.close()
        os.close(self._file)


def settle_left(folder: Path, store: Store, now_ms: int) -> int:
    """Settle the books that workers of this machine left behind; how many.

    What was on its way when they died counts as spent. Raises StoreDownError; what is settled then stays settled.
    """
    settled = 0
    for path in sorted(folder.glob("*.book")):
        try:
            file = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists():
                _settle(file, store, now_ms)
                path.unlink(missing_ok=True)
                settled += 1
        except BlockingIOError:
            continue
        finally:
            os.close(file)
    return settled


def _settle(file: int, store: Store, now_ms: int) -> None:
    head = msgspec.json.decode(os.pread(file, _HEAD, 0).rstrip(b"\0"), type=Head)
    claims = []
    for lease in store.held_by(head.holder):
        spent = lease.granted
        if head.boot == boot():
            spent = int.from_bytes(os.pread(file, 8, _HEAD + 8 * lease.slot), "little", signed=True)
        # The limit plays no part in closing a lease.
        claims.append(Claim(lease.budget, lease.starts, 0, 0, lease.slot, spent, 0, 0, 0, closes=True))
    if claims:
        store.settle(head.holder, claims, now_ms)


def boot() -> str:
    """A word that differs after every start of this machine; "" where the system tells none."""
    return _BOOT.read_text("ascii").strip() if _BOOT.exists() else secrets.token_hex(8)
