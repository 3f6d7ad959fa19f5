"""The corridor: one query from the caller's request to its receipt. `relay` is the whole journey on one screen.

Rules of this room:
1. Only plans of the decision are attempted, in the order `choose` gives; each attempt is recorded.
2. Until something was shown to the caller, the next plan may be tried; afterwards a failure is told, never hidden.
3. A refusal by law, by moderation or for the caller's own fault ends the journey; it is never retried elsewhere.
4. Each known caller gets exactly one receipt, whatever happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from weakref import WeakSet

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.consent import Consent
from isthmus.core.decision import Decision, Plan, Route, RouteSkipped
from isthmus.core.errors import TABLE, Refusal
from isthmus.core.exchange import Attempt, Caller, Exchange, Spent
from isthmus.core.wire import decode_ask
from isthmus.gateway import answer, judged, spent
from isthmus.gateway.asked import Asked, Standing
from isthmus.gateway.deadlines import heed
from isthmus.gateway.door import Door, answer_bytes, refusal_bytes
from isthmus.gateway.errand import Errand
from isthmus.gateway.failed import Broke, RouteFailed, failed, judge
from isthmus.gateway.head import Request
from isthmus.gateway.late import Late
from isthmus.gateway.measured import Meter
from isthmus.gateway.news import News
from isthmus.gateway.pace import Pace
from isthmus.gateway.resume import Replays
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import ENGINE_PATIENCE, Answer, Past, Pool, UpstreamError, is_local
from isthmus.gateway.voice import Voice
from isthmus.gateway.ways import Way, dropped
from isthmus.ledger.prints import Printed
from isthmus.ledger.receipt import Receipt, Written
from isthmus.ledger.segments import Ledger
from isthmus.policy.compile import Table
from isthmus.policy.forms import written
from isthmus.policy.keys import KeyRing
from isthmus.policy.privacy import own_fields
from isthmus.policy.quota import Quota
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser

_CLAIMED = "claimed"
_SPENT = ("consent", "used")  # where policy.consent notes that a consent for one use was relied on
_ASKED = 512  # combinations of headers whose decision is at hand
_FINAL = frozenset(("stream_ended", "content_blocked", "upstream_rejected"))
_OK = 200
_LOADING = 503
_PAUSE = 0.1  # seconds between two looks at an engine that is starting
_FAILED = 500  # statuses from here on are failures of Isthmus or of a route, not refusals


# How one attempt is sent: `send`, or a fleet's own (gateway.replicas).
Sender = Callable[..., Awaitable[tuple[Answer | str, Stream | None]]]


# go_on(corridor, exchange, plans, what broke off, when it began, request, door) -> whether the connection may be kept
GoneOn = Callable[
    ["Corridor", Exchange, "tuple[Plan, ...]", Broke, float, Request, Door], Coroutine[object, object, bool]
]
# attempt(corridor, exchange, plan, request, door, voice) -> whether the connection may be kept
Attempted = Callable[["Corridor", Exchange, Plan, Request, Door, "Voice | None"], Coroutine[object, object, bool]]


class Corridor(msgspec.Struct):
    """What every request meets, joined once by `gateway.build`. `table` and `chooser` are swapped on reload.

    `ways` says, per route name, how it is spoken to; `fleets`, per host, who picks one of its replicas.
    """

    table: Table
    chooser: Chooser
    breakers: Breakers
    ring: KeyRing
    ledger: Ledger
    pool: Pool
    clock: Clock
    ways: dict[str, Way]
    quota: Quota
    meter: Meter
    consents: dict[str, Consent]
    news: News
    asked: dict[Asked, Decision]
    attempt: Attempted
    go_on: GoneOn
    replays: Replays
    shard: str
    durable: bool
    live: WeakSet[Stream]
    pace: Pace
    modality: str = "text"
    fleets: dict[str, Sender] = {}
    origins: frozenset[bytes] = frozenset()


async def relay(c: Corridor, request: Request, door: Door, voice: Voice | None = None) -> None:
    """Steps 4 to 10 of docs/life-of-a-request.md, in order. `voice`: the caller's wire, where it is not chat."""
    ex: Exchange | None = None
    keep_alive = told = False
    if c.durable:
        door.late = Late()
    try:
        standing = recall(c, request) or await meet(c, request)  # 4 keys: who is it
        ex = Exchange(c.ledger.next_id(), standing.caller, c.clock.monotonic())
        check_standing(c, ex)
        decision = standing.decision or decide(c, standing, request)  # 5 decision: one look-up
        standing.lend(ex)
        if ex.consent_id and not all(each.strip() in c.consents for each in ex.consent_id.split(",")):
            await c.news.read()
        body = request.body if voice is None else voice.read(request.body, ex)
        ex.ask = decode_ask(body)  # 4 wire: the body is decoded once
        ex.stream = ex.ask.stream
        plans = c.chooser.choose(decision, ex.ask.model)  # 7 choose: lawful and healthy, in order
        keep_alive = await pursue(c, ex, plans, request, door, voice)  # 6, 8, 9
        told = True
    except Refusal as refusal:
        keep_alive = refuse(c, ex, refusal, request, door, voice)
        told = True
    except asyncio.CancelledError:
        if ex is not None:
            ex.outcome = "aborted"  # the caller left, or this worker is going down
            judged.drop(ex)
        door.late = None
        told = True
        raise
    finally:
        if not told:
            # A mistake of ours: the caller hears of it, the log has its place.
            keep_alive = fail(c, ex, request, door, voice)
        if ex is not None:
            if ex.usage is None and ex.heard is not None:
                await spent.last(ex, c.quota.prices)
            c.quota.settle(ex)  # 10 settle: what was reserved and not used goes back
            receipt = written(ex, c.clock)
            if door.late is None:
                c.ledger.append(receipt)  # the receipt is queued, the ledger commits in groups
            else:
                keep_alive = await let_go(c, receipt, door, door.late) and keep_alive
            c.meter.count(ex, c.clock.monotonic() - ex.received_at)
        door.finish(keep_alive)


