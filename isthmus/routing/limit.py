"""How many requests one replica may have at once, found by watching how long they take.

The gradient of delay: while an answer begins as fast as on an idle replica, the limit grows by the square root of
itself; when beginnings get slower, it shrinks in proportion, so that a queue stands where it can still be refused or
sent elsewhere. Source: Netflix concurrency-limits, "Gradient2Limit"; Envoy, adaptive concurrency filter. The baseline
is the least delay seen, and follows a higher one slowly, but only while no more than `floor` requests are there: so a
replica that became slower for good finds a new baseline (its limit falls to the floor first), and a queue that stays,
as it does under lasting overload, is never taken for what is normal.
"""

from __future__ import annotations

from math import sqrt

SMOOTH = 0.2  # weight of a new limit
TOLERANCE = 2.0  # a delay of this many baselines is still called normal
LEAST_SHRINK = 0.5
DRIFT = 0.01  # how fast the baseline follows a delay that stays higher


class GradientLimit:
    """The limit of one replica. `floor` is what it can do at once in any case, e.g. its slots."""

    __slots__ = ("_baseline", "_limit", "ceiling", "floor")

    def __init__(self, floor: int, ceiling: int = 1024) -> None:
        self.floor = max(1, floor)
        self.ceiling = max(self.floor, ceiling)
        self._limit = float(self.floor * 2)
        self._baseline = 0.0

    @property
    def limit(self) -> int:
        """Requests that may be inside now."""
        return int(self._limit)

    def observe(self, delay: float, inside: int, crowd: int = 0) -> None:
        """One answer began after `delay` (any unit that is fair between prompts: seconds per expected second).

        `inside` requests were there: a limit that is not used teaches nothing, and stays. `crowd` counts those of other
        senders too, where the replica says so.
        """
        if delay <= 0:
            return
        if not self._baseline or delay < self._baseline:
            self._baseline = delay
        elif max(inside, crowd) <= self.floor:
            self._baseline += (delay - self._baseline) * DRIFT
        if inside * 2 < self._limit:
            return
        gradient = max(LEAST_SHRINK, min(1.0, TOLERANCE * self._baseline / delay))
        wanted = gradient * self._limit + (sqrt(self._limit) if gradient == 1.0 else 0.0)
        self._limit += (wanted - self._limit) * SMOOTH
        self._limit = min(float(self.ceiling), max(float(self.floor), self._limit))

    def failed(self) -> None:
        """The replica refused or broke off for want of room: as a delay without end."""
        self._limit = max(float(self.floor), self._limit * (1 - SMOOTH * LEAST_SHRINK))
