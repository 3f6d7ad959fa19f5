"""All logs that one writer keeps, and how they hang together.

    shards/<writer>                        entries that no law gives a span to
    shards/<writer>_<min>_<max>            entries kept <min> days at least and <max> at most (0: not set)
    heads/<log>                            the last checkpoint of each log of shards/
    node/                                  the node's log: its entries are the checkpoints found in heads/
    CHECKPOINT                             the last checkpoint of the node's log

So one Merkle tree per node stands over the trees of all shards: a receipt is in a shard's tree, that tree's root is in
a checkpoint, and the checkpoint is in the node's tree. Entries with different spans lie in different logs, because
retention deletes whole segments. One process at a time keeps the node's log; when it ends, another takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger import frame
from isthmus.ledger.checkpoint import Signer
from isthmus.ledger.receipt import Entry, Retired, Written, encode
from isthmus.ledger.shard import SEGMENT_BYTES, Shard

DAY = 24 * 3600 * 1000  # ms
# A note has some 350 bytes. Signing a quiet log and the node's log less often keeps notes far smaller than receipts:
# a log is signed at once when MANY entries are new, else when QUIET seconds have passed since it was signed.
MANY = 16
QUIET = 5.0
NODE_EVERY = 10.0  # seconds between two entries of the node's log
Span = tuple[int, int]


class Node:
    """The node's log, when this process is the one that keeps it."""

    def __init__(self, folder: Path, signer: Signer, clock: Clock) -> None:
        """Take the log if nobody has it. Raises Refusal data_damaged, OSError."""
        self._folder = folder
        self._signer = signer
        self._clock = clock
        self._seen: dict[str, bytes] = {}
        self._log: Shard | None = None
        self._take()

    def gather(self) -> bool:
        """Enter every checkpoint of heads/ that is new, and sign; whether there was any.

        Raises Refusal data_damaged, OSError.
        """
        log = self._log or self._take()
        if log is None:
            return False
        fresh = []
        for head in sorted((self._folder / "heads").glob("[!.]*")):
            note = head.read_bytes()
            if note.strip(b"\0") and self._seen.get(head.name) != note:
                self._seen[head.name] = note
                fresh.append(note)
        if fresh:
            log.write(fresh)
            log.checkpoint()
        return bool(fresh)

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    def _take(self) -> Shard | None:
        place = self._folder / "node"
        try:
            head = self._folder / "CHECKPOINT"
            self._log = Shard(place, head, self._signer, self._clock, origin=self._signer.node)
        except Refusal as refusal:
            if refusal.code != "ledger_busy":
                raise
            return None
        # Only the last segment is looked at: a checkpoint entered twice does no harm.
        block = max(place.glob("*.seg")).read_bytes()
        for note in frame.payloads(block, frame.read_header(block).size, 0):
            self._seen[note.partition(b"\n")[0].rpartition(b"/")[2].decode()] = note
        return self._log


class Logs:
    """The logs of one writer. Not thread-safe: after it was opened the writer's thread alone calls it."""

    def __init__(
        self, folder: Path, name: str, signer: Signer, clock: Clock, *, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Open every log that exists, and the main one. Raises Refusal ledger_busy, data_damaged; OSError."""
        self._folder = folder
        self._name = name
        self._signer = signer
        self._clock = clock
        self._bytes = segment_bytes
        self._logs: dict[Span, Shard] = {}
        self._retire_at = clock.monotonic()
        self._signed_at: dict[Span, float] = {}
        self._gathered_at = -NODE_EVERY
        self._node: Node | None = None
        try:
            self.boot = self._log((0, 0)).boot
            for path in sorted((folder / "shards").glob(f"{name}_*_*")):
                least, most = path.name.split("_")[1:]
                self._log((int(least), int(most)))
            self._node = Node(folder, signer, clock)
        except BaseException:
            self.close()
            raise

    @property
    def cut(self) -> int:
        """Bytes of torn tails that were cut at opening."""
        return sum(log.cut for log in self._logs.values())

    def commit(self, entries: Iterable[Entry | Written]) -> None:
        """Write entries, each to the log of its span, durably. Raises OSError, Refusal; then nothing is certain."""
        spans: dict[Span, list[bytes]] = {}
        for entry in entries:
            span = (entry.keep_min, entry.keep_max)
            payloads = spans.get(span)
            if payloads is None:
                payloads = spans[span] = []
            payloads.append(entry.payload if type(entry) is Written else encode(entry))
        for span, payloads in spans.items():
            self._log(span).write(payloads)

    def sign(self, *, only_due: bool = False) -> None:
        """A checkpoint of every log that changed, and of the node; `only_due` leaves quiet ones for later.

        Raises OSError, Refusal data_damaged.
        """
        now = self._clock.monotonic()
        for span, log in self._logs.items():
            fresh = log.size - (log.last.size if log.last is not None else 0)
            if fresh and (not only_due or fresh >= MANY or now - self._signed_at.get(span, -QUIET) >= QUIET):
                log.checkpoint()
                self._signed_at[span] = now
        if self._node is not None and (not only_due or now - self._gathered_at >= NODE_EVERY) and self._node.gather():
            self._gathered_at = now  # the first after a silence is entered at once

    def retire(self, next_id: Callable[[], str]) -> None:
        """Delete the segments that are as old as the law lets them grow; an entry in the same log says so first.

        Looks once an hour. Raises OSError, Refusal.
        """
        if self._clock.monotonic() < self._retire_at:
            return
        self._retire_at = self._clock.monotonic() + 3600
        now = self._clock.epoch_ms()
        for (least, most), log in self._logs.items():
            # A segment holds a day, so its last entry is a day younger than its first.
            stay = log.older_than(now - max(most, least + 1) * DAY) if most else None
            if stay is not None:
                log.write([encode(Retired(next_id(), now, stay.first, stay.chain.hex(), most, least, most))])
                log.checkpoint()
                log.drop(stay.first)

    def close(self) -> None:
        for log in self._logs.values():
            log.close()
        if self._node is not None:
            self._node.close()

    def _log(self, span: Span) -> Shard:
        log = self._logs.get(span)
        if log is None:
            name = f"{self._name}_{span[0]}_{span[1]}" if any(span) else self._name
            log = self._logs[span] = Shard(
                self._folder / "shards" / name,
                self._folder / "heads" / name,
                self._signer,
                self._clock,
                origin=f"{self._signer.node}/{name}",
                segment_bytes=self._bytes,
            )
        return log