async def pursue(
    c: Corridor, ex: Exchange, plans: tuple[Plan, ...], request: Request, door: Door, voice: Voice | None
) -> bool:
    """Try the plans in order until one has answered. Returns whether the connection may be kept. Raises Refusal."""
    failure: Refusal | None = None
    sent: Refusal | None = None  # how the last route failed that was really asked
    broken: tuple[tuple[str, int], ...] = ()
    monotonic = c.clock.monotonic
    for plan in plans:
        if broken and (plan.route.host, plan.route.port) in broken:
            continue  # another name for an address that has just failed
        ex.plan = plan
        if ex.attempts:
            renew(ex)
        started = monotonic()
        try:
            if c.breakers.any_open:
                heed(c.breakers, plan.route)
            for stage in plan.on_request:  # 6 obligations on the way in
                stage(ex)
            for wait in plan.awaited:
                if (waiting := wait(ex)) is not None:
                    await asyncio.sleep(0)  # whoever waits may need a task (gateway.errand)
                    await waiting
            if ex.caller.limited and (waiting := c.quota.reserve(ex, plan)) is not None:
                await waiting
            if _SPENT in ex.held:
                await claim(c, ex)
            if sent is not None and not c.breakers.budget.take():
                raise sent
            if c.breakers.any_open:
                c.breakers.begin(plan.route.name)
            keep_alive = await c.attempt(c, ex, plan, request, door, voice)  # 8 dialect, upstream; 9 stream
        except RouteSkipped as skipped:
            failure = failure or skipped.refusal
            record(ex, plan, "skipped", skipped.refusal.code, 0.0)
        except RouteFailed as failed:
            failure = sent = failed.refusal
            if failed.transport:
                broken = (*broken, (plan.route.host, plan.route.port))
            cost = await spent.attempt(ex, c.quota.prices) if failed.taken else None
            record(ex, plan, failed.outcome, failed.refusal.code, monotonic() - started, cost)
            c.breakers.failed(plan.route.name, failed.rest)
        except Broke as broke:
            return await c.go_on(c, ex, plans, broke, started, request, door)
        else:
            conclude(c, ex, ex.plan or plan, monotonic() - started)
            return keep_alive
    raise failure or Refusal("internal", receipt=ex.id)


