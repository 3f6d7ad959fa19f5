"""What was counted lately, as differences: fine for a quarter of an hour, coarser for a week. Memory alone.

Each level keeps a ring of (time, rows that changed). A window is the sum of its differences.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from isthmus.core.measures import Labels, add_up

Rows = Mapping[Labels, tuple[int, ...]]
# seconds of a step, steps kept
LEVELS = ((5, 181), (60, 61), (900, 97), (7200, 85))
RANGES = {"15m": 0, "1h": 1, "24h": 2, "7d": 3}


class Step(NamedTuple):
    """What was counted from `at` (s since 1970 UTC) for the length of the level's step."""

    at: int
    rows: Rows


class History:
    """Fed with totals, answers with windows."""

    def __init__(self) -> None:
        self._last: Rows | None = None
        self._rings: list[deque[Step]] = [deque(maxlen=count) for _, count in LEVELS]
        self.since = 0

    def add(self, at: int, totals: Rows) -> None:
        """Totals as they stand at `at` (s since 1970 UTC)."""
        last, self._last = self._last, totals
        if last is None:
            self.since = at
            return
        changed = {}
        for labels, cells in totals.items():
            known = last.get(labels)
            if known != cells:
                less = (0,) * len(cells) if known is None else known
                # A counter that went back was begun anew.
                changed[labels] = tuple(max(0, now - then) for now, then in zip(cells, less, strict=True))
        for ring, (seconds, _) in zip(self._rings, LEVELS, strict=True):
            begin = at // seconds * seconds
            if ring and ring[-1].at == begin:
                ring[-1] = Step(begin, add_up((ring[-1].rows, changed)))
            else:
                ring.append(Step(begin, changed))

    def steps(self, word: str) -> tuple[int, list[Step]]:
        """Seconds of a step, and the steps of a range (a key of RANGES), oldest first."""
        number = RANGES[word]
        return LEVELS[number][0], list(self._rings[number])
