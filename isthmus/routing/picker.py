"""Which replica answers soonest: expected time to first token over all that may take the request.

    cost = queue + unread prompt x seconds a unit + slots and decoding + what its cache would lose

Rules of this room:
1. Pure: no I/O, no waiting; the clock is handed in. The gateway, the simulation and the planner run this same code.
2. Own knowledge comes first (what was sent where, what came back when), probes correct it. Both are advice: with none,
   it picks the less loaded of two at random (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
3. A replica at its limit, down or draining costs infinitely much. When all do, the answer is None, never a guess.
4. Prompts are counted in units: bytes in the gateway, tokens in a simulation. Times are seconds.
5. Replicas have numbers, and what `pick` reads lies in lists by number: it is called once a request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from random import random

from isthmus.core.clock import Clock
from isthmus.routing.prefix import BLOCK_BYTES, PrefixIndex
from isthmus.routing.probe import STALE_S, Load
from isthmus.routing.seat import BOTH, Ask, Replica, Seat, Ticket

LEARN = 0.2  # weight of a new observation
FORGET_S = 10.0  # a speed that was not seen for so long drifts to the middle of the pool
DRIFT = 0.05
FRESH_S = 0.002  # queues are read off the clock at most this often: they move by as little in between
SAMPLE = 16
FIXED = 16  # blocks: what the beginning of an answer costs beside its prompt, in the limit's eyes
GROUPS = 512  # sets of replicas whose members are at hand
WORTH_S = 600.0  # a prefix that nobody used for so long is worth half of a fresh one
EVEN = 1e-3
WAIT = 0.5  # of an answer's time may be waited for a seat: so large a share of all slots comes free meanwhile
KEEP = 0.4  # the chance that a prefix which has just been used is asked for again before it would have gone anyway


class Picker:
    """The replicas of one pool in one place of law, and who gets the next request."""

    def __init__(
        self,
        clock: Clock,
        replicas: Iterable[Replica] = (),
        *,
        block: int = BLOCK_BYTES,
        chance: Callable[[], float] = random,
        worth_s: float = WORTH_S,
        limited: bool = True,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._block = block
        self._worth_s = worth_s
        self._limited = limited
        self._index = PrefixIndex()
        self._seats: list[Seat | None] = []
        self._numbers: dict[str, int] = {}
        self._speed: list[float] = []  # seconds a unit of prompt
        self._ready: list[float] = []  # when what was sent there will have been read
        self._base: list[float] = []  # queue and extra, as they were at most FRESH_S ago
        self._members: dict[int, tuple[int, ...]] = {}
        self._turn = 0
        self._stale_at = -inf
        self._extra: list[float] = []  # seconds before a prompt is begun, beside the queue; inf: not now
        self._price: list[float] = []  # speed, and what the cache loses by a unit
        self._all = 0
        self._seen = False
        for replica in replicas:
            self.add(replica)

    # Who is there

    def add(self, replica: Replica) -> None:
        """A replica joins, or its facts changed. One that was known keeps its place and what was learned."""
        number = self._numbers.get(replica.name)
        if number is not None:
            seat = self._seat(number)
            seat.replica = replica
            seat.draining = False
            self._index.resize(number, replica.room)
            self._value(seat, self._clock.monotonic())
            self._weigh(seat, self._clock.monotonic())
            return
        number = next((at for at, seat in enumerate(self._seats) if seat is None), len(self._seats))
        seat = Seat(replica, number, self._clock.monotonic())
        if number == len(self._seats):
            self._seats.append(seat)
            for column in (self._speed, self._ready, self._extra, self._price, self._base):
                column.append(0.0)
        self._seats[number] = seat
        self._numbers[replica.name] = number
        self._speed[number] = self._middle() or replica.speed
        self._ready[number] = 0.0
        self._index.add(number, replica.room, root_first=replica.root_first)
        self._all |= 1 << number
        self._value(seat, self._clock.monotonic())
        self._weigh(seat, self._clock.monotonic())

    def remove(self, name: str) -> None:
        """A replica is gone; tickets that are still open may be closed later without harm."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._seats[number] = None
            self._extra[number] = self._base[number] = inf
            self._all &= ~(1 << number)
            self._index.forget(number)

    def drain(self, name: str) -> None:
        """No new requests to `name`; what runs there goes on."""
        seat = self.seat(name)
        seat.draining = True
        self._weigh(seat, self._clock.monotonic())

    def down(self, name: str) -> None:
        """`name` does not answer: nothing goes there, and its cache is taken for lost."""
        seat = self.seat(name)
        if seat.up or self._index.blocks(seat.number):
            seat.up = False
            seat.pending = 0.0
            self._ready[seat.number] = 0.0
            self._index.forget(seat.number)
            self._index.add(seat.number, seat.replica.room, root_first=seat.replica.root_first)
            self._value(seat, self._clock.monotonic())
            self._weigh(seat, self._clock.monotonic())

    def pause(self, name: str) -> None:
        """`name` is silent: nothing goes there for now, but what it has cached is probably still there."""
        seat = self.seat(name)
        if seat.up:
            seat.up = False
            self._weigh(seat, self._clock.monotonic())

    def up(self, name: str) -> None:
        """`name` answers (again)."""
        seat = self.seat(name)
        if not seat.up:
            seat.up = True
            self._weigh(seat, self._clock.monotonic())

    def seat(self, name: str) -> Seat:
        """What is known of `name`. Raises KeyError."""
        return self._seat(self._numbers[name])

    def seats(self) -> list[Seat]:
        """Every replica's seat."""
        return [seat for seat in self._seats if seat is not None]

    def index_blocks(self) -> int:
        """Blocks in the prefix index, over all replicas."""
        return len(self._index)

    def places(self) -> int:
        """How many requests the replicas that take any may have at once, together, and how many may wait for a seat."""
        there = [seat for seat in self.seats() if not seat.shut]
        return sum(max(seat.most, seat.inside) for seat in there) + int(
            WAIT * sum(seat.replica.slots for seat in there)
        )

    # One request

    def pick(
        self,
        keys: Sequence[int],
        size: int,
        *,
        without: Collection[str] = (),
        adapter: str = "",
        role: str = "",
    ) -> Ticket | None:
        """The replica for a prompt of `size` units with prefix `keys`, and a ticket for it; None when none may take it.

        `without`: names that have just failed. `adapter`: the LoRA adapter that is wanted. `role`: prefill or decode,
        for one half of a disaggregated pair.
        """
        now = self._clock.monotonic()
        if now >= self._stale_at:
            self._age(now)
        found = self._index.depths(keys, self._all) if keys else []
        if self._seen and not (without or adapter or role):
            number = self._quick(float(size), found)
        else:
            number = self._careful(float(size), found, without, adapter, role)
        if number < 0:
            return None
        hit = 0
        for mask, depth in found:
            if mask >> number & 1:
                hit = depth
                break
        return self._begin(number, now, keys, size, hit)

    def first(self, ticket: Ticket) -> None:
        """The first token of `ticket` has come."""
        seat = self._still(ticket)
        if seat is None or ticket.fresh:
            return
        now = self._clock.monotonic()
        ticket.fresh = now
        self._read(seat, ticket, now)
        took = now - ticket.at
        seat.ttft += (took - seat.ttft) * (LEARN if seat.ttft else 1.0)
        seat.waited += took
        seat.begun += 1
        if ticket.units >= self._block and ticket.queue < took / 2:
            self._learn(seat, (took - ticket.queue) / ticket.units, now)
        self._seen = True
        if self._limited:
            # Per unit, with a fixed share, so that long and short prompts are fair to each other.
            seat.limit.observe(took / (ticket.units + FIXED * self._block), seat.inside, seat.crowd(now))
            seat.most = seat.limit.limit
        self._weigh(seat, now)

    def done(self, ticket: Ticket) -> None:
        """The answer of `ticket` is complete."""
        seat = self._close(ticket)
        if seat is not None:
            now = self._clock.monotonic()
            took = now - ticket.at
            seat.seconds += (took - seat.seconds) * (LEARN if seat.seconds else 1.0)
            seat.done += 1
            self._seen = True
            self._weigh(seat, now)

    def lost(self, ticket: Ticket) -> None:
        """`ticket` ended without an answer: refused, broken off, or the caller left."""
        seat = self._close(ticket)
        if seat is not None:
            seat.failed += 1
            self._weigh(seat, self._clock.monotonic())

    def full(self, name: str) -> None:
        """`name` refused a request for want of room: less goes there from now on."""
        seat = self.seat(name)
        seat.limit.failed()
        seat.most = seat.limit.limit
        self._weigh(seat, self._clock.monotonic())

    # Requests that come together (routing.together)

    def costs(self, ask: Ask) -> list[float]:
        """What `ask` would cost at every replica, by number; inf where it cannot go."""
        now = self._clock.monotonic()
        if now >= self._stale_at:
            self._age(now)
        left = [float(ask.size)] * len(self._base)
        for mask, depth in self._index.depths(ask.keys, self._all):
            rest = max(0.0, ask.size - depth * self._block)
            for number in self._members.get(mask) or self._note(mask):
                left[number] = rest
        costs = [wait + price * rest for wait, price, rest in zip(self._base, self._price, left, strict=True)]
        for name in ask.without:
            if name in self._numbers:
                costs[self._numbers[name]] = inf
        return costs

    def cost(self, ask: Ask, number: int) -> float:
        """What `ask` would cost at one replica, whose queue and cache have just changed."""
        if self._seat(number).replica.name in ask.without:
            return inf
        depth = next((depth for _, depth in self._index.depths(ask.keys, 1 << number)), 0)
        return self._base[number] + self._price[number] * max(0.0, ask.size - depth * self._block)

    # What replicas say

    def heard(self, name: str, load: Load) -> None:
        """A probe of `name` was answered."""
        seat = self.seat(name)
        now = self._clock.monotonic()
        seat.hear(load, now)
        self._seen = True
        self._weigh(seat, now)

    def stored(self, name: str, keys: Sequence[int]) -> None:
        """`name` says that it holds `keys` now (an engine's cache events): the index becomes precise."""
        now = self._clock.monotonic()
        self._index.store(self._numbers[name], keys, now)
        self._value(self.seat(name), now)

    def dropped(self, name: str, keys: Sequence[int]) -> None:
        """`name` says that it no longer holds `keys`."""
        self._index.drop(self._numbers[name], keys)

    def refresh(self) -> None:
        """Let what was learned age; called every probe period."""
        now = self._clock.monotonic()
        middle = self._middle()
        for seat in self.seats():
            if middle and now - seat.learned_at > FORGET_S:
                self._speed[seat.number] += (middle - self._speed[seat.number]) * DRIFT
            self._index.trim(seat.number)
            self._value(seat, now)
            self._weigh(seat, now)

    # Inside

    def _seat(self, number: int) -> Seat:
        seat = self._seats[number]
        assert seat is not None
        return seat

    def _still(self, ticket: Ticket) -> Seat | None:
        """The seat of an open ticket, unless its replica has left and perhaps another sits there."""
        if not ticket.open or self._numbers.get(ticket.name) != ticket.number:
            return None
        return self._seat(ticket.number)

    def _begin(self, number: int, now: float, keys: Sequence[int], size: int, hit: int) -> Ticket:
        seat = self._seats[number]
        assert seat is not None
        queue = self._ready[number] - now
        queue = max(queue, 0.0)
        units = size - hit * self._block
        units = max(units, 1)
        work = self._speed[number] * units
        wait = queue + self._extra[number]
        ticket = Ticket(seat.replica.name, number, now, wait, work, wait + work, hit, units)
        seat.inside += 1
        seat.pending += work
        seat.asked += len(keys)
        seat.hit += hit
        self._ready[number] = now + queue + work
        self._index.store(number, keys, now)
        if not seat.full:  # a full cache's price moves slowly; `refresh` follows it
            self._value(seat, now)
        self._weigh(seat, now)
        return ticket

    def _read(self, seat: Seat, ticket: Ticket, now: float) -> None:
        """The prompt of `ticket` has been read: what was sent after it is what still waits."""
        seat.pending = max(0.0, seat.pending - ticket.work)
        ticket.work = 0.0
        self._ready[seat.number] = now + seat.pending

    def _close(self, ticket: Ticket) -> Seat | None:
        seat = self._still(ticket)
        ticket.open = False
        if seat is None:
            return None
        if ticket.work:
            self._read(seat, ticket, self._clock.monotonic())
        seat.inside -= 1
        return seat

    def _learn(self, seat: Seat, speed: float, now: float) -> None:
        number = seat.number
        # The first observation replaces the guess: where the guess was far off, nothing else would be right for long.
        known = self._speed[number]
        seat.learned_at = now
        self._speed[number] = known + (speed - known) * (LEARN if seat.learned else 1.0)
        if not seat.learned:
            seat.learned = True
            # Whoever was not seen yet is as fast as those who were: a guess beside a measure would win or lose by
            # nothing but being a guess.
            middle = self._middle()
            for other in self.seats():
                if not other.learned:
                    self._speed[other.number] = middle
                    self._value(other, now)
        self._value(seat, now)

    def _middle(self) -> float:
        speeds = sorted(self._speed[seat.number] for seat in self.seats() if seat.learned)
        return speeds[len(speeds) // 2] if speeds else 0.0

    def _value(self, seat: Seat, now: float) -> None:
        """What reading one unit more costs this replica: the time, and what its cache would lose."""
        number = seat.number
        # What a fuller cache loses is worth less, the longer nobody used it. Between equals the emptier cache wins, so
        # that nobody's misses all land on one replica.
        ages = self._index.oldest(number)
        loss = EVEN * self._index.blocks(number) / (seat.replica.room or 1)
        seat.full = bool(ages)
        if ages:
            worth = self._worth_s
            loss += KEEP * sum([worth / (worth + now - at) for at in ages]) / len(ages)
        self._price[number] = self._speed[number] * (1.0 + loss)

    def _weigh(self, seat: Seat, now: float) -> None:
        """Bring up to date what `pick` reads of one replica's queue."""
        number = seat.number
        inside = seat.inside
        if seat.draining or not seat.up or (inside >= seat.most and self._limited):
            self._extra[number] = self._base[number] = inf
            return
        extra = 0.0
        slots = seat.replica.slots
        if slots and (inside >= slots or seat.busy >= slots):
            total = seat.crowd(now)
            if total >= slots:
                extra = (total + 1 - slots) * seat.seconds / slots
        if seat.choked and now - seat.load_at < STALE_S:
            # Its memory for running answers is taken: one must end before another begins.
            extra = max(extra, seat.seconds * (1 + seat.load.waiting) / max(1, seat.load.running))
        self._extra[number] = extra
        queue = self._ready[number] - now
        self._base[number] = queue + extra if queue > 0 else extra

    def _quick(self, size: float, found: list[tuple[int, int]]) -> int:
        """The replica that costs least, of SAMPLE in turn and of those that have most of the prompt; -1 if none can.

        Up to SAMPLE replicas that is exact. Source of the sample's size: Prequal (NSDI 24) keeps 16 probes.
        """
        base, price = self._base, self._price
        low, high = 0, len(base)
        left, common = size, 0
        if high > SAMPLE:
            low = self._turn if self._turn < high else 0
            self._turn = low + SAMPLE
            high = min(high, self._turn)
            if found and found[-1][0].bit_count() > SAMPLE:
                # A beginning that nearly all have (a system prompt): reckon with it, and look whether it was so.
                common = found[-1][1]
                left = max(0.0, size - common * self._block)
        best = inf
        number = -1
        for each in range(low, high):
            cost = base[each] + price[each] * left
            if cost < best:
                best = cost
                number = each
        if common and number >= 0:
            for mask, _ in found:
                if mask >> number & 1:
                    break
            else:
                best = base[number] + price[number] * size
                common = 0
            if len(found) == 1 and common:
                return number
        for mask, depth in found:
            if depth == common:
                continue
            members = self._members[mask] if mask in self._members else self._note(mask)
            if len(members) > SAMPLE:
                at = low % (len(members) - SAMPLE)
                members = members[at : at + SAMPLE]
            left = max(0.0, size - depth * self._block)
            for each in members:
                cost = base[each] + price[each] * left
                if cost < best:
                    best = cost
                    number = each
        return number if number >= 0 else self._careful(size, found)

    def _careful(
        self,
        size: float,
        found: list[tuple[int, int]],
        without: Collection[str] = (),
        adapter: str = "",
        role: str = "",
    ) -> int:
        """The same over all replicas, with the request's own wishes; while nothing is known, the less busy of two."""
        depth = {number: blocks for mask, blocks in found for number in self._note(mask)}
        costs = {}
        for seat in self.seats():
            replica, number = seat.replica, seat.number
            if replica.name in without or (role and replica.role not in (role, BOTH)) or self._base[number] == inf:
                continue
            left = max(0.0, size - depth.get(number, 0) * self._block)
            load = replica.load_s if adapter and adapter not in replica.adapters else 0.0
            costs[number] = self._base[number] + self._price[number] * left + load
        if not costs:
            return -1
        if self._seen:
            return min(costs, key=costs.__getitem__)
        able = list(costs)
        two = (able[int(self._chance() * len(able))] for _ in range(2))
        return min(two, key=lambda number: self._seat(number).inside)

    def _note(self, mask: int) -> tuple[int, ...]:
        """The numbers in a mask."""
        if len(self._members) >= GROUPS:
            self._members.clear()
        members = self._members[mask] = tuple(number for number in range(len(self._seats)) if mask >> number & 1)
        return members

    def _age(self, now: float) -> None:
        """Bring every queue up to `now`."""
        self._stale_at = now + FRESH_S
        self._base = [
            (ready - now if ready > now else 0.0) + extra for ready, extra in zip(self._ready, self._extra, strict=True)
        ]