async def let_go(c: Corridor, receipt: Written | Receipt | Printed, door: Door, late: Late) -> bool:
    """`ledger.ack = durable`: what was kept of the answer follows its receipt. Returns whether all of it went."""
    door.late = None
    try:
        await c.ledger.committed(receipt)
    except Refusal as refusal:
        if late.begun:
            door.abort()
        else:
            door.write(refusal_bytes(refusal, keep_alive=False))
        return False
    door.write(late.rest())
    return True


def recall(c: Corridor, request: Request) -> Standing | None:
    """What this connection's last request with the same head was found to be, if that still holds."""
    seen = request.seen
    standing: Standing | None = None if seen is None else seen.standing
    if standing is None or standing.table is not c.table or standing.keys != c.ring.version:
        return None
    return standing


async def meet(c: Corridor, request: Request) -> Standing:
    """A head for the first time. Raises Refusal missing_key, invalid_key."""
    headers = request.headers
    caller = request.caller or await identify(
        c, headers.get(b"authorization") or headers.get(b"x-api-key")
    )  # Anthropic's clients
    return Standing(caller, c.ring.version)


async def identify(c: Corridor, shown: bytes | None) -> Caller:
    """The caller behind the key. Raises Refusal missing_key, invalid_key.

    A key that is not known yet may have been made a moment ago, so the accounts are asked once.
    """
    try:
        return c.ring.find(shown)
    except Refusal as refusal:
        if refusal.code != "invalid_key":
            raise
        await c.news.read()
        return c.ring.find(shown)


def check_standing(c: Corridor, ex: Exchange) -> None:
    """Nobody is served with a revoked key, or unmetered by a ledger that cannot write."""
    if ex.caller.revoked:
        raise Refusal("revoked_key", since=ex.caller.revoked_on)
    if c.ledger.failed:
        c.ledger.check()
    if c.ledger.behind:
        raise Refusal("overloaded", retry_after=1)


async def claim(c: Corridor, ex: Exchange) -> None:
    """A consent for one use is claimed in the accounts before anything is sent: of two who try, one wins."""
    for consent in ex.relies:
        if consent.scope == "once" and (_CLAIMED, consent.id) not in ex.held:
            if not await c.news.spent(consent.id):
                raise Refusal("consent_invalid", reason="it was for one use, and has been used")
            ex.held[(_CLAIMED, consent.id)] = True


def decide(c: Corridor, standing: Standing, request: Request) -> Decision:
    """Read the head's words, and the decision for them; both are remembered with the head.

    Raises Refusal bad_header, unknown_region, region_not_allowed, unsupported_media.
    """
    asked = standing.read(request)
    decision = c.asked.get(asked)
    if decision is None:
        decision = c.table.decide(asked.question(c.table.regions, c.modality))
        if len(c.asked) >= _ASKED:
            c.asked.clear()
        c.asked[asked] = decision
    standing.decision = decision
    standing.table = c.table
    if request.seen is not None:
        request.seen.standing = standing
    return decision


def renew(ex: Exchange) -> None:
    """What an earlier attempt noted for its own route does not carry over."""
    own_fields(ex)
    ex.rewritten = None
    ex.label = ""
    ex.relies = ()
    ex.masks = {}
    ex.met = []
    ex.notices = []
    forget(ex)


def forget(ex: Exchange) -> None:
    """Nothing of an answer was shown: neither what it was said to cost nor what stages held back of it counts."""
    ex.usage = ex.asked = None
    ex.finish = ""
    ex.out_chars = ex.out_bytes = 0
    answer.drop_held(ex)


