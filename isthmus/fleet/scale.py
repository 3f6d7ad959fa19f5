"""How many replicas a pool should have: a pure function of what is seen and what is expected.

Rules of this room:
1. Nothing here waits, asks or acts. `wanted` says a number; whoever calls it (the fleet's keeper, the planner's
   simulation) makes it so.
2. Up at once, down slowly: a replica too many costs money for minutes, one too few costs people their patience.
3. What starts slowly is started early: the forecast is asked for the time at which a replica ordered now would serve.
4. A pool that nobody uses may go to zero; its first request then waits for one start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import ceil

import msgspec

HOUR = 3600.0
DAY = 24 * HOUR


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator wants of one pool.

    `least` and `most` replicas; `ttft_s` is the time to first token that people should see; `tokens` in flight that one
    replica carries while it keeps to that; `rate` requests a second that one replica carries; `start_s` from order to
    first answer; `calm_s` a lower number must last before replicas go; `idle_s` without any request until zero (only
    where `least` is 0); `headroom` is kept free of the forecast (0.2 = a fifth).
    """

    least: int = 1
    most: int = 1
    ttft_s: float = 1.0
    tokens: float = 8192.0
    rate: float = 0.0
    start_s: float = 60.0
    calm_s: float = 120.0
    idle_s: float = 900.0
    headroom: float = 0.2


class Seen(msgspec.Struct, frozen=True):
    """What one pool looks like now: replicas that serve, predicted TTFT (s), tokens in flight and waiting, seconds
    since the last request, and whether requests wait although nothing runs (a pool at zero).
    """

    serving: int
    ttft_s: float = 0.0
    tokens: float = 0.0
    idle_s: float = 0.0
    waiting: int = 0


class DayCurve(msgspec.Struct, frozen=True):
    """A forecast: requests a second at each of 24 hours (UTC, at the hour's middle), with straight lines between."""

    hours: tuple[float, ...]

    def at(self, second: float) -> float:
        """Requests a second at `second` of the day (any number; days repeat)."""
        place = (second % DAY) / HOUR - 0.5
        before = int(place // 1)
        share = place - before
        return self.hours[before % 24] * (1 - share) + self.hours[(before + 1) % 24] * share

    def most(self, begin: float, end: float) -> float:
        """The highest rate from `begin` to `end` (seconds of the day); exact, since the lines bend only mid-hour."""
        bends = range(ceil(begin / HOUR - 0.5), int(end // HOUR) + 1)
        inside = [(number + 0.5) * HOUR for number in bends if begin < (number + 0.5) * HOUR < end]
        return max(self.at(second) for second in (begin, *inside, end))


def wanted(rules: Rules, seen: Seen, expected: float = 0.0) -> int:
    """Replicas that the pool should have now.

    `expected` is the highest forecast rate (requests a second) until a replica ordered now would serve, see `ahead`.
    """
    by_load = ceil(seen.tokens / rules.tokens) if rules.tokens else 0
    by_forecast = ceil(expected / (rules.rate * (1 - rules.headroom)) - 1e-9) if rules.rate and expected > 0 else 0
    by_delay = 0
    if seen.ttft_s > rules.ttft_s:
        # In proportion to the delay, at most double at once: a delay is late news, and its cause may have gone.
        by_delay = min(seen.serving * 2, ceil(seen.serving * seen.ttft_s / rules.ttft_s))
    need = max(by_load, by_forecast, by_delay)
    if need == 0 and (seen.waiting or seen.idle_s < rules.idle_s):
        need = 1
    return max(rules.least, min(rules.most, need))


def ahead(rules: Rules, curve: DayCurve | None, second: float) -> float:
    """The highest expected rate while a replica ordered at `second` of the day would still be starting, and just after.

    Looking twice the start-up time ahead, a replica is there before its peak, not at it.
    """
    return 0.0 if curve is None else curve.most(second, second + 2 * rules.start_s)


class Steady:
    """Keeps a pool from breathing: a lower number counts only after it was enough for all of `calm_s`."""

    __slots__ = ("_past", "calm_s")

    def __init__(self, calm_s: float) -> None:
        self.calm_s = calm_s
        self._past: deque[tuple[float, int]] = deque()

    def settle(self, now: float, number: int) -> int:
        """The number to act on at `now`: the highest that was wanted within the last `calm_s` seconds."""
        past = self._past
        while past and past[-1][1] <= number:
            past.pop()
        past.append((now, number))
        while past[0][0] < now - self.calm_s:
            past.popleft()
        return past[0][1]


def mean_day(days: Sequence[Sequence[float]]) -> DayCurve:
    """A forecast from past days of 24 hourly rates each; the latest day counts as much as all before it together."""
    curve = [0.0] * 24
    for number, day in enumerate(days):
        weight = 1.0 if number == 0 else 0.5
        curve = [old + (new - old) * weight for old, new in zip(curve, day, strict=True)]
    return DayCurve(tuple(curve))
