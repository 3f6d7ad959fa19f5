"""Hedging: a stream that is slow to begin is asked of the next lawful route as well, and the first word wins.

    [hedge]                  operator.toml
    streams = true           off as long as nobody says so
    least_s = 0.3            no sooner than this, however fast a route usually is

Rules of this room:
1. Only a stream's first attempt, only routes of its decision, each with its own duties met and its own budget reserved.
2. A route loses its lead when its first word takes longer than that of 95 in 100 of its own streams before; a route of
   which fewer than LEAST were seen is waited for.
3. The second call is a call beyond the first: the retry budget pays for it. Never for a batch, nor in the background.
4. One is heard: whoever writes first. The other is cancelled at once, and the receipt notes it, with what it cost.
Source: Dean and Barroso, "The Tail at Scale", CACM 56(2), 2013: hedged requests after the 95th percentile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from isthmus.core.decision import Plan, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.operator import Hedge
from isthmus.core.wire import Ask
from isthmus.gateway import spent
from isthmus.gateway.admission import HEADER
from isthmus.gateway.deadlines import heed
from isthmus.gateway.door import Door
from isthmus.gateway.failed import Broke, RouteFailed
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Attempted, Corridor, attempt, record
from isthmus.gateway.voice import Voice
from isthmus.policy.privacy import FIELDS

LEAST = 20  # streams of a route before its own pace is known
_SEEN = 256  # of each route, the latest
_PATIENT = (b"batch", b"background")
_ONCE = ("consent", "used")
_LENT = ("decision", "stream", "resume", "consent_id", "subject", "language", "in_text", "label_at", "continues")
_OWN = frozenset(("id", "caller", "received_at", "attempts"))  # what an exchange keeps, whichever lane won


def chosen(hedge: Hedge) -> Attempted:
    """How routes are attempted: as the operator says. Who does not hedge pays nothing for it."""
    return Hedger(hedge.least_s).attempt if hedge.streams else attempt


class Paces:
    """The seconds to the first word of each route's latest streams."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[float]] = {}

    def note(self, route: str, seconds: float) -> None:
        """One more stream; of one that was cancelled, the time it had had so far."""
        self._seen.setdefault(route, deque(maxlen=_SEEN)).append(seconds)

    def slow(self, route: str) -> float | None:
        """Seconds after which a first word is late: the 95th of a hundred (nearest rank). None while nobody knows."""
        seen = self._seen.get(route, ())
        if len(seen) < LEAST:
            return None
        return sorted(seen)[-(-len(seen) * 95 // 100) - 1]


class Race:
    """Two lanes to one door. `first` is done when the first byte goes to the caller."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.winner: Lane | None = None
        self.first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class Lane:
    """A door for one of two attempts: the first that writes has won, and what the other writes goes nowhere."""

    def __init__(self, race: Race, ex: Exchange, plan: Plan, began: float) -> None:
        self.ex = ex
        self.plan = plan
        self.began = began
        self.task: asyncio.Future[bool] | None = None
        self._race = race
        self._reader: Any = None

    @property
    def reader(self) -> Any:
        """The connection that this lane hears; the door's once the lane has won."""
        return self._reader

    @reader.setter
    def reader(self, reader: Any) -> None:
        self._reader = reader
        if self._race.winner is self:
            self._race.door.reader = reader

    @property
    def outlives(self) -> bool:
        return self._race.door.outlives

    @outlives.setter
    def outlives(self, outlives: bool) -> None:
        self._race.door.outlives = outlives

    def write(self, data: bytes) -> None:
        """To the caller, if this lane is first."""
        race = self._race
        if race.winner is None:
            race.winner = self
            race.door.reader = self._reader
            race.first.set_result(True)
        if race.winner is self:
            race.door.write(data)


class Hedger:
    """`attempt` in place of gateway.relay.attempt."""

    def __init__(self, least: float) -> None:
        self._least = least
        self.paces = Paces()

    async def attempt(
        self, c: Corridor, ex: Exchange, plan: Plan, request: Request, door: Door, voice: Voice | None
    ) -> bool:
        """Ask one route, and a second one when the first is slow to begin. Raises as gateway.relay.attempt does."""
        began = c.clock.monotonic()
        if not ex.stream or ex.attempts or request.headers.get(HEADER) in _PATIENT:
            return await attempt(c, ex, plan, request, door, voice)
        slow = self.paces.slow(plan.route.name)
        if slow is None:
            keep_alive = await attempt(c, ex, plan, request, door, voice)
            self.paces.note(plan.route.name, ex.first_at - began)
            return keep_alive
        race = Race(door)
        lanes = [Lane(race, ex, plan, began)]
        try:
            lanes[0].task = _run(c, lanes[0], request, voice)
            await asyncio.wait(
                {lanes[0].task, race.first}, timeout=max(slow, self._least), return_when="FIRST_COMPLETED"
            )
            if race.winner is None and not lanes[0].task.done():
                other = await second(c, race, ex, plan)
                if other is not None:
                    lanes.append(other)
                    other.task = _run(c, other, request, None if voice is None else voice.twin())
            return await self._judge(c, race, lanes)
        finally:
            await self._end(c, ex, race, lanes)

    async def _judge(self, c: Corridor, race: Race, lanes: list[Lane]) -> bool:
        """Wait for the first word, or until nobody can say one any more; then for the winner's end."""
        tasks = [lane.task for lane in lanes if lane.task is not None]
        while race.winner is None:
            running = {task for task in tasks if not task.done()}
            if not running:
                break
            done, _ = await asyncio.wait({*running, race.first}, return_when="FIRST_COMPLETED")
            for task in done:
                if task is not race.first and isinstance(task.exception(), Refusal):
                    return await task  # the request itself is at fault: nobody else is asked
        winner = race.winner or lanes[0]
        for lane in lanes:
            if lane is not winner and lane.task is not None:
                lane.task.cancel()
        assert winner.task is not None
        return await winner.task

    async def _end(self, c: Corridor, ex: Exchange, race: Race, lanes: list[Lane]) -> None:
        """Cancel whoever runs, note the loser, and let the exchange be the winner's."""
        for lane in lanes:
            if lane.task is not None and not lane.task.done():
                lane.task.cancel()
        ended = await asyncio.gather(*(lane.task for lane in lanes if lane.task), return_exceptions=True)
        now = c.clock.monotonic()
        winner = race.winner or lanes[0]
        if race.winner is not None:
            self.paces.note(winner.plan.route.name, (winner.ex.first_at or now) - winner.began)
        if winner is not lanes[0] and not isinstance(ended[0], RouteFailed):
            self.paces.note(lanes[0].plan.route.name, now - lanes[0].began)  # it would have taken longer still
        for lane, end in zip(lanes, ended, strict=True):
            if lane is not winner:
                await note_loser(c, ex, lane, end, now)
        if winner.ex is not ex:
            take_over(ex, winner.ex)
            for end in ended:
                if isinstance(end, Broke):
                    end.stream.adopt(ex)


def _run(c: Corridor, lane: Lane, request: Request, voice: Voice | None) -> asyncio.Future[bool]:
    door: Any = lane  # as far as an attempt goes, it is one
    return asyncio.get_running_loop().create_task(attempt(c, lane.ex, lane.plan, request, door, voice))


async def second(c: Corridor, race: Race, ex: Exchange, first: Plan) -> Lane | None:
    """The next lawful route, ready to be asked: its duties met, its budget reserved. None where there is none."""
    assert ex.decision is not None
    for plan in c.chooser.among(ex.decision, ex.ask.model):
        route = plan.route
        if (route.host, route.port) == (first.route.host, first.route.port) or c.breakers.is_open(route.name):
            continue
        twin = twin_of(ex)
        twin.plan = plan
        try:
            heed(c.breakers, route)
            for stage in plan.on_request:
                stage(twin)
            for wait in plan.awaited:
                if (waiting := wait(twin)) is not None:
                    await asyncio.sleep(0)  # whoever waits may need a task (gateway.errand)
                    await waiting
            if _ONCE in twin.held:
                continue  # an agreement for one use is not used up on a guess
            if ex.caller.limited and (waiting := c.quota.reserve(twin, plan)) is not None:
                await waiting
        except (RouteSkipped, Refusal):
            continue
        if race.winner is None and c.breakers.budget.take():
            return Lane(race, twin, plan, c.clock.monotonic())
        if twin.reserved is not None:
            c.quota.release(twin)
        return None
    return None


def twin_of(ex: Exchange) -> Exchange:
    """The same question for another lane: nothing of what the first one's duties did to it."""
    ask = ex.ask
    fields = ex.held.get(FIELDS, ask.fields)
    twin = Exchange(ex.id, ex.caller, ex.received_at)
    twin.ask = Ask(dict(fields), ask.model, list(ask.messages), ask.stream, ask.include_usage)
    for name in _LENT:
        setattr(twin, name, getattr(ex, name))
    return twin


def take_over(ex: Exchange, twin: Exchange) -> None:
    """From here on the exchange is what its second lane was."""
    for name in twin.__struct_fields__:
        if name not in _OWN:
            setattr(ex, name, getattr(twin, name))


async def note_loser(c: Corridor, ex: Exchange, lane: Lane, end: object, now: float) -> None:
    """What the slower one used is the operator's, and is noted; what was reserved for it goes back."""
    if isinstance(end, RouteFailed):
        outcome, code = end.outcome, end.refusal.code
        c.breakers.failed(lane.plan.route.name, end.rest)
        taken = end.taken
    else:
        outcome, code = "outrun", ""
        taken = lane.reader is not None and lane.reader.taken
    cost = await spent.attempt(lane.ex, c.quota.prices) if taken else None
    record(ex, lane.plan, outcome, code, now - lane.began, cost)
    if lane.ex.reserved is not None:
        c.quota.release(lane.ex)
