"""Budgets: reserve before the call, settle after it, never a unit beyond the limit.

    quota.reserve(ex, plan)   None, or - when a slice must be fetched first - something to await; raises Refusal
    quota.settle(ex)          once per exchange, whatever happened: its cost, and what it did not use goes back

Rules of this room:
1. What is reserved is a bound: no answer to this request can use more, so spending never exceeds what was reserved.
2. With a slice in hand nothing waits: numbers in the worker's book are compared and written, that is all.
3. Only a round talks to the store, one at a time, in a thread; everybody who needs it shares it.
4. No answer from the store, no new slice: a budget that cannot be read spends nothing it does not hold.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.core import log
from isthmus.core.clock import Clock, today
from isthmus.core.decision import Plan, Route, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.ledger.book import Book, settle_left
from isthmus.ledger.budgets import EACH, UNITS, Budget, binds
from isthmus.ledger.leases import Claim, Standing, Store, StoreDownError
from isthmus.partners.prices import Price, PriceBook
from isthmus.policy import advertise, estimate, money
from isthmus.policy.meter import Lease, Meter, window

TICK_S = 0.5  # between two reports of what was spent
ANSWER = 4096  # tokens that an answer may have whose request sets no limit
_TRIES = 20  # rounds that one request waits for, at most
_TIDY_S = 3600.0
_PEOPLE = 100_000  # meters of single persons in memory
_REQUESTS, _TOKENS, _MONEY, _CONCURRENCY = range(len(UNITS))
_NOTHING = (0, 0, 0, 0)
_ANSWER = msgspec.Raw(b"%d" % ANSWER)
_integer = msgspec.json.Decoder(int)

Need = tuple[int, int, int, int]  # in the order of UNITS


class Bound(NamedTuple):
    """What binds a caller: `meters` always, `each` depending on the person. `counts`: tokens or money are among it."""

    meters: tuple[Meter, ...]
    each: tuple[Budget, ...]
    counts: bool
    currency: str
    policy: bytes


class Quota:
    """The budgets of one worker. `prices` are those in force, by route name."""

    def __init__(
        self, store: Store, folder: Path, shard: str, clock: Clock, keyed: Callable[[], blake2b], node: str = "n"
    ) -> None:
        """`folder` is where the books of this machine's workers lie; `keyed` hides whom a counter is about."""
        self._store = store
        self._folder = folder
        self._clock = clock
        self._keyed = keyed
        self._book = Book(folder, shard, node)
        self._cells = self._book.cells
        self._meters: dict[str, Meter] = {}
        self._bounds: dict[str, Bound] = {}
        self._budgets: tuple[Budget, ...] = ()
        self._thread = ThreadPoolExecutor(1, "leases")
        self._turn = asyncio.Lock()
        self._pending: asyncio.Task[None] | None = None
        self._failures = 0
        self._down = False
        self._tidied = clock.monotonic()
        self._tariff: tuple[PriceBook, tuple[Route, ...], date | None] = (PriceBook({}), (), None)
        self.prices: Mapping[str, Price] = {}

    # what binds whom

    def price(self, book: PriceBook, routes: Iterable[Route]) -> None:
        """Take over the prices of these routes; those of the day are looked up anew when the day (UTC) ends."""
        day = today(self._clock)
        self._tariff = (book, tuple(routes), day)
        self.prices = money.in_force(book, self._tariff[1], day)

    def price_also(self, routes: Iterable[Route]) -> None:
        """The prices of further routes, from the same book: what makes vectors or pictures."""
        book, known, _ = self._tariff
        self.price(book, {route.name: route for route in (*known, *routes)}.values())

    def refresh(self, budgets: Iterable[Budget]) -> None:
        """Take over the budgets as the accounts have them now."""
        self._budgets = tuple(budgets)
        self._bounds = {}
        for budget in self._budgets:
            for name, meter in self._meters.items():
                if name.partition("/")[0] == budget.id:
                    meter.meet(budget)

    def _bind(self, caller: Caller) -> Bound:
        mine = sorted((each for each in self._budgets if binds(each, caller)), key=lambda each: each.scope == "user")
        fixed = tuple(self._meter(budget, budget.id) for budget in mine if budget.scope != "user")
        each = tuple(budget for budget in mine if budget.scope == "user")
        units = {budget.unit for budget in mine}
        currencies = {budget.currency for budget in mine if budget.currency}
        # No route has a price in two currencies: where budgets disagree, none is found, and the caller hears why.
        currency = " and ".join(sorted(currencies))
        bound = Bound(
            fixed,
            each,
            bool(units & {"tokens", "money"}),
            currency,
            advertise.policy(mine),
        )
        self._bounds[caller.key_id] = bound
        return bound

    def _meter(self, budget: Budget, name: str) -> Meter:
        meter = self._meters.get(name)
        if meter is None:
            meter = self._meters[name] = Meter(name, budget)
        return meter

    def _person(self, bound: Bound, subject: str) -> tuple[Meter, ...]:
        """The meters of one person: those of their own in place of those that everybody has."""
        chosen: dict[tuple[str, str, str], Budget] = {}
        for budget in bound.each:
            purpose = (budget.unit, budget.span, budget.currency)
            if budget.subject == subject or (budget.subject == EACH and purpose not in chosen):
                chosen[purpose] = budget
        return tuple(
            self._meter(budget, budget.id if budget.subject != EACH else f"{budget.id}/{self._hidden(budget, subject)}")
            for budget in chosen.values()
        )

    def _hidden(self, budget: Budget, subject: str) -> str:
        keyed = self._keyed()
        keyed.update(f"budget\0{budget.target}\0{subject}".encode())
        return keyed.hexdigest()[:32]

    # the hot path

    def reserve(self, ex: Exchange, plan: Plan) -> Awaitable[None] | None:
        """Reserve for one route; what was reserved for another one before goes back.

        Call it for callers that are `limited`. Raises Refusal rate_limited, budget_spent, quota_unavailable (at once or
        when awaited), RouteSkipped for a route whose price nobody knows.
        """
        if ex.reserved is not None:
            self.release(ex)
        bound = self._bounds.get(ex.caller.key_id) or self._bind(ex.caller)
        meters = bound.meters
        if bound.each:
            meters += self._person(bound, ex.subject)
        need = self._need(ex, plan, bound.currency) if bound.counts else (1, 0, 0, 1)
        if self._take(ex, meters, need, ex.received_at):
            return None
        return self._fetch(ex, meters, need)

    def _take(self, ex: Exchange, meters: tuple[Meter, ...], need: Need, at: float) -> bool:
        """Reserve on every meter, or on none."""
        cells = self._cells
        held: list[tuple[Lease, int, int]] = []
        for meter in meters:
            lease = meter.lease
            unit = meter.unit
            amount = need[unit]
            slot = lease.slot
            used = cells[slot] + amount
            if used > lease.granted or at >= lease.until:
                self._undo(held)
                return False
            cells[slot] = used
            lease.open += 1
            held.append((lease, amount, unit))
            if used > lease.low:
                self._prod(meter)
        ex.reserved = held
        return True

    def settle(self, ex: Exchange) -> None:
        """The exchange is over: set its cost; what it reserved and did not use goes back."""
        held = ex.reserved
        if held is None and ex.caller.limited:
            return  # it ended before anything was reserved, so nothing was sent
        tokens, micros = money.charge(ex, self.prices)
        if held is None:
            return
        ex.reserved = None
        cells = self._cells
        actual = (1, tokens, micros, 0) if tokens or ex.outcome == "answered" else _NOTHING
        if ex.before is not None:
            actual = (0, tokens, micros, 0)  # its first part was counted as the request (see `part`)
        for lease, amount, unit in held:
            cells[lease.slot] += actual[unit] - amount
            lease.open -= 1

    def part(self, ex: Exchange) -> None:
        """The first part of an answer is over and another route may go on with it: what it cost is counted now.

        What the exchange reserved goes back; it may reserve again, for the rest.
        """
        tokens, micros = money.charge(ex, self.prices)
        held, ex.reserved = ex.reserved, None
        actual = (1, tokens, micros, 0)
        for lease, amount, unit in held or ():
            self._cells[lease.slot] += actual[unit] - amount
            lease.open -= 1

    def release(self, ex: Exchange) -> None:
        """Give back all that an exchange reserved: nobody answered it."""
        self._undo(ex.reserved)
        ex.reserved = None

    def _undo(self, held: list[tuple[Lease, int, int]]) -> None:
        for lease, amount, _ in held:
            self._cells[lease.slot] -= amount
            lease.open -= 1

    def _need(self, ex: Exchange, plan: Plan, currency: str) -> Need:
        """The bound of one request on one route."""
        prompt = estimate.prompt_bound(ex)
        answer = self.cap(ex, plan)
        if not currency:
            return (1, prompt + answer, 0, 1)
        price = self.prices.get(plan.route.name)
        if price is None or price.currency != currency:
            raise RouteSkipped(Refusal("price_unknown", route=plan.route.badge))
        return (1, prompt + answer, money.bound(price, prompt, answer), 1)

    def cap(self, ex: Exchange, plan: Plan) -> int:
        """The longest answer, in tokens, that a limited caller's request may have; set where it named none itself."""
        fields = ex.ask.fields
        raw = fields.get("max_completion_tokens") or fields.get("max_tokens")
        if raw is None:
            fields["max_tokens"] = _ANSWER
            return ANSWER
        try:
            return max(1, _integer.decode(raw))
        except msgspec.MsgspecError:
            raise Refusal("bad_field", field="max_tokens", reason="it must be a whole number") from None

    def header_lines(self, ex: Exchange) -> bytes:
        """What is left of a limited caller's budgets, as response headers (policy.advertise)."""
        bound = self._bounds.get(ex.caller.key_id) or self._bind(ex.caller)
        meters = bound.meters + self._person(bound, ex.subject) if bound.each else bound.meters
        return advertise.lines(bound.policy, meters, self._cells, self._clock.monotonic()) if meters else b""

    def _prod(self, meter: Meter) -> None:
        """A slice runs low: the next one is fetched while requests go on."""
        meter.lease.low = meter.lease.granted
        meter.prodded = True
        self._begin()

    # off the hot path

    async def _fetch(self, ex: Exchange, meters: tuple[Meter, ...], need: Need) -> None:
        """Wait until everything can be reserved, or the store says that it cannot."""
        for _ in range(_TRIES):
            at = self._clock.monotonic()
            short = [meter for meter in meters if not meter.fits(self._cells, need[meter.unit], at)]
            for meter in short:
                if meter.hopeless(self._cells, need[meter.unit], at):
                    raise self._refusal(meter)
                meter.ask(need[meter.unit])
            failures = self._failures
            await self.round()
            if self._take(ex, meters, need, self._clock.monotonic()):
                return
            if self._failures != failures:
                break
        raise Refusal("quota_unavailable", retry_after=1)

    def _refusal(self, meter: Meter) -> Refusal:
        budget = meter.budget
        wall = self._clock.now()
        wait = max(1, math.ceil(window(budget.span, wall)[1] - wall.timestamp())) if budget.span else 1
        short = budget.unit != "money" and budget.span in ("", "minute")
        return Refusal("rate_limited" if short else "budget_spent", limit=budget.words(), retry_after=wait)

    async def round(self) -> None:
        """Return when the store has heard everything that was wanted before this call."""
        # One that leaves must not cancel the round of the others.
        await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[None]:
        if self._pending is None:
            self._pending = asyncio.get_running_loop().create_task(self._run(tick=False))
        return self._pending

    async def _run(self, *, tick: bool) -> None:
        async with self._turn:
            if not tick:
                self._pending = None  # whoever asks from here on may ask for more
            at = self._clock.monotonic()
            wall = self._clock.now()
            sent: list[tuple[Meter, Lease, Claim]] = []
            for meter in self._meters.values():
                if tick or meter.asked or meter.prodded:
                    sent += [(meter, *each) for each in meter.claims(self._book, wall, at, tick=tick)]
            if not sent:
                return
            claims = [claim for _, _, claim in sent]
            standings = await self._tell(claims)
            if standings is None:
                self._failures += 1
                return
            for (meter, lease, claim), standing in zip(sent, standings, strict=True):
                meter.heard(self._book, lease, claim, standing, at)

    async def _tell(self, claims: list[Claim]) -> list[Standing] | None:
        loop = asyncio.get_running_loop()
        now = self._clock.epoch_ms()
        try:
            standings = await loop.run_in_executor(self._thread, self._store.settle, self._book.holder, claims, now)
        except StoreDownError as error:
            self._say_down(error)
            return None
        self._down = False
        return standings

    def _say_down(self, error: StoreDownError) -> None:
        """Once, until it answers again."""
        if not self._down:
            log.say("leases_unreachable", error=error.word)
        self._down = True

    async def tick(self) -> None:
        """Report what was spent, return what lies idle, settle what dead workers left behind."""
        await self._run(tick=True)
        book, routes, day = self._tariff
        if day is not None and today(self._clock) != day:
            self.price(book, routes)
        if len(self._meters) > _PEOPLE:
            self._bounds = {}
            self._meters = {name: meter for name, meter in self._meters.items() if not meter.idle}
        loop = asyncio.get_running_loop()
        now = self._clock.epoch_ms()
        try:
            await loop.run_in_executor(self._thread, settle_left, self._folder, self._store, now)
            if self._clock.monotonic() - self._tidied > _TIDY_S:
                self._tidied = self._clock.monotonic()
                await loop.run_in_executor(self._thread, self._store.tidy, now)
        except StoreDownError as error:
            self._say_down(error)

    async def keep(self) -> None:
        """`tick`, for ever: a chore of the worker."""
        while True:
            await self.tick()
            await asyncio.sleep(TICK_S)

    async def close(self) -> None:
        """Give back every lease. Requests are over by now; what is left of a book, another worker settles."""
        settled = True
        for meter in self._meters.values():
            meter.finish()
        async with self._turn:
            wall, at = self._clock.now(), self._clock.monotonic()
            claims = [
                each for meter in self._meters.values() for _, each in meter.claims(self._book, wall, at, tick=False)
            ]
            if claims:
                settled = await self._tell(claims) is not None
        self._thread.shutdown(wait=True)
        self._book.close(settled=settled)
