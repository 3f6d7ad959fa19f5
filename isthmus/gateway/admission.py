"""Who is let in when more is asked than can be served.

Rules of this room:
1. At most `limit` requests are inside one worker; what comes on top hears so at once, with Retry-After.
2. Four classes share the room, and a lower one is refused earlier: interactive (a person waits), assist (a person
   may wait), background, batch.
3. Before a class is full it is shed with rising probability, so that callers do not all return in the same moment.
Source: Google SRE Book, chapter 21 "Handling Overload" (criticality, client-visible refusal before work is begun).
"""

from __future__ import annotations

from collections.abc import Callable
from random import random

from isthmus.core.errors import Refusal

# The share of the room that each class may fill. Shares that lie closer together fill more of the room and keep people
# out of it: both were measured (docs/overload.md), and a person who waits comes first.
CLASSES: dict[bytes, float] = {b"interactive": 1.0, b"assist": 0.85, b"background": 0.6, b"batch": 0.4}
RAMP = 0.1  # the last part of a class's share, in which it is shed with rising probability
RETRY_SECONDS = 1
HEADER = b"isthmus-priority"


class Admission:
    """The room of one worker. `enter` is hot: one comparison while the room is far from full."""

    __slots__ = ("_chance", "_easy", "inside", "limit")

    def __init__(self, limit: int, chance: Callable[[], float] = random) -> None:
        self.limit = limit
        self.inside = 0
        self._easy = int(limit * min(CLASSES.values()) * (1 - RAMP))
        self._chance = chance

    def enter(self, headers: dict[bytes, bytes]) -> None:
        """Take a place. Raises Refusal overloaded, or bad_header for a class that does not exist."""
        named = headers.get(HEADER)
        if self.inside >= self._easy or named is not None:
            self._weigh(b"interactive" if named is None else named)
        self.inside += 1

    def _weigh(self, named: bytes) -> None:
        share = CLASSES.get(named)
        if share is None:
            reason = "one of " + ", ".join(name.decode() for name in CLASSES)
            raise Refusal("bad_header", field=HEADER.decode(), reason=reason)
        full = self.limit * share
        ramp = full * (1 - RAMP)
        if self.inside >= full or (self.inside > ramp and self._chance() < (self.inside - ramp) / (full - ramp)):
            raise Refusal("overloaded", retry_after=RETRY_SECONDS)

    def leave(self) -> None:
        """Give the place back."""
        self.inside -= 1
