"""The event loop: requests arrive, are decided, chosen and placed, are read, written and done. 100,000 a second on a
core.

Rules of this file.
1. Whom a request may go to comes from the production Chooser on a production Decision, for each request. Nothing here
   names a site that the decision does not list; `audit.py` counts that again, from outside.
2. Which replica: the earlier of two at random by expected time to first token (the picker's own fallback). The full
   picker is used in a sample beside it (`picked.py`), since it costs more than everything else here.
3. Reading is first come, first served per replica. A token's time is that of the fill at the moment it starts to write.
4. A site that is lost answers nothing: each try costs the connect timeout until the breaker opens. Streams that broke
   come back as new questions. Whose nearest site was lost finds no cache elsewhere at first, then it grows back; who
   only spills over has stayed where he is, as conversations do.
5. Flat lists, one heap, no objects per request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from math import exp, inf
from typing import NamedTuple

from isthmus.planner.world import Ask, World
from isthmus.routing.choose import AUTO

SOON_S = 1.0  # a replica with a longer queue is passed over for the next lawful site
PATIENCE_S = 10.0  # when all queues are longer than this, the request is refused


class Arrivals(NamedTuple):
    """Requests in order: seconds, number of their class in World.asks, tokens in and out, two uniform numbers each."""

    times: Sequence[float]
    asks: Sequence[int]
    into: Sequence[float]
    out: Sequence[float]
    first: Sequence[float]
    second: Sequence[float]


class Habits(NamedTuple):
    """Share of a prompt in the cache, and what a loss costs (seconds): noticing it, asking again, warming up again."""

    cache: float
    detect_s: float
    retry_s: float
    warm_s: float


class Loss(NamedTuple):
    """`sites` are gone from `at` (seconds) on."""

    sites: frozenset[int] = frozenset()
    at: float = inf


class Outcome(NamedTuple):
    """Per request: site (-1 refused by law, -2 shed, -3 nothing lawful was left), TTFT and token time in seconds,
    tries.

    `broken` are requests whose stream broke, `again` those of them that were then served.
    """

    site: list[int]
    ttft: list[float]
    token: list[float]
    tries: list[int]
    broken: list[int]
    again: list[int]


LAW, SHED, NOWHERE = -1, -2, -3


class Loop:
    """One run's state. `counts` may be changed between requests (scaling): replicas above it take nothing new."""

    def __init__(self, world: World, habits: Habits, loss: Loss = Loss()) -> None:  # noqa: B008 - immutable
        self.world = world
        self.habits = habits
        self.loss = loss
        self.counts = list(world.replicas)
        self.first = [sum(world.replicas[:n]) for n in range(len(world.replicas))]
        total = sum(world.replicas)
        self.ready = [0.0] * total
        self.inside = [0] * total
        self.waiting: list[tuple[float, int, int]] = []  # (end, request, replica)

    def run(self, arrivals: Arrivals, tick: Callable[[float, Loop], None] | None = None, every: float = inf) -> Outcome:
        """Serve all arrivals. `tick(now, loop)` is called each `every` seconds of simulated time."""
        n = len(arrivals.times)
        outcome = Outcome([LAW] * n, [0.0] * n, [0.0] * n, [0] * n, [], [])
        place = self._placer(arrivals, outcome)
        again: list[tuple[float, int]] = []
        times, clock, waiting, inside = arrivals.times, self.world.clock, self.waiting, self.inside
        lost_at, next_tick = self.loss.at, (times[0] if n else 0.0) + every
        for k in range(n):
            now = times[k]
            if now >= next_tick and tick is not None:
                tick(now, self)
                next_tick += every
            if now >= lost_at:
                again = self._lose(outcome)
                lost_at = inf
            while again and again[0][0] <= now:
                clock.at, old = heappop(again)
                place(old, clock.at, True)
            while waiting and waiting[0][0] <= now:
                inside[heappop(waiting)[2]] -= 1
            clock.at = now
            place(k, now, False)
        while again:
            clock.at, old = heappop(again)
            place(old, clock.at, True)
        return outcome

    def skip(self, seconds: float) -> None:
        """The clock jumps: what is in flight stays as it is."""
        self.ready = [at + seconds for at in self.ready]
        self.waiting[:] = [(end + seconds, k, r) for end, k, r in self.waiting]

    def _home(self, ask: Ask) -> int:
        """Where a class of questions goes while all is well, and so where its conversations are cached."""
        assert ask.decision is not None
        order = [self.world.number[plan.route.name] for plan in ask.decision.plans]
        return next((site for site in order if self.world.replicas[site]), order[0])

    def _lose(self, outcome: Outcome) -> list[tuple[float, int]]:
        """The sites are gone: their streams break and are asked again."""
        gone = {self.first[s] + r for s in self.loss.sites for r in range(self.world.replicas[s])}
        broken = [entry for entry in self.waiting if entry[2] in gone]
        self.waiting[:] = sorted(entry for entry in self.waiting if entry[2] not in gone)
        outcome.broken.extend(k for _, k, _ in broken)
        wait = self.habits.detect_s + self.habits.retry_s
        # Nobody asks again in the same instant: they spread over as long as they wait.
        return sorted((self.loss.at + wait * (1 + n / max(1, len(broken))), k) for n, (_, k, _) in enumerate(broken))

    def _placer(self, arrivals: Arrivals, outcome: Outcome) -> Callable[[int, float, bool], None]:
        """The function that places request k; everything it reads is local."""
        world, habits, loss = self.world, self.habits, self.loss
        asks = [None if ask.decision is None else (ask.gateway, ask.decision, self._home(ask)) for ask in world.asks]
        choose = [gateway.chooser.choose for gateway in world.gateways]
        breakers = [gateway.breakers for gateway in world.gateways]
        number, speed, counts, first = world.number, world.speed, self.counts, self.first
        delay = world.delay
        ready, inside, waiting = self.ready, self.inside, self.waiting
        classes, into, out = arrivals.asks, arrivals.into, arrivals.out
        one, two = arrivals.first, arrivals.second
        sites, ttft, token, tries = outcome.site, outcome.ttft, outcome.token, outcome.tries
        served_again, cache, warm_s, detect = outcome.again, habits.cache, habits.warm_s, habits.detect_s
        lost, lost_at = loss.sites, loss.at

        # The hot function, one per run: what it reads is local, and it is longer than a screen for that.
        def place(k: int, now: float, again: bool) -> None:
            ask = asks[classes[k]]
            if ask is None:
                return
            gateway, decision, home = ask
            plans = choose[gateway](decision, AUTO)
            spent, tried, alive = 0.0, 0, False
            for hurry in (False, True):
                for plan in plans:
                    name = plan.route.name
                    s = number[name]
                    count = counts[s]
                    if not count:
                        continue
                    tried += not hurry
                    if now >= lost_at and s in lost:
                        if not hurry:
                            breakers[gateway].failed(name)
                            spent += detect
                        continue
                    alive = True
                    a = first[s] + int(one[k] * count)
                    b = first[s] + int(two[k] * count)
                    at = now + spent
                    begin, other = ready[a], ready[b]
                    if begin < at:  # noqa: PLR1730 - max() costs a call, a million times
                        begin = at
                    if other < at:  # noqa: PLR1730
                        other = at
                    if begin < other or (begin == other and inside[a] <= inside[b]):
                        r = a
                    else:
                        r, begin = b, other
                    fast = speed[s]
                    if begin - at > (PATIENCE_S if hurry else SOON_S):
                        continue
                    if inside[r] >= (fast.slots if hurry else fast.calm):
                        continue
                    if again:
                        held = 0.0
                    elif now >= lost_at and home in lost:
                        held = cache * (1 - exp((lost_at - now) / warm_s))
                    else:
                        held = cache
                    work = into[k] * (1 - held)
                    ready[r] = begin + work / fast.reads
                    inside[r] += 1
                    step = fast.step + fast.slope * inside[r]
                    shown = begin + work / fast.alone + step
                    heappush(waiting, (shown + out[k] * step, k, r))
                    sites[k] = s
                    ttft[k] = shown - now + delay[gateway][s]
                    token[k] = step
                    tries[k] = tried
                    if again:
                        served_again.append(k)
                    return
            tries[k] = tried
            sites[k] = SHED if alive else NOWHERE

        return place
