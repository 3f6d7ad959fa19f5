"""One budget as one worker sees it: the lease it holds now, and what it will ask of the store next.

A meter counts one budget, or one person's part of a budget for each. The numbers themselves lie in the worker's book
(ledger.book): `cells[lease.slot]` is what was spent or is reserved, and it never exceeds `lease.granted`.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from isthmus.ledger.book import Book
from isthmus.ledger.budgets import UNITS, Budget
from isthmus.ledger.leases import TTL_MS, Claim, Standing

SLICE = 100  # a slice beyond real need is at most this part of the limit
IDLE_S = 5.0  # a lease that nobody used for so long goes back
_FRESH_S = 0.25  # what the store said was left is believed for so long
_LATE_S = 2.0  # slots are let go so long before the store lets go of them
NEVER = -math.inf


class Lease:
    """A slice in hand. `until` is monotonic seconds; `low` is where the next slice is asked for; `open` counts requests
    that reserved here and are not settled yet.
    """

    __slots__ = ("ends", "granted", "low", "open", "slot", "starts", "until")

    def __init__(self, slot: int, starts: int, ends: int, until: float) -> None:
        self.slot = slot
        self.starts = starts
        self.ends = ends
        self.until = until
        self.granted = 0
        self.low = 0
        self.open = 0


class Meter:
    """A budget's state in this worker. `left` is what the store had beside all leases, `known_at` when it said so."""

    __slots__ = (
        "_known_at", "_known_until", "_last_used", "_least", "_seen", "_slice", "_trim",
        "asked", "budget", "label", "lease", "left", "name", "old", "prodded", "unit",
    )  # fmt: skip

    def __init__(self, name: str, budget: Budget) -> None:
        """`name` is the counter's in the store."""
        self.name = name
        self.label = label(budget).encode()
        self.budget = budget
        self.unit = UNITS.index(budget.unit)
        self.lease = _none()
        self.old: list[Lease] = []
        self.asked = self._least = 0
        self.prodded = self._trim = False
        self.left = budget.most
        self._known_at = self._known_until = NEVER
        self._seen = 0
        self._last_used = NEVER
        self._slice = max(1, budget.most // SLICE)

    @property
    def idle(self) -> bool:
        """True when it holds nothing and nobody waits."""
        return not (self.lease.slot or self.old or self.asked)

    def meet(self, budget: Budget) -> None:
        """Take over the budget as it is now; what a lower limit does not cover goes back."""
        self._trim = budget.most < self.budget.most
        if budget.most != self.budget.most:
            self._known_at = NEVER
        self.budget = budget
        self._slice = max(1, budget.most // SLICE)

    def fits(self, cells: memoryview, amount: int, at: float) -> bool:
        """Whether `amount` can be had without the store."""
        lease = self.lease
        return bool(cells[lease.slot] + amount <= lease.granted and at < lease.until)

    def hopeless(self, cells: memoryview, amount: int, at: float) -> bool:
        """Whether the store said a moment ago that there is not so much left."""
        known = at - self._known_at < _FRESH_S and at < self._known_until
        return known and cells[self.lease.slot] + amount - self.lease.granted > self.left

    def ask(self, amount: int) -> None:
        """One more who waits for `amount`."""
        self._least = min(self._least, amount) if self.asked else amount
        self.asked += amount

    def remaining(self, cells: memoryview, at: float) -> int:
        """What may still be reserved: here, and in the store as it was last heard of."""
        if at >= self._known_until:
            return self.budget.most
        return int(max(0, self.lease.granted - cells[self.lease.slot]) + max(0, self.left))

    def resets_in(self, at: float) -> int:
        """Whole seconds to the end of the window that was last heard of; 0 where there is none."""
        return int(self._known_until - at) if at < self._known_until < math.inf else 0

    def claims(self, book: Book, wall: datetime, at: float, *, tick: bool) -> list[tuple[Lease, Claim]]:
        """What to tell the store now: about the lease in hand, and about those that are over."""
        lease = self.lease
        over = lease.ends and at >= lease.until
        if lease.slot and (over or (tick and self._unused(book, at) and not lease.open)):
            self._retire()
        found = [(old, self._report(book, old, closes=True)) for old in self.old if not old.open]
        if self.asked or self.prodded:
            if self.lease.slot or self._open(book, wall, at):
                found.append((self.lease, self._request(book)))
        elif self.lease.slot and (tick or self._trim):
            if self._trim or self._unused(book, at):  # what goes back is not spent meanwhile
                self.lease.granted = self.lease.low = min(self.lease.granted, book.cells[self.lease.slot])
            self._trim = False
            found.append((self.lease, self._report(book, self.lease)))
        return found

    def heard(self, book: Book, lease: Lease, claim: Claim, standing: Standing, at: float) -> None:
        """The store's answer to one claim that was sent at `at`."""
        if claim.closes:
            self.old.remove(lease)
            book.give_back(lease.slot)
        if claim.starts == self.lease.starts or not self.lease.slot:
            self.left, self._known_at = standing.left, at
            self._known_until = lease.until if lease.ends else math.inf
        if claim.closes:
            return
        lease.granted = standing.granted
        lease.low = lease.granted - self._slice // 2
        if not lease.ends:
            lease.until = at + TTL_MS / 1000 - _LATE_S

    def finish(self) -> None:
        """Want nothing more: the lease in hand is closed with the next claims."""
        self.asked, self.prodded = 0, False
        if self.lease.slot:
            self._retire()
        for lease in self.old:
            lease.open = 0

    def _unused(self, book: Book, at: float) -> bool:
        used = book.cells[self.lease.slot]
        if used != self._seen:
            self._seen, self._last_used = used, at
        return at - self._last_used > IDLE_S

    def _request(self, book: Book) -> Claim:
        """All that is wanted now: for those who wait, and a slice ahead."""
        lease = self.lease
        used = book.cells[lease.slot]
        needed = used + self.asked
        least = used + self._least
        self.asked = self._least = 0
        self.prodded = False
        target = max(lease.granted, needed + self._slice)
        return Claim(self.name, lease.starts, lease.ends, self.budget.most, lease.slot, used, least, needed, target)

    def _report(self, book: Book, lease: Lease, *, closes: bool = False) -> Claim:
        """What was spent; nothing more is wanted."""
        used, held = book.cells[lease.slot], lease.granted
        return Claim(self.name, lease.starts, lease.ends, self.budget.most, lease.slot, used, held, held, held, closes)

    def _retire(self) -> None:
        """Reserve no more on the lease in hand; it is closed when its requests are settled."""
        self.old.append(self.lease)
        self.lease = _none()

    def _open(self, book: Book, wall: datetime, at: float) -> bool:
        slot = book.take()
        if slot:
            starts, ends = window(self.budget.span, wall)
            self.lease = Lease(slot, starts, ends, at + ends - wall.timestamp() if ends else NEVER)
            self._seen, self._last_used = 0, at
        return bool(slot)


def _none() -> Lease:
    """In place of a lease: grants nothing, for no time."""
    return Lease(0, 0, 0, NEVER)


def label(budget: Budget) -> str:
    """A budget's name in response headers, such as tenant-tokens-day."""
    return "-".join(filter(None, (budget.scope, budget.unit, budget.span)))


def window(span: str, wall: datetime) -> tuple[int, int]:
    """Start and end, in s since 1970 UTC, of the window around `wall`; 0 and 0 where there is none."""
    if not span:
        return 0, 0
    wall = wall.astimezone(UTC).replace(second=0, microsecond=0)
    if span == "minute":
        start, end = wall, wall + timedelta(minutes=1)
    elif span == "day":
        start = wall.replace(hour=0, minute=0)
        end = start + timedelta(days=1)
    else:
        start = wall.replace(day=1, hour=0, minute=0)
        end = (start + timedelta(days=32)).replace(day=1)
    return int(start.timestamp()), int(end.timestamp())
