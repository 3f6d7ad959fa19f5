"""Ledger: where the corridor leaves its receipts, and the thread that makes them last.

Rules of this file. The caller's thread only appends to a queue; encoding, hashing, writing and syncing happen in the
writer's thread, one sync for each group. A group is closed at most WINDOW seconds after its first entry, and at once
when somebody waits for it. The thread wakes as seldom as it can: each time it asks for the interpreter it interrupts
the requests, and that costs more than what it does. After the first error of the disk nothing is written and nothing
acknowledged again: `failed` says why, until the ledger is opened anew (a failed sync may have thrown the pages away,
so trying again would lie).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint
from isthmus.ledger.logs import Logs
from isthmus.ledger.prints import Printed, Prints
from isthmus.ledger.receipt import Entry, Written
from isthmus.ledger.shard import SEGMENT_BYTES

WINDOW = 0.008  # seconds that a group stays open that nobody waits for
QUEUE = 50_000  # entries waiting, some 50 MB of memory, from which on the ledger is behind
TEND_EVERY = 1.0  # seconds between signed checkpoints


class _Waiter:
    """A place in the queue: everything before it is durable when `settle` is called with None."""

    __slots__ = ("_future", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()

    @property
    def future(self) -> asyncio.Future[None]:
        return self._future

    def settle(self, refusal: Refusal | None) -> None:
        """Called in the writer's thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish, refusal)

    def _finish(self, refusal: Refusal | None) -> None:
        if self._future.done():
            return
        if refusal is None:
            self._future.set_result(None)
        else:
            self._future.set_exception(refusal)


class _Mark:
    """The same for a thread that waits."""

    __slots__ = ("_event", "refusal")

    def __init__(self) -> None:
        self._event = threading.Event()
        self.refusal: Refusal | None = None

    def settle(self, refusal: Refusal | None) -> None:
        self.refusal = refusal
        self._event.set()

    def wait(self) -> None:
        self._event.wait()
        if self.refusal is not None:
            raise self.refusal


