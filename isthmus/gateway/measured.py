"""What a worker counts: every exchange when it is settled, and its own state four times a second.

`Meter.count` is hot: one dictionary look-up and a few additions to a plain list. `observe`, four times a second, copies
the rows that changed to shared memory (core.measures). Rows of the sheet:

    answers  region, route, tier, outcome, refusal code      breaker  route
    worker   shard
"""

from __future__ import annotations

from math import frexp
from pathlib import Path

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


class Meter:
    """One worker's counters. The objects that rows are remembered by are kept, so that an id is never used twice."""

    __slots__ = ("_clock", "_open", "_rows", "_shard", "_sheet", "_tallies")

    def __init__(self, folder: Path, shard: str, clock: Clock) -> None:
        """Counters in `folder`/<shard>.cells. Raises OSError."""
        self._sheet = Sheet(folder / f"{shard}.cells")
        self._clock = clock
        self._shard = shard
        self._rows: dict[tuple[int, str, str], tuple[list[float], bool, object]] = {}
        self._tallies: dict[int, list[float]] = {}
        self._open: set[str] = set()

    def count(self, ex: Exchange, seconds: float) -> None:
        """Count a finished exchange that took `seconds` from its arrival to its end."""
        about = ex.plan or ex.decision or ex.caller
        found = self._rows.get((id(about), ex.outcome, ex.refusal_code))
        if found is None:
            found = self._meet(about, ex)
        tally, owes_label, _ = found
        tally[WHOLE_US] += seconds
        bucket = frexp(seconds * UNITS)[1]
        tally[WHOLE + (bucket if 0 < bucket < _LAST else _end(bucket))] += 1
        if ex.first_at:
            first = ex.first_at - ex.received_at
            tally[FIRST_US] += first
            bucket = frexp(first * UNITS)[1]
            tally[FIRST + (bucket if 0 < bucket < _LAST else _end(bucket))] += 1
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
        for at, tally in self._tallies.items():
            answers = int(sum(tally[WHOLE : WHOLE + BUCKETS]))
            if answers:
                tally[COUNT] = answers
                tally[FIRSTS] = sum(tally[FIRST : FIRST + BUCKETS])
                tally[WHOLE_US] *= 1e6
                tally[FIRST_US] *= 1e6
                for number, counted in enumerate(tally):
                    if counted:
                        cells[at + number] += int(counted)
                tally[:] = _ZEROS

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

    def _meet(self, about: object, ex: Exchange) -> tuple[list[float], bool, object]:
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
        tally = self._tallies.setdefault(at, _ZEROS.copy())
        found = self._rows[id(about), ex.outcome, ex.refusal_code] = (tally, owes, about)
        return found


def _end(bucket: int) -> int:
    """The first or the last bucket, for what lies below or above all bounds."""
    return 0 if bucket <= 0 else _LAST
