"""Leases: how many processes on many nodes share one limit exactly, without asking for each request.

    limit  >=  taken  =  settled + every lease's granted          at every moment, in one store

A holder (one worker's run) leases a slice, spends it in memory, and reports at its leisure. Rules of this room:
1. A holder never spends beyond what it was granted, and lowers its own grant before it tells the store.
2. A claim says how much its holder wants to hold in all, never how much more: said twice, it changes nothing.
3. What a vanished holder did not report counts as spent: a lease that expires frees nothing, it only ceases to be
   called reserved. Its book (ledger.book) gives the rest back where the machine lived on.
4. Slots (requests at once) are the exception: they are nobody's once their holder is gone, so an expired lease of slots
   is free. A holder that could not renew in time takes no new request on them.

Three stores keep the same promise and pass the same tests: ledger.lease_sql (SQLite, PostgreSQL), ledger.lease_valkey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

TTL_MS = 30_000  # a lease that was not renewed for so long is its holder's no more
SHARE = 4  # of what is left, a slice beyond real need takes at most this part
KEEP_MS = 86_400_000  # rows of a window are kept a day after its end


class Claim(NamedTuple):
    """What a holder says of one lease. `starts` and `ends` are the window in s since 1970 UTC; 0 and 0 for slots.

    `used` is all that was spent of it so far. It wants to hold `target`, or at least `needed` for all who wait, or
    else `least` for one of them; a target below what it holds gives the rest back. `closes`: it is done with it.
    """

    budget: str
    starts: int
    ends: int
    limit: int
    slot: int
    used: int
    least: int
    needed: int
    target: int
    closes: bool = False


class Standing(NamedTuple):
    """What the holder holds now, and what nobody holds."""

    granted: int
    left: int


class Held(NamedTuple):
    """One lease as the store has it."""

    budget: str
    starts: int
    slot: int
    granted: int
    used: int


class Level(NamedTuple):
    """Where a budget stands: `spent`, and `reserved` by living holders (leased, not spent)."""

    spent: int
    reserved: int


class StoreDownError(Exception):
    """The store cannot be reached or does not answer. Nothing is granted then; `word` is an error's type, no more."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Store(Protocol):
    """Where leases are kept. Every method may wait for a disk or a network, and raises StoreDownError."""

    def settle(self, holder: str, claims: Sequence[Claim], now_ms: int) -> list[Standing]:
        """Meet claims, each on its own, in their order."""
        ...

    def held_by(self, holder: str) -> list[Held]:
        """Every open lease of a holder."""
        ...

    def level(self, budget: str, starts: int, now_ms: int) -> Level:
        """Where one window of a budget stands."""
        ...

    def tidy(self, now_ms: int) -> None:
        """Drop what belongs to windows that ended long ago."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...


def decide(claim: Claim, granted: int, taken: int) -> int:
    """What the claim's holder may hold, when it holds `granted` and `taken` is taken in all.

    The one rule of every store: real need first, and of the rest no more than a SHARE of what is left, so that slices
    shrink as a budget runs out and little of it lies idle elsewhere.
    """
    room = claim.limit - taken
    if claim.target <= granted:
        return max(claim.target, _spent(claim))
    if claim.least - granted > room:
        return max(granted, _spent(claim))
    wanted = max(claim.needed - granted, min(claim.target - granted, room // SHARE))
    return max(granted + max(0, min(wanted, room)), _spent(claim))


def _spent(claim: Claim) -> int:
    """What cannot be given back, because it is gone; slots come back."""
    return claim.used if claim.starts or claim.ends else 0