class Ledger:
    """One writer's door to the ledger. `failed` is None, or the reason why nothing can be remembered any more."""

    def __init__(
        self, logs: Logs, name: str, clock: Clock, window: float = WINDOW, prints: Prints | None = None
    ) -> None:
        """Start the writer's thread over open logs. `Ledger.open` is the usual way in."""
        self.failed: str | None = None
        self.cut = logs.cut
        self._logs = logs
        self._prints = prints
        self._clock = clock
        self._window = window
        self._queue: deque[Entry | Written | Printed | _Waiter | _Mark] = deque()
        self._idle = False  # the thread has gone to sleep until something comes
        self._bell: SimpleQueue[None] = SimpleQueue()  # wakes it; all in C, where an Event takes a hundred steps
        self._hurry: SimpleQueue[None] = SimpleQueue()  # somebody waits: the group is closed now
        self._stopping = False
        self._prefix = f"{name}-{logs.boot}-"
        self._count = itertools.count(1).__next__
        self._thread = threading.Thread(target=self._run, name=f"ledger-{name}", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, folder: Path, shard: str, clock: Clock, segment_bytes: int = SEGMENT_BYTES) -> Ledger:
        """The ledger in `folder`, to be written as `shard` (letters and digits). Makes what is not there.

        Raises Refusal ledger_busy when another process writes this shard, data_damaged when what a checkpoint
        vouches for is gone, ledger_failed when the disk refuses.
        """
        if not (shard.isascii() and shard.isalnum()):
            raise ValueError("a shard's name is made of letters and digits")
        try:
            logs = Logs(folder, shard, checkpoint.signer(folder), clock, segment_bytes=segment_bytes)
            return cls(logs, shard, clock, prints=Prints(folder, shard))
        except OSError as error:
            raise _refusal(_cause(error)) from error

    def next_id(self) -> str:
        """A new receipt id: shard, opening, number. It costs no system call, and is unique even after a crash."""
        return self._prefix + str(self._count())

    def append(self, entry: Entry | Written | Printed) -> None:
        """Queue an entry; it is durable within WINDOW and one sync of the disk.

        Never raises, because answers end here: what comes after a failure is lost, and `failed` says so. Whoever
        must know asks `check` before or `durable` after.
        """
        self._queue.append(entry)
        if self._idle:
            self._idle = False
            self._bell.put(None)

    @property
    def behind(self) -> bool:
        """Whether the disk is so slow that more should not be taken on; it passes when the queue is written."""
        return len(self._queue) > QUEUE

    @property
    def waiting(self) -> int:
        """How many entries are queued and not yet written."""
        return len(self._queue)

    def check(self) -> None:
        """Raises Refusal ledger_failed when nothing can be remembered any more."""
        if self.failed is not None:
            raise _refusal(self.failed)

    def durable(self) -> asyncio.Future[None]:
        """A future of the running loop, done when everything appended before is on disk.

        It raises Refusal ledger_failed instead when the disk refused.
        """
        waiter = _Waiter(asyncio.get_running_loop())
        self._place(waiter)
        return waiter.future

    def committed(self, entry: Entry | Written | Printed) -> asyncio.Future[None]:
        """Queue an entry; the future of the running loop is done when it is on disk (`ledger.ack = durable`).

        It raises Refusal ledger_failed instead when the disk refused, now or before.
        """
        self.append(entry)
        return self.durable()

    def flush(self) -> None:
        """Wait (this thread) until everything appended before is on disk. Raises Refusal ledger_failed."""
        mark = _Mark()
        self._place(mark)
        mark.wait()

    def close(self) -> None:
        """Write what is queued, sign a last checkpoint, let go of the files. Idempotent."""
        self._stopping = True
        self._hurry.put(None)
        self._bell.put(None)
        self._thread.join()

    def _place(self, mark: _Waiter | _Mark) -> None:
        if self.failed is not None:
            mark.settle(_refusal(self.failed))
            return
        self._queue.append(mark)
        if self._hurry.empty():  # one call is for all who wait
            self._hurry.put(None)
        if self._idle:
            self._idle = False
            self._bell.put(None)

    def _run(self) -> None:
        """The writer's thread: sleep until something comes, gather for a moment, commit; tend the logs each second."""
        tend = self._clock.monotonic()
        while not self._stopping:
            woken = bool(self._queue) or self._sleep(max(0.0, tend - self._clock.monotonic()))
            if woken:
                _heard(self._hurry, self._window)
                self._commit()
            if not woken or self._clock.monotonic() >= tend:
                self._tend()
                tend = self._clock.monotonic() + TEND_EVERY
        self._commit()
        self._tend(only_due=False)
        self.failed = self.failed or "it is closed"
        self._commit()
        self._logs.close()

    def _sleep(self, pause: float) -> bool:
        """Until something is queued, `pause` seconds at most; whether something was."""
        self._idle = True
        if not self._queue and not self._stopping:  # what came before `idle` was seen to be so woke nobody
            _heard(self._bell, pause)
        self._idle = False
        return bool(self._queue) or self._stopping

    def _commit(self) -> None:
        """Everything in the queue, as one group. After a failure entries are dropped, and nobody hears otherwise."""
        queue = self._queue
        entries: list[Entry | Written] = []
        marks: list[_Waiter | _Mark] = []
        printed: list[Printed] = []
        for _ in range(len(queue)):
            entry = queue.popleft()
            if isinstance(entry, (_Waiter, _Mark)):
                marks.append(entry)
            elif isinstance(entry, Printed):
                printed.append(entry)
                entries.append(entry.entry)
            else:
                entries.append(entry)
        if entries and self.failed is None:
            self._guard(self._logs.commit, entries)
        refusal = None if self.failed is None else _refusal(self.failed)
        for mark in marks:
            mark.settle(refusal)
        if printed and self.failed is None and self._prints is not None:
            self._guard(self._prints.keep, printed)  # whoever waits does not wait for this

    def _tend(self, *, only_due: bool = True) -> None:
        if self.failed is None:
            self._guard(self._logs.retire, self.next_id)
        if self.failed is None:
            self._guard(functools.partial(self._logs.sign, only_due=only_due))

    def _guard(self, act: Callable[..., None], *arguments: object) -> None:
        """Run what touches the disk; what goes wrong is kept in `failed`, for good."""
        try:
            act(*arguments)
        except OSError as error:
            self.failed = _cause(error)
        except Refusal as refusal:
            self.failed = refusal.sentence()


def _heard(bell: SimpleQueue[None], pause: float) -> None:
    """Wait for `bell`, `pause` seconds at most. It may ring once too often, never too seldom."""
    with suppress(Empty):
        bell.get(timeout=pause)


def _cause(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _refusal(reason: str) -> Refusal:
    return Refusal("ledger_failed", reason=reason)
