"""How many calls beyond the first a worker may make: a fifth of its traffic.

Retries multiply: when every route fails, each request would ask all of them, and those who are failing would get the
most traffic exactly then. So retries spend from what requests bring in.
Source: Google, "Site Reliability Engineering", ch. 21; Finagle, RetryBudget (20 % and a floor).
"""

from __future__ import annotations

from isthmus.core.clock import Clock

SHARE = 0.2  # calls beyond the first, per request
RESERVE = 10  # a window may have so many in any case: a worker with little traffic fails over, too
WINDOW_S = 10.0


class RetryBudget:
    """The retries of one worker over a sliding window. `requests` is counted up by whoever serves one: nothing else is
    done until somebody wants a retry.
    """

    __slots__ = ("_began", "_clock", "_requests_before", "_retries", "_retries_before", "requests")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self.requests = 0
        self._retries = 0
        self._requests_before = 0.0
        self._retries_before = 0.0

    def take(self) -> bool:
        """Whether one more call may be made now; if so, it is counted."""
        passed = self._clock.monotonic() - self._began
        if passed >= WINDOW_S:
            self._turn(passed)
            passed = 0.0
        left = 1.0 - passed / WINDOW_S  # the share of the window before that still counts
        allowed = max(float(RESERVE), SHARE * (self._requests_before * left + self.requests))
        if self._retries_before * left + self._retries + 1 > allowed:
            return False
        self._retries += 1
        return True

    def _turn(self, passed: float) -> None:
        """A new window. The one before may have been long, because nobody looked: it counts at its mean."""
        self._requests_before = self.requests * WINDOW_S / passed
        self._retries_before = float(self._retries) if passed < 2 * WINDOW_S else 0.0
        self.requests = self._retries = 0
        self._began = self._clock.monotonic()
