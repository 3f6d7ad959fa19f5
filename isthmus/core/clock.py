"""Time as a thing that is handed in, so that tests never wait.

`monotonic` measures spans (seconds), `now` says the calendar time (UTC). Nothing in Isthmus calls
`time.time()` or `date.today()` on its own.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Protocol


class Clock(Protocol):
    """Seconds since an arbitrary start, and the calendar time in UTC, as a datetime or in ms since 1970-01-01."""

    def monotonic(self) -> float: ...

    def now(self) -> datetime: ...

    def epoch_ms(self) -> int: ...


class SystemClock:
    """The machine's clock. `monotonic` is the built-in itself: it is asked six times a request."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def epoch_ms(self) -> int:
        return time.time_ns() // 1_000_000


class FakeClock:
    """A clock that moves only when told to: `advance(seconds)`."""

    __slots__ = ("_monotonic", "_now")

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._monotonic = 0.0

    def monotonic(self) -> float:
        return self._monotonic

    def now(self) -> datetime:
        return self._now

    def epoch_ms(self) -> int:
        return int(self._now.timestamp() * 1000)

    def advance(self, seconds: float) -> None:
        """Move both readings forward by `seconds`."""
        from datetime import timedelta

        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)


def today(clock: Clock) -> date:
    """The calendar day in UTC; law's dates are compared with it."""
    return clock.now().date()
