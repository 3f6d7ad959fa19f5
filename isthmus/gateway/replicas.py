"""Replicas behind one route: who they are, how they are, and which of them answers this request.

Rules of this room:
1. A route names a fleet by its host (FLEET_HOST); the fleet's board lists addresses. A caller never names one.
2. Probes run beside requests, each EVERY_S; picking is routing.picker, which waits for nothing.
3. Until something was shown, a request whose replica went away goes to another: freely if it was never sent, ONCE if it
   may be what broke that replica, and within a budget of a tenth of all requests, so that failures do not multiply.
4. When every replica is at its limit, people's requests wait; lower classes are refused at once, and earlier: the fleet
   is a room like the worker's own (gateway.admission), whose places are its replicas' limits and a short line.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from secrets import token_bytes

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.decision import Plan, Route
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.gateway import replica_measures
from isthmus.gateway.admission import HEADER, RANKS, Admission
from isthmus.gateway.door import Door
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Corridor, leave, open_stream
from isthmus.gateway.replica_probe import Probe
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import ENGINE_PATIENCE, Answer, UpstreamError
from isthmus.gateway.voice import Voice
from isthmus.routing.choose import AUTO
from isthmus.routing.picker import Picker
from isthmus.routing.prefix import chain, seed
from isthmus.routing.probe import EVERY_S, Board, Listed, Load, Watch, read
from isthmus.routing.seat import Ask, Replica, Ticket
from isthmus.routing.together import together

ONCE = 1  # repeats of a request that was sent to a replica which then broke off
BUDGET = 0.1
SPARE = 10.0  # repeats saved up in quiet times
LOOK_S = 0.02  # between two looks for a free replica
PROBE_S = 0.7
ROUNDS = round(replica_measures.EVERY_S / EVERY_S)  # of `keep` between two views that are written
BUSY = 1  # it lives, but has no time for its measures
LOST_S = 2.0  # a cell whose replicas are all gone is waited for no longer, where another route is lawful
_OK, _UNKNOWN, _FULL, _LOADING = 200, 404, 429, 503
# What one replica says of itself alone: another one may be well. Unknown is the model, after a change that went wrong.
_ELSEWHERE = (_UNKNOWN, _FULL, _LOADING)
_BUSY = Answer(_FULL, {b"retry-after": b"1"}, b"", False)


class First:
    """A sink that tells the picker of the first token, and passes everything on."""

    __slots__ = ("_home", "_stream", "_ticket")

    def __init__(self, home: Replicas, ticket: Ticket, stream: Stream) -> None:
        self._home = home
        self._ticket = ticket
        self._stream = stream

    def feed(self, data: bytes) -> None:
        self._home.first(self._ticket)
        self._stream.feed(data)


class Stay:
    """One request in the fleet's room; nowhere yet, at first. Rank 0 is a person's."""

    __slots__ = ("_clock", "_headers", "_room", "_since", "rank")

    def __init__(self, room: Admission, headers: dict[bytes, bytes], clock: Clock) -> None:
        self._room = room
        self._headers = headers
        self._clock = clock
        self._since: float | None = None
        self.rank = RANKS.get(headers.get(HEADER, b""), 0)

    def enter(self) -> bool:
        """Whether it is inside, now or already."""
        if self._since is None:
            try:
                self._room.enter(self._headers)
            except Refusal:
                return False
            self._since = self._clock.monotonic()
        return True

    def leave(self) -> None:
        """Give the place back, if it has one."""
        if self._since is not None:
            self._room.leave(self.rank, self._clock.monotonic() - self._since)
            self._since = None


class Replicas:
    """The live replicas of one fleet. `board` is the file that its keeper writes, `key` what its engines ask for."""

    def __init__(self, board: Path, key: str, picker: Picker) -> None:
        self._board = board
        self._key = key
        self._picker = picker
        self._listed: dict[str, Listed] = {}
        self._routes: dict[tuple[str, str], Route] = {}
        self._watches: dict[str, Watch] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._salt = token_bytes(16)
        self._seeds: dict[tuple[str, str], int] = {}
        self._asks: list[tuple[Ask, asyncio.Future[Ticket | None]]] = []  # that came in this turn of the loop
        self._read_at = 0
        self._budget = SPARE
        self._room = Admission(0)
        self._left = asyncio.Event()  # somebody left a seat
        self._waiting = 0  # requests of people that wait for a seat
        self.asked = self.repeated = 0
        self.rounds = 0  # of `keep`

    # Beside requests

    async def keep(self) -> None:
        """Follow the board and the replicas' health, until cancelled."""
        seen = replica_measures.file_of(self._board)
        last = asyncio.get_running_loop().time()
        try:
            while True:
                self.follow()
                now = asyncio.get_running_loop().time()
                for name, watch in self._watches.items():
                    if watch.usable(now):
                        self._picker.up(name)
                    else:
                        (self._picker.down if watch.gone else self._picker.pause)(name)
                self._picker.refresh()
                self.measure(now - last)
                last = now
                self.rounds += 1
                if self.rounds % ROUNDS == 0:
                    replica_measures.write(seen, self._picker.seats())
                await asyncio.sleep(EVERY_S)
        finally:
            seen.unlink(missing_ok=True)
            for probe in self._probes.values():
                probe.cancel()
            await asyncio.gather(*self._probes.values(), return_exceptions=True)

    def measure(self, seconds: float) -> None:
        """The room is as large as the replicas' places are now; what came in the last `seconds` says who needs it."""
        self._room.resize(self._picker.places())
        if seconds > 0:
            self._room.look(seconds, 0.0)

    def follow(self) -> None:
        """Read the board anew if it changed. One that cannot be read changes nothing."""
        try:
            at = self._board.stat().st_mtime_ns
            if at == self._read_at:
                return
            board = msgspec.json.decode(self._board.read_bytes(), type=Board)
        except (OSError, msgspec.MsgspecError):
            return
        self._read_at = at
        now = asyncio.get_running_loop().time()
        listed = {each.name: each for each in board.replicas}
        for name in set(self._listed) - set(listed):
            self._picker.remove(name)
            self._probes.pop(name).cancel()
            del self._watches[name]
        for name, each in listed.items():
            self._picker.add(Replica(name, each.room, each.slots, role=each.role, adapters=each.adapters))
            if each.draining:
                self._picker.drain(name)
            if name not in self._watches:
                self._watches[name] = Watch(now)
                self._picker.down(name)
                self._probes[name] = asyncio.get_running_loop().create_task(self._watch(each))
        self._listed = listed
        self._routes.clear()

    async def _watch(self, listed: Listed) -> None:
        """Probe one replica, over one kept connection, until cancelled."""
        loop = asyncio.get_running_loop()
        head = f"Host: {listed.host}\r\nAuthorization: Bearer {self._key}\r\n\r\n"
        request = f"GET {listed.metrics} HTTP/1.1\r\n{head}".encode()
        probe: Probe | None = None
        try:
            while True:
                kept = probe is not None
                try:
                    if probe is None:
                        _, probe = await loop.create_connection(Probe, listed.host, listed.port)
                    status, body = await asyncio.wait_for(probe.ask(request), PROBE_S)
                except TimeoutError:
                    # An engine deep in a prompt may keep its measures waiting; its health page is quick all the same.
                    status, body = await self._alive(listed), b""
                except OSError:
                    if kept:  # engines close a kept connection after so many requests; that says nothing of them
                        probe = None
                        continue
                    status, body = _LOADING, b""
                self._hear(listed, status, body)
                if status != _OK and probe is not None:
                    probe.close()
                    probe = None
                await asyncio.sleep(EVERY_S)
        finally:
            if probe is not None:
                probe.close()

    async def _alive(self, listed: Listed) -> int:
        """BUSY when the health page says that all is well; 0 for silence, about which the watch decides."""
        probe: Probe | None = None
        request = f"GET {listed.health} HTTP/1.1\r\nHost: {listed.host}\r\n\r\n".encode()
        try:
            _, probe = await asyncio.get_running_loop().create_connection(Probe, listed.host, listed.port)
            status, _ = await asyncio.wait_for(probe.ask(request), PROBE_S)
        except TimeoutError:
            return 0
        except OSError:
            return _LOADING
        finally:
            if probe is not None:
                probe.close()
        return BUSY if status == _OK else _LOADING

    def _hear(self, listed: Listed, status: int, body: bytes) -> None:
        watch = self._watches.get(listed.name)
        if watch is None:
            return
        if status == _LOADING:
            watch.refused()
        elif status:
            watch.answered(asyncio.get_running_loop().time())
            if status != BUSY:
                self._picker.heard(listed.name, read(body, listed.names) if status == _OK else Load())

    # One request

    async def send(
        self, c: Corridor, ex: Exchange, plan: Plan, wire: bytes, request: Request, door: Door, voice: Voice | None
    ) -> tuple[Answer | str, Stream | None]:
        """One exchange with the best replica; what gateway.relay.send does with a single address."""
        stay = Stay(self._room, request.headers, c.clock)
        try:
            return await self._send(c, ex, plan, wire, request, door, voice, stay)
        finally:
            stay.leave()

    async def _send(
        self,
        c: Corridor,
        ex: Exchange,
        plan: Plan,
        wire: bytes,
        request: Request,
        door: Door,
        voice: Voice | None,
        stay: Stay,
    ) -> tuple[Answer | str, Stream | None]:
        tried: set[str] = set()
        repeats = 0
        self.count()
        keys, size = self.prefix(ex, plan.route)
        end = c.clock.monotonic() + self.patience(ex, plan)
        while True:
            ticket = await self.seat(c.clock, keys, size, stay, tried, end)
            if ticket is None:
                return ("unavailable" if tried or not self._listed else _BUSY), None
            route = self._route(plan.route, ticket.name)
            stream = None
            sent = well = False
            try:
                connection = c.pool.take(route) or await c.pool.acquire(route)
                if ex.stream:
                    stream = open_stream(c, ex, plan, request, door, voice)
                    stream.connection = connection
                door.reader = connection
                sent = True
                try:
                    got = await connection.exchange(wire, None if stream is None else First(self, ticket, stream))
                    leave(door, stream, got)
                finally:
                    c.pool.release(route, connection)
                if got.status not in _ELSEWHERE:
                    self._picker.done(ticket)
                    return got, stream
                word = "unavailable"
                well = got.status != _LOADING
                if got.status == _FULL:
                    self._picker.full(ticket.name)
            except UpstreamError as error:
                word = error.word
                if sent and connection.reused and word == "unavailable" and not connection.started:
                    continue  # a kept connection that had died; the replica itself may be well
            finally:
                self._picker.lost(ticket)  # nothing, when it is done
                self._left.set()
            if not well:
                self.suspect(ticket.name)
            tried.add(ticket.name)
            end = min(end, c.clock.monotonic() + self.patience(ex, plan))
            if stream is not None and stream.committed:
                return word, stream
            if word not in ("unavailable", "lost") or not self.may_repeat(sent=sent, repeats=repeats):
                return word, stream
            repeats += sent
            self.repeated += 1

    def patience(self, ex: Exchange, plan: Plan) -> float:
        """Seconds to wait for a replica: few where a cell that served is lost and the decision has another route."""
        plans = ex.decision.plans if ex.decision is not None and ex.ask.model == AUTO else ()
        lost = self._listed and all(seat.shut for seat in self._picker.seats())
        return LOST_S if lost and plans and plans[-1] is not plan else ENGINE_PATIENCE

    async def seat(
        self, clock: Clock, keys: list[int], size: int, stay: Stay, tried: set[str], end: float
    ) -> Ticket | None:
        """A ticket for a replica; None when there is none for this class until `end` (monotonic seconds).

        A person's request waits for a seat. A lower class takes one only where the room has a place for it and nobody
        waits, and else hears so at once; all wait for a fleet that is just starting.
        """
        waits = False
        try:
            while True:
                there = any(not seat.shut for seat in self._picker.seats())
                if there and stay.rank:
                    enters = not self._waiting and stay.enter()
                    return self._picker.pick(keys, size, without=tried) if enters else None
                if there:
                    ticket = await self.place(Ask(keys, size, tried))
                    if ticket is not None:
                        stay.enter()  # a seat that is free counts more than a room that was measured a moment ago
                        return ticket
                if clock.monotonic() >= end:
                    return None
                if not self._listed:
                    self.wake()
                if not waits:
                    waits = True
                    self._waiting += not stay.rank
                await self._change()
        finally:
            self._waiting -= waits and not stay.rank

    async def _change(self) -> None:
        """Until somebody leaves a seat, but at most LOOK_S: replicas come and limits grow by themselves."""
        self._left.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._left.wait(), LOOK_S)

    async def place(self, ask: Ask) -> Ticket | None:
        """A ticket for a person's request, placed together with all others that came in the same turn of the loop."""
        loop = asyncio.get_running_loop()
        if not self._asks:
            loop.call_soon(self._deal)
        turn: asyncio.Future[Ticket | None] = loop.create_future()
        self._asks.append((ask, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(turn.result())  # it was dealt in the very turn in which its caller left
            raise

    def _deal(self) -> None:
        asked, self._asks = self._asks, []
        for at, ticket in together(self._picker, [ask for ask, _ in asked]):
            turn = asked[at][1]
            if turn.done():
                self._give_back(ticket)
            else:
                turn.set_result(ticket)

    def _give_back(self, ticket: Ticket | None) -> None:
        if ticket is not None:
            self._picker.lost(ticket)

    def prefix(self, ex: Exchange, route: Route) -> tuple[list[int], int]:
        """Keys and length of what a replica reads first: tools, then messages, in the scope of tenant and region."""
        scope = (ex.caller.tenant, ex.caller.region)
        start = self._seeds.get(scope)
        if start is None:
            start = self._seeds[scope] = seed(self._salt, *scope)
        fields = ex.ask.fields
        messages = ex.rewritten or bytes(fields["messages"])
        tools = fields.get("tools")
        text = messages if tools is None else bytes(tools) + messages
        return chain(text, start), len(text)

    def first(self, ticket: Ticket) -> None:
        """The first token of `ticket` has come."""
        if not ticket.fresh:
            self._picker.first(ticket)
            watch = self._watches.get(ticket.name)
            if watch is not None:
                watch.produced(asyncio.get_running_loop().time())

    def addresses(self) -> dict[str, str]:
        """host:port of every listed replica, by name."""
        return {name: f"{each.host}:{each.port}" for name, each in self._listed.items()}

    def suspect(self, name: str) -> None:
        """A request to `name` failed: nothing goes there until a probe is answered."""
        watch = self._watches.get(name)
        if watch is not None:
            watch.refused()
            self._picker.down(name)

    def wake(self) -> None:
        """Ask the keeper of a fleet that has gone to zero for a replica."""
        with contextlib.suppress(OSError):
            self._board.with_suffix(".wake").touch()

    def count(self) -> None:
        """One more request, which earns a tenth of a repeat."""
        self.asked += 1
        self._budget = min(SPARE, self._budget + BUDGET)

    def may_repeat(self, *, sent: bool, repeats: int) -> bool:
        """Whether a request whose replica went away may go to another; `repeats` of it were sent before."""
        if not sent:
            return True  # nothing reached it, so nothing multiplies
        if repeats >= ONCE or self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def _route(self, route: Route, name: str) -> Route:
        """The same route at one replica's address. It is no local engine to wait for: there are others."""
        found = self._routes.get((route.name, name))
        if found is None:
            at = self._listed[name]
            found = msgspec.structs.replace(route, host=at.host, port=at.port, rehearsal=False, tier="fleet")
            self._routes[(route.name, name)] = found
        return found
