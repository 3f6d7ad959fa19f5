"""Who is let in when more is asked than can be served.

Rules of this room:
1. At most `limit` requests are inside one worker; what comes on top hears so at once, with Retry-After.
2. Four classes share the room: interactive (a person waits), assist (a person may wait), background, batch. Each may
   fill what the classes above it will not need: their requests per second times how long these stay (Little's law) and
   two standard deviations more, less the places that they have already. So nobody keeps room that nobody needs.
3. Before the room is full, all but the first class are shed with rising probability, so that callers do not all return
   in the same moment.
4. There is no queue before the room but the processor's own. Where that stays longer than TARGET_S (CoDel: not in one
   burst, but at every look), less is begun at once: `limit` shrinks until what is begun is begun in time.
5. An answer that waits for its caller keeps its place in the room, for it keeps its partner's connection and its bytes
   (the door ends it before long); but it is no work, so that `limit` does not count it.
Sources: Google SRE Book, chapter 21 "Handling Overload" (criticality, client-visible refusal before work is begun);
Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012. Measured: docs/overload.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import exp, sqrt
from random import random
from time import monotonic

from isthmus.core.errors import Refusal

RANKS: dict[bytes, int] = {b"interactive": 0, b"assist": 1, b"background": 2, b"batch": 3}
RAMP = 0.03  # the last part of the room, in which lower classes are shed with rising probability
SIGMAS = 2.0  # arrivals scatter like a Poisson process: spare places for the classes above, in standard deviations
MEMORY_S = 2.0  # how long the rate of a class is looked back on
NEWER = 0.02  # weight of one more stay
TICK_S = 0.1
TARGET_S = 0.1  # the processor's queue, at the most
SHRINK, GROW = 0.8, 0.05
LEAST = 256  # requests that may be inside however late the processor is: it may be another's work that it waits for
RETRY_SECONDS = 1
HEADER = b"isthmus-priority"


class Admission:
    """The room of one worker. `enter` and `leave` are hot: a few additions while the room is far from full."""

    __slots__ = (
        "_arrived",
        "_chance",
        "_easy",
        "_held",
        "_late",
        "_most",
        "_needs",
        "_rates",
        "_stays",
        "inside",
        "limit",
        "room",
        "stalled",
    )

    def __init__(self, room: int, chance: Callable[[], float] = random) -> None:
        self.room = room
        self.limit = room
        self._most = room  # that may be inside: `limit` at work, and those that wait for their callers
        self.stalled: Callable[[], int] = lambda: 0  # how many these are
        self.inside = 0
        self._held = [0] * len(RANKS)  # of those inside, by class
        self._arrived = [0] * len(RANKS)  # since the last look
        self._rates = [0.0] * len(RANKS)  # arrivals a second
        self._stays = [0.0] * len(RANKS)  # seconds
        self._needs = [0.0] * len(RANKS)  # places
        self._late = False
        self._chance = chance
        self._easy = int(room * (1 - RAMP))

    def resize(self, room: int) -> None:
        """The room is another size from now on."""
        self.room = self.limit = self._most = room

    def enter(self, headers: dict[bytes, bytes]) -> int:
        """Take a place; the class is for `leave`. Raises Refusal overloaded, or bad_header for an unknown class."""
        named = headers.get(HEADER)
        rank = 0
        if named is not None:
            found = RANKS.get(named)
            if found is None:
                reason = "one of " + ", ".join(name.decode() for name in RANKS)
                raise Refusal("bad_header", field=HEADER.decode(), reason=reason)
            rank = found
        self._arrived[rank] += 1
        if self.inside >= self._easy:
            self._weigh(rank)
        self._held[rank] += 1
        self.inside += 1
        return rank

    def leave(self, rank: int, stayed: float) -> None:
        """Give the place back after `stayed` seconds."""
        self.inside -= 1
        self._held[rank] -= 1
        self._stays[rank] += (stayed - self._stays[rank]) * NEWER if self._stays[rank] else stayed

    def _weigh(self, rank: int) -> None:
        need = sum(self._needs[:rank])
        full = self._most - max(0.0, need + SIGMAS * sqrt(need) - sum(self._held[:rank]))
        ramp = full - self._most * RAMP if rank else full
        if self.inside >= full or (self.inside > ramp and self._chance() < (self.inside - ramp) / (full - ramp)):
            raise Refusal("overloaded", retry_after=RETRY_SECONDS)

    def look(self, seconds: float, lag: float) -> None:
        """What has come in the last `seconds`; `lag` is for how long something ready waited for the processor."""
        newer = 1 - exp(-seconds / MEMORY_S)
        for rank, arrived in enumerate(self._arrived):
            rate = arrived / seconds
            self._rates[rank] += (rate - self._rates[rank]) * newer
            self._arrived[rank] = 0
            self._needs[rank] = self._rates[rank] * self._stays[rank]
        late = lag > TARGET_S
        stalled = self.stalled()
        if late and self._late:
            # What counts is how much is begun at once, which may be far less than the room.
            self.limit = min(self.limit, max(LEAST, int(min(self.limit, (self.inside - stalled) * 2) * SHRINK)))
        elif not late:
            self.limit = min(self.room, self.limit + max(1, int(self.room * GROW)))
        self._late = late
        need = sum(self._needs[:-1])
        self._most = min(self.room, self.limit + stalled)
        self._easy = int(self._most * (1 - RAMP) - need - SIGMAS * sqrt(need))

    async def keep(self) -> None:
        """Look ten times a second."""
        last = monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = monotonic()
            self.look(now - last, now - last - TICK_S)
            last = now
