"""What is known of one replica, and what is asked of it: the picker's words.

Prompts are counted in units (bytes in the gateway, tokens in a simulation), caches in blocks of them, times in seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf

import msgspec

from isthmus.routing.limit import GradientLimit
from isthmus.routing.probe import STALE_S, Load

FULL = 0.98  # share of a KV cache beyond which no further answer finds room
BOTH, PREFILL, DECODE = "both", "prefill", "decode"


class Replica(msgspec.Struct, frozen=True):
    """One replica, as data. `room` in blocks of its KV cache (0 = not known), `slots` answers at once (0 = not known).

    `speed` is a first guess in seconds a unit of prompt. `role`: both | prefill | decode (disaggregated pools).
    `adapters`: LoRA adapters that are loaded. `load_s`: what loading another one costs. `root_first`: its cache keeps
    blocks in plain order of use, so an idle prefix loses its beginning first, and with it all; engines lose the leaf
    first (vLLM frees blocks in reverse, SGLang evicts leaves alone).
    """

    name: str
    room: int = 4096
    slots: int = 0
    speed: float = 1e-4
    role: str = BOTH
    adapters: tuple[str, ...] = ()
    load_s: float = 1.0
    root_first: bool = False


class Ask(msgspec.Struct, frozen=True):
    """One request for a replica: its prefix `keys`, its `size` in units, and names that have just failed."""

    keys: Sequence[int]
    size: int
    without: Collection[str] = ()


class Ticket(msgspec.Struct, eq=False):
    """One request at one replica, picked `at` (monotonic seconds). `expected` is its predicted TTFT: `queue` + `work`.

    `hit` counts the blocks that are believed cached, `units` is the rest of the prompt. `work` is what is still unread
    of it, in seconds; `fresh` is when the first token came (0: not yet).
    """

    name: str
    number: int
    at: float
    queue: float
    work: float
    expected: float
    hit: int
    units: int
    open: bool = True
    fresh: float = 0.0


class Seat:
    """What is known of one replica, for `pick` and for people. Counters only grow."""

    __slots__ = (
        "asked",
        "begun",
        "busy",
        "choked",
        "done",
        "draining",
        "failed",
        "full",
        "hit",
        "inside",
        "learned",
        "learned_at",
        "limit",
        "load",
        "load_at",
        "most",
        "number",
        "pending",
        "replica",
        "seconds",
        "ttft",
        "up",
        "waited",
    )  # fmt: skip

    def __init__(self, replica: Replica, number: int, now: float) -> None:
        self.replica = replica
        self.number = number
        self.up = True
        self.draining = False
        self.full = False  # whether its cache must lose a prefix to read another
        self.inside = 0
        self.pending = 0.0  # seconds of prompt reading that was sent there and has not shown a token
        self.seconds = 0.0  # mean time from pick to end
        self.ttft = 0.0  # mean time from pick to first token
        self.waited = 0.0  # all times from pick to first token
        self.begun = 0  # how many those were
        self.learned = False
        self.learned_at = now
        self.load = Load()
        self.load_at = -inf
        self.busy = 0  # requests at it, as its last probe tells
        self.choked = False  # whether that said that its memory for running answers is taken
        slots = replica.slots or 4
        self.limit = GradientLimit(slots + (slots + 3) // 4)  # a few in line, so that no slot is ever without work
        self.most = self.limit.limit
        self.hit = self.asked = self.done = self.failed = 0

    @property
    def shut(self) -> bool:
        """Whether it takes no new request, however little it has to do."""
        return self.draining or not self.up

    def hear(self, load: Load, now: float) -> None:
        """A probe was answered at `now`."""
        self.load = load
        self.load_at = now
        self.busy = load.running + load.waiting
        self.choked = load.kv >= FULL

    def crowd(self, now: float) -> int:
        """Requests at it, also those that others sent, as far as its last probe tells."""
        return self.busy if self.busy > self.inside and now - self.load_at < STALE_S else self.inside