def conclude(c: Corridor, ex: Exchange, plan: Plan, seconds: float) -> None:
    """The caller has what there is: note whether the route answered whole or broke off."""
    if ex.outcome != "interrupted":
        ex.outcome = "answered"
        name = plan.route.name
        ex.attempts.append(Attempt(name, "answered", "", int(seconds * 1e6)))
        c.breakers.answered(name)
        return
    record(ex, plan, "lost", ex.refusal_code, seconds)
    if TABLE[ex.refusal_code].type == "upstream_error":
        c.breakers.failed(plan.route.name)


def record(ex: Exchange, plan: Plan, outcome: str, code: str, seconds: float, cost: Spent | None = None) -> None:
    ex.attempts.append(Attempt(plan.route.name, outcome, code, int(seconds * 1e6), cost or msgspec.UNSET))


async def attempt(c: Corridor, ex: Exchange, plan: Plan, request: Request, door: Door, voice: Voice | None) -> bool:
    """Ask one route and answer the caller. Returns whether the connection may be kept.

    Raises RouteFailed while nothing was shown; Refusal when the fault is the caller's.
    """
    route = plan.route
    way = c.ways[route.name]
    dialect = way.dialect
    body = dialect.write_body(ex, route)
    ex.dropped = dropped(way, ex, route)
    wire = b"%b%d\r\n\r\n%b" % (way.stream if ex.stream else way.whole, len(body), body)
    del body  # a slow caller's stream keeps what stands here for long
    sender = c.fleets.get(route.host, send)
    if ex.judged is None:
        got, stream = await sender(c, ex, plan, wire, request, door, voice)
    else:
        got, stream = await judged.send(sender, c, ex, plan, wire, request, door, voice)
    if stream is not None and ex.usage is None and stream.committed:
        at_once = stream.failure is not None and stream.failure.code == "stream_ended"
        await spent.settle(ex, c.quota.prices, spent.AT_ONCE_S if at_once else None)
    if isinstance(got, str):
        if stream is None:
            raise failed(route, got)
        return end_stream(c, ex, stream, route, got) and request.keep_alive
    if got.status != _OK:
        raise judge(way, route, got, c.clock.now())
    if stream is not None and got.streamed:
        return end_stream(c, ex, stream, route, "" if stream.done else "lost") and request.keep_alive
    try:
        chat = got.body if way.to_chat is None else way.to_chat(got.body)
        typed = dialect.read_answer(chat)
    except dialect.BrokenAnswerError:
        raise judge(way, route, got, c.clock.now()) from None  # some partners say in a 200 that they failed
    if len(typed.choices) > 1:  # one answer was asked for, and only one passes the stages
        raise failed(route, "broken")
    whole, lines = answer.dressed(ex, answer.whole(ex, plan, chat, typed))
    ex.first_at = c.clock.monotonic()
    if ex.caller.limited:
        lines += c.quota.header_lines(ex)
    if voice is not None:
        whole = voice.whole(whole)
    door.write(answer_bytes(200, whole, keep_alive=request.keep_alive, extra=lines))
    return request.keep_alive


async def send(
    c: Corridor, ex: Exchange, plan: Plan, wire: bytes, request: Request, door: Door, voice: Voice | None
) -> tuple[Answer | str, Stream | None]:
    """One exchange with the plan's route: its answer, or the word for how it failed, and the stream if one was asked.

    Tried again only where the route cannot have worked on it: at once when a pooled connection turns out to be dead,
    and for ENGINE_PATIENCE seconds while a local engine loads (503). A request that ends a fresh connection without an
    answer is never repeated: it may be what broke the engine.
    """
    route = plan.route
    patience = c.clock.monotonic() + ENGINE_PATIENCE if is_local(route) else 0.0
    while True:
        try:
            connection = c.pool.take(route) or await c.pool.acquire(route)
        except UpstreamError as error:
            return error.word, None
        stream = None
        if ex.stream:
            stream = open_stream(c, ex, plan, request, door, voice)
            stream.connection = connection
        door.reader = connection
        try:
            errand = door.task
            light = errand if isinstance(errand, Errand) and errand.light else None
            got = await connection.exchange(wire, stream, c.ways[route.name].waits, light)
            leave(door, stream, got)
        except UpstreamError as error:
            if error.word != "unavailable" or not connection.reused or not c.breakers.budget.take():
                return error.word, stream
        else:
            if got.status != _LOADING or c.clock.monotonic() >= patience:
                return got, stream
        finally:
            c.pool.release(route, connection)
        if not connection.reused:
            await asyncio.sleep(_PAUSE)


