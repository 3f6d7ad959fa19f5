"""Pace: the later events of a stream are read a tick at a time, so that many small ones cost one read and one write.

A model speaks in events of a few bytes, and waking for each is what a stream costs. Its first content is passed on at
once; after that its connection rests until the next tick, and what came meanwhile is read together. The tick grows with
the streams there are, up to TICK, so that a worker's reads stay bounded and a quiet one delays little; a stream that
speaks slower than it never rests. A caller that wants each event at once says `isthmus-latency: low`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sized

from isthmus.gateway.upstream import Connection

TICK = 0.025  # seconds, the longest: nobody reads faster than forty times a second
AT_ONCE = 16  # streams that are read before others have their turn, some milliseconds
EACH = 0.004  # seconds that each live stream adds: seven make it the longest


class Pace:
    """The ticks of one worker. `live` are its streams."""

    __slots__ = ("_due", "_live", "_loop", "_resting")

    def __init__(self, loop: asyncio.AbstractEventLoop, live: Sized) -> None:
        self._loop = loop
        self._live = live
        self._resting: list[Connection] = []
        self._due: deque[Connection] = deque()

    def rest(self, connection: Connection) -> None:
        """A stream was read that goes on: let its connection rest until the tick, if the next event comes before."""
        now = self._loop.time()
        tick = min(TICK, EACH * len(self._live))
        if now - connection.read_at < 2 * tick:
            connection.rest()
            if not self._resting:
                self._loop.call_later(tick, self._wake)
            self._resting.append(connection)
        connection.read_at = now

    def _wake(self) -> None:
        begun = bool(self._due)  # more are resting than one tick can wake
        self._due += self._resting
        self._resting = []
        if not begun:
            self._wake_some()

    def _wake_some(self) -> None:
        """At most AT_ONCE in one turn of the loop: whatever else came has its turn between."""
        for _ in range(min(AT_ONCE, len(self._due))):
            self._due.popleft().wake()
        if self._due:
            self._loop.call_soon(self._wake_some)
