"""A breaker per route: who fails rests, and one request at a time finds out whether it is well again.

A route rests      after FAILURES failures in a row, or when of at least LEAST requests in a window RATE failed;
                   each time for longer. When its rest is over, one request is its trial; others go elsewhere meanwhile.
is passed over     with a probability that grows as more than a third of its answers fail (client-side throttling).
is not asked       while it said so itself (Retry-After).

Pure: the clock and the chance are handed in. Nothing is remembered of a route that does not fail.
Sources: Envoy, outlier detection (5 in a row, 30 s times the count of ejections); Google, "Site Reliability
Engineering", ch. 21, client-side throttling; RFC 9110, 10.2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import random

from isthmus.core.clock import Clock
from isthmus.routing.budget import RetryBudget

FAILURES = 5
RATE = 0.5
LEAST = 20
WINDOW_S = 10.0
REST_SECONDS = 30.0
LONGEST_REST = 300.0
TRIAL_S = 60.0  # a trial of which nothing was heard for so long is over
SLACK = 1.5  # requests per answer that are normal; beyond, some are passed over


class _State:
    __slots__ = ("answered", "before", "began", "failed", "failures", "opened", "rated", "rest_until", "told", "trial")

    def __init__(self, now: float) -> None:
        self.failures = 0  # in a row
        self.opened = 0
        self.rest_until = 0.0
        self.rated = False  # it rests for its rate: one answer between failures does not end that
        self.trial = 0.0  # until when its trial is believed to be under way
        self.told = 0.0  # until when it does not want to be asked
        self.began = now
        self.failed = self.answered = 0
        self.before = (0, 0)

    def turn(self, now: float) -> None:
        """Begin a new window when the old one is over."""
        if now - self.began >= WINDOW_S:
            fresh = now - self.began < 2 * WINDOW_S
            self.before = (self.failed, self.answered) if fresh else (0, 0)
            self.failed = self.answered = 0
            self.began = now

    @property
    def counts(self) -> tuple[int, int]:
        """Failures and answers of this window and the one before."""
        return self.failed + self.before[0], self.answered + self.before[1]

    def excess(self) -> float:
        """The share of requests that are passed over: 0 while two of three are answered."""
        failed, answered = self.counts
        asked = failed + answered
        return max(0.0, (asked - SLACK * answered) / (asked + 1)) if asked >= LEAST else 0.0

    def forget(self, now: float) -> None:
        """It is well again: what was counted before says nothing any more."""
        self.failures = self.opened = self.failed = self.answered = 0
        self.rest_until = self.trial = 0.0
        self.rated = False
        self.before = (0, 0)
        self.began = now


class Breakers:
    """The health of all routes of one worker. `any_open` is false in the healthy case, so the hot path asks once.

    `budget` is what the worker may spend on calls beyond a request's first.
    """

    __slots__ = ("_chance", "_clock", "_held", "_states", "any_open", "budget")

    def __init__(self, clock: Clock, chance: Callable[[], float] = random) -> None:
        self._clock = clock
        self._chance = chance
        self._states: dict[str, _State] = {}
        self._held: frozenset[str] = frozenset()
        self.any_open = False
        self.budget = RetryBudget(clock)

    def is_open(self, route: str) -> bool:
        """Whether others are asked before `route` now: it rests, its trial is under way, or too many would go there."""
        if route in self._held:
            return True
        state = self._states.get(route)
        if state is None:
            return False
        now = self._clock.monotonic()
        if max(state.rest_until, state.told, state.trial) > now:
            return True
        state.turn(now)
        excess = state.excess()
        return excess > 0.0 and self._chance() < excess

    def told(self, route: str) -> float:
        """For how many seconds more `route` asked not to be asked; 0.0 when it did not."""
        state = self._states.get(route)
        return 0.0 if state is None else max(0.0, state.told - self._clock.monotonic())

    def begin(self, route: str) -> None:
        """A request goes to `route`: if its rest is over, this is its trial. Needed only while `any_open`."""
        state = self._states.get(route)
        if state is not None and state.opened and state.rest_until <= self._clock.monotonic():
            state.trial = self._clock.monotonic() + TRIAL_S

    def failed(self, route: str, rest: float = 0.0) -> None:
        """One failure of `route` that was its own fault; `rest`: the seconds for which it asked not to be asked."""
        now = self._clock.monotonic()
        state = self._states.get(route)
        if state is None:
            state = self._states[route] = _State(now)
        state.turn(now)
        state.failures += 1
        state.failed += 1
        state.trial = 0.0
        if rest > 0.0:
            state.told = max(state.told, now + rest)
        failed, answered = state.counts
        rated = failed + answered >= LEAST and failed >= RATE * (failed + answered)
        if (state.failures >= FAILURES or rated) and state.rest_until <= now:
            state.opened += 1
            state.rated = rated
            state.rest_until = now + min(LONGEST_REST, REST_SECONDS * state.opened)
        if state.failures >= FAILURES:
            state.failures = FAILURES - 1  # the next failure after the rest opens it at once
        self.any_open = self.any_open or bool(state.opened) or rest > 0.0 or state.excess() > 0.0

    def answered(self, route: str) -> None:
        """An answer of `route`; costs nothing while no route has failed."""
        if self._states and route in self._states:
            self._heal(route)

    def _heal(self, route: str) -> None:
        now = self._clock.monotonic()
        state = self._states[route]
        state.turn(now)
        state.answered += 1
        if not (state.rated and state.rest_until > now):
            state.failures = 0
            if state.opened:
                state.forget(now)
        if not state.counts[0] and not state.opened and state.told <= now:
            del self._states[route]
        self._look()

    def hold(self, routes: Iterable[str]) -> None:
        """Rest these routes, and no others, until told otherwise: an operator drains a partner."""
        self._held = frozenset(routes)
        self._look()

    def _look(self) -> None:
        now = self._clock.monotonic()
        self.any_open = bool(self._held) or any(
            state.opened or state.told > now or state.excess() for state in self._states.values()
        )

    def open_routes(self) -> list[str]:
        """The routes that rest now."""
        now = self._clock.monotonic()
        return [route for route, state in self._states.items() if max(state.rest_until, state.told) > now]