def leave(door: Door, stream: Stream | None, got: Answer) -> None:
    """The answer is whole: from now on its connection may be another's, whom a slow caller here must not hold up."""
    past: Any = None if stream is None else Past(started=True, taken=got.streamed)
    if stream is not None:
        stream.connection = past
    door.reader = past


def open_stream(c: Corridor, ex: Exchange, plan: Plan, request: Request, door: Door, voice: Voice | None) -> Stream:
    """The stream of one attempt, in the words of the route's dialect and of the caller's wire."""
    way = c.ways[plan.route.name]
    kind = Stream if ex.judged is None else judged.JudgedStream
    stream = kind(ex, plan, door, way.dialect, c.clock.monotonic, chunked=request.version == "1.1")
    c.live.add(stream)
    ex.in_text = None  # made again where it is asked for; a stream may last
    if way.reader is not None:
        stream.reader = way.reader(plan.route)
    if voice is not None:
        stream.voice = voice
    if ex.caller.limited:
        stream.lines = c.quota.header_lines(ex)
    if not ex.low_latency:
        stream.pace = c.pace
    if ex.resume and voice is None:
        stream.replays = c.replays
    return stream


def end_stream(c: Corridor, ex: Exchange, stream: Stream, route: Route, word: str) -> bool:
    """Close a stream properly: its last chunk, a typed error event, or - nothing shown yet - the next route.

    Either end is well-formed HTTP, so the caller's connection stays good.
    """
    if stream.done and stream.failure is None:
        stream.finish()
        return True
    if not stream.committed:
        if stream.failure is not None and stream.failure.code in _FINAL:
            raise stream.failure  # nobody else may answer it either
        late = failed(route, word or "lost")
        if word == "timeout" and stream.connection is not None and stream.connection.started:
            late.transport = False  # its address answers: the model is slow
        late.taken = stream.connection is not None and stream.connection.taken
        raise late
    refusal = stream.failure or failed(route, word).refusal
    if ex.continues:
        raise Broke(stream, refusal)
    end_broken(c, ex, stream, refusal)
    return True


def end_broken(c: Corridor, ex: Exchange, stream: Stream, refusal: Refusal) -> None:
    """End a stream of which something was shown: a typed error event that says what it cost."""
    ex.outcome = "interrupted"
    ex.refusal_code = refusal.code
    c.quota.settle(ex)  # here, so that the event can say what it cost
    stream.fail(refusal)


def fail(c: Corridor, ex: Exchange | None, request: Request, door: Door, voice: Voice | None) -> bool:
    """Something here is broken: an enumerated error before content was shown, a cut connection after."""
    if ex is None or not ex.shown:
        refuse(c, ex, Refusal("internal", receipt=ex.id if ex is not None else "-"), request, door, voice)
    return False


def refuse(
    c: Corridor, ex: Exchange | None, refusal: Refusal, request: Request, door: Door, voice: Voice | None
) -> bool:
    """Tell the caller, and note it for the receipt. Returns whether the connection may be kept."""
    extra = b""
    if ex is not None:
        ex.outcome = "failed" if refusal.row.status >= _FAILED else "refused"
        ex.refusal_code = refusal.code
        ex.plan = None  # nobody answered: the receipt names no route, only the attempts
        forget(ex)
        extra = b"isthmus-receipt: %b\r\n" % ex.id.encode()
        if ex.caller.limited:
            extra += c.quota.header_lines(ex)
    body = None if voice is None else voice.refusal(refusal)
    door.write(refusal_bytes(refusal, keep_alive=request.keep_alive, extra=extra, body=body))
    return request.keep_alive
