"""What a worker counts: every exchange when it is settled, and its own state four times a second.

`Meter.count` is hot: one dictionary look-up, a few additions to a plain list, and times that are noted as they are.
`observe`, four times a second, sorts these into buckets, all at once, and adds the rows that changed to shared memory
(core.measures). Rows of the sheet:

    answers  region, route, tier, outcome, refusal code      breaker  route
    worker   shard
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import repeat
from math import frexp
from operator import itemgetter, mul
from pathlib import Path
from typing import NamedTuple

from isthmus.core.clock import Clock
from isthmus.core.decision import Plan
from isthmus.core.exchange import Exchange
from isthmus.core.measures import (
    BLOCKED,
    BUCKETS,
    CELLS,
    COUNT,
    FIRST,
    FIRST_US,
    FIRSTS,
    MASKED,
    STREAMED,
    TOKENS_IN,
    TOKENS_OUT,
    UNITS,
    UNLABELLED,
    WHOLE,
    WHOLE_US,
    Sheet,
)
from isthmus.ledger.segments import Ledger
from isthmus.routing.breaker import Breakers

ANSWERS, BREAKER, WORKER = "answers", "breaker", "worker"
OPEN, SINCE_MS, TIMES = range(3)  # cells of a breaker's row
BEAT_MS, QUEUE, BEHIND, FAILED = range(4)  # cells of a worker's row
_KNOWN = 4096
_LAST = BUCKETS - 1
_ZEROS: list[float] = [0] * CELLS


class _Tally(NamedTuple):
    """What was counted for one row since it was last written; times in seconds."""

    cells: list[float]
    wholes: list[float]
    firsts: list[float]


class Meter:
    """One worker's counters. The objects that rows are remembered by are kept, so that an id is never used twice."""

    __slots__ = ("_clock", "_open", "_rows", "_shard", "_sheet", "_tallies")

    def __init__(self, folder: Path, shard: str, clock: Clock) -> None:
        """Counters in `folder`/<shard>.cells. Raises OSError."""
        self._sheet = Sheet(folder / f"{shard}.cells")
        self._clock = clock
        self._shard = shard
        self._rows: dict[tuple[int, str, str], tuple[_Tally, bool, object]] = {}
        self._tallies: dict[int, _Tally] = {}
        self._open: set[str] = set()

    def count(self, ex: Exchange, seconds: float) -> None:
        """Count a finished exchange that took `seconds` from its arrival to its end."""
        about = ex.plan or ex.decision or ex.caller
        found = self._rows.get((id(about), ex.outcome, ex.refusal_code))
        if found is None:
            found = self._meet(about, ex)
        (tally, wholes, firsts), owes_label, _ = found
        wholes.append(seconds)
        if ex.first_at:
            firsts.append(ex.first_at - ex.received_at)
        usage = ex.usage
        if usage is not None:
            tally[TOKENS_IN] += usage.prompt_tokens
            tally[TOKENS_OUT] += usage.completion_tokens
        if ex.masks:
            tally[MASKED] += sum(ex.masks.values())
        if ex.blocked:
            tally[BLOCKED] += 1
        if ex.stream:
            tally[STREAMED] += 1
        if owes_label and not ex.label:
            tally[UNLABELLED] += 1

    def write(self) -> None:
        """Add what was counted since the last time to shared memory."""
        cells = self._sheet.cells
        for at, (tally, wholes, firsts) in self._tallies.items():
            if wholes:
                cells[at + COUNT] += len(wholes)
                cells[at + FIRSTS] += len(firsts)
                cells[at + WHOLE_US] += int(sum(wholes) * 1e6)
                cells[at + FIRST_US] += int(sum(firsts) * 1e6)
                for bucket, number in _buckets(wholes):
                    cells[at + WHOLE + bucket] += number
                for bucket, number in _buckets(firsts):
                    cells[at + FIRST + bucket] += number
                for place, counted in enumerate(tally):
                    if counted:
                        cells[at + place] += int(counted)
                tally[:] = _ZEROS
                wholes.clear()
                firsts.clear()

    def observe(self, breakers: Breakers, ledger: Ledger) -> None:
        """The worker's own state: that it lives, what waits for the disk, which routes rest."""
        self.write()
        cells, at = self._sheet.cells, self._sheet.row(WORKER, self._shard)
        now = self._clock.epoch_ms()
        cells[at + BEAT_MS] = now
        cells[at + QUEUE] = ledger.waiting
        cells[at + BEHIND] = ledger.behind
        cells[at + FAILED] = ledger.failed is not None
        if not breakers.any_open and not self._open:
            return
        opened = set(breakers.open_routes())
        for route in opened ^ self._open:
            row = self._sheet.row(BREAKER, route)
            cells[row + OPEN] = route in opened
            cells[row + SINCE_MS] = now
            cells[row + TIMES] += route in opened
        self._open = opened

    def close(self) -> None:
        self.write()
        self._sheet.close()

    def _meet(self, about: object, ex: Exchange) -> tuple[_Tally, bool, object]:
        """The row for this plan (or decision, or caller), and whether an answer by it owes a label."""
        route = tier = ""
        region = ex.caller.region
        owes = False
        if ex.decision is not None:
            region = "+".join(ex.decision.question.regions)
        if isinstance(about, Plan):
            route, tier = about.route.name, about.route.tier
            owes = ex.outcome == "answered" and any(each.verb == "label.show" for each in about.obligations)
        at = self._sheet.row(ANSWERS, region, route, tier, ex.outcome, ex.refusal_code)
        if len(self._rows) >= _KNOWN:
            self._rows.clear()
        tally = self._tallies.setdefault(at, _Tally(_ZEROS.copy(), [], []))
        found = self._rows[id(about), ex.outcome, ex.refusal_code] = (tally, owes, about)
        return found


def _buckets(seconds: Iterable[float]) -> Iterable[tuple[int, int]]:
    """How many of these times lie in each bucket; what lies below or above all bounds is in the first or the last."""
    exponents = Counter(map(itemgetter(1), map(frexp, map(mul, seconds, repeat(UNITS)))))
    return ((min(max(bucket, 0), _LAST), number) for bucket, number in exponents.items())
