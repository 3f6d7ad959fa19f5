"""A breaker per route: after consecutive failures a route rests, then one request tries it again.

Figures: Envoy's outlier detection defaults (5 consecutive errors, 30 s base ejection, times the count of ejections).
"""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.core.clock import Clock

FAILURES = 5
REST_SECONDS = 30.0
LONGEST_REST = 300.0


class _State:
    __slots__ = ("failures", "opened", "rest_until")

    def __init__(self) -> None:
        self.failures = 0
        self.opened = 0
        self.rest_until = 0.0


class Breakers:
    """The health of all routes of one worker. `any_open` is false in the healthy case, so the hot path asks once."""

    __slots__ = ("_clock", "_held", "_states", "any_open")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._held: frozenset[str] = frozenset()
        self.any_open = False

    def is_open(self, route: str) -> bool:
        """Whether `route` rests now. A route whose rest is over is tried again (half-open)."""
        state = self._states.get(route)
        return (state is not None and state.rest_until > self._clock.monotonic()) or route in self._held

    def failed(self, route: str) -> None:
        """One failure of `route` that was its own fault."""
        state = self._states.setdefault(route, _State())
        state.failures += 1
        if state.failures >= FAILURES:
            state.opened += 1
            state.rest_until = self._clock.monotonic() + min(LONGEST_REST, REST_SECONDS * state.opened)
            state.failures = FAILURES - 1  # the next failure after the rest opens it at once
            self.any_open = True

    def answered(self, route: str) -> None:
        """An answer of `route`; costs nothing while no route has failed."""
        if self._states and route in self._states:
            del self._states[route]
            self.any_open = bool(self._held) or any(state.opened for state in self._states.values())

    def hold(self, routes: Iterable[str]) -> None:
        """Rest these routes, and no others, until told otherwise: an operator drains a partner."""
        self._held = frozenset(routes)
        self.any_open = bool(self._held) or any(state.opened for state in self._states.values())

    def open_routes(self) -> list[str]:
        """The routes that rest now."""
        now = self._clock.monotonic()
        return [route for route, state in self._states.items() if state.rest_until > now]
