"""Going on with an answer that broke off after something of it was shown, where its caller asked for that.

    isthmus-continue: 1

Rules of this room:
1. Only plans of the same decision, only where a partner's file says that its model continues an unfinished answer
   (`prefill`), only where the same is owed on the answer. No tool call has begun, and no end was announced.
2. What was said goes along as the question's last message and meets every duty that a message meets.
3. The stages keep the state they are in: what they hold back, restore or have yet to add crosses the join.
4. It is a call beyond the request's first, so the retry budget pays for it. An answer is taken up once.
5. Both parts are billed, each as its own partner counts, and marked: attempts in the receipt, `isthmus.continued`.
6. Where nobody may go on, the stream ends in its typed error event, as it would without this room.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from isthmus.core.decision import Plan, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Attempt, Before, Exchange, Spent
from isthmus.core.wire import Message
from isthmus.gateway import judged, spent
from isthmus.gateway.deadlines import heed
from isthmus.gateway.door import Door
from isthmus.gateway.failed import Broke, RouteFailed, failed, judge
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Corridor, claim, conclude, end_broken, leave, record
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import Answer, UpstreamError
from isthmus.gateway.ways import dropped
from isthmus.partners.schema import Habits
from isthmus.policy import fingerprint, money
from isthmus.policy.privacy import own_fields

_FINAL = frozenset(("content_blocked", "revoked_key"))  # nobody else may go on with it either
_USUAL = Habits()
_CLAIM = ("consent", "used")
_LIMITS = ("max_completion_tokens", "max_tokens")
_integer = msgspec.json.Decoder(int)
_KEPT = ("plan", "rewritten", "label", "label_at", "relies", "masks", "met", "notices", "finish", "dropped")


async def go_on(
    c: Corridor, ex: Exchange, plans: tuple[Plan, ...], broke: Broke, started: float, request: Request, door: Door
) -> bool:
    """Let another route finish the answer, or end it as what it is: broken off. Returns whether the caller's
    connection may be kept; either end is well-formed.
    """
    stream, first = broke.stream, ex.plan
    assert first is not None
    said = "".join("".join(pieces) for channel, pieces in ex.heard or () if channel == "content")
    seconds = c.clock.monotonic() - started
    candidates = lawful(c, ex, plans, first) if may(ex, stream, broke.refusal, said) else []
    if not candidates:
        end_broken(c, ex, stream, broke.refusal)
        conclude(c, ex, first, seconds)
        return request.keep_alive
    c.breakers.failed(first.route.name)
    at = len(ex.attempts)
    cost = count_part(c, ex, first)
    kept = {name: getattr(ex, name) for name in _KEPT}
    question = (ex.ask.messages, ex.ask.fields)
    for plan in candidates:
        begun = c.clock.monotonic()
        try:
            await prepare(c, ex, plan, question, said)
            if not c.breakers.budget.take():
                break
            word = await carry(c, ex, plan, stream, door)
        except (RouteSkipped, Refusal) as skipped:
            code = skipped.refusal.code if isinstance(skipped, RouteSkipped) else skipped.code
            record(ex, plan, "skipped", code, 0.0)
            if code in _FINAL:
                break
        except RouteFailed as failure:
            late = await spent.attempt(ex, c.quota.prices) if failure.taken else None
            record(ex, plan, failure.outcome, failure.refusal.code, c.clock.monotonic() - begun, late)
            c.breakers.failed(plan.route.name, failure.rest)
        else:
            ex.attempts.insert(at, Attempt(first.route.name, "continued", broke.refusal.code, int(seconds * 1e6), cost))
            await finish(c, ex, plan, stream, word, c.clock.monotonic() - begun)
            return request.keep_alive
    give_back(c, ex, kept, question)
    end_broken(c, ex, stream, broke.refusal)
    record(ex, first, "lost", broke.refusal.code, seconds)
    return request.keep_alive


def may(ex: Exchange, stream: Stream, refusal: Refusal, said: str) -> bool:
    """Whether this answer is one that can be gone on with: words alone, no end yet, lost by its partner's fault."""
    if refusal.row.type != "upstream_error" or refusal.code == "upstream_rejected":
        return False
    if ex.caller.revoked or ex.blocked or ex.before is not None or stream.ending or not said.strip():
        return False
    called = any(channel.startswith(("tool:", "name:")) for channel, _ in ex.heard or ())
    return not called and "response_format" not in ex.ask.fields


def lawful(c: Corridor, ex: Exchange, plans: tuple[Plan, ...], first: Plan) -> list[Plan]:
    """The other plans of the decision that can go on with what `first` began; routes that rest come last."""
    tried = {each.route for each in ex.attempts}
    found = [
        plan
        for plan in plans
        if plan.route.facts.get("prefill")
        and plan.route.name not in tried
        and (plan.route.host, plan.route.port) != (first.route.host, first.route.port)
        and plan.route.host not in c.fleets
        and currency(c, plan) == currency(c, first)
        and owes(plan, first)
    ]
    return sorted(found, key=lambda plan: c.breakers.is_open(plan.route.name))


def currency(c: Corridor, plan: Plan) -> str:
    """In what a route's tokens are paid: one bill has one currency."""
    price = c.quota.prices.get(plan.route.name)
    return "" if price is None else price.currency


def owes(plan: Plan, first: Plan) -> bool:
    """Whether all that is owed on the answer of `first` is owed on the plan's, too.

    The same stages keep the same state, and one that is new begins with the second part.
    """

    def duties(of: Plan) -> set[Any]:
        return {(each.region, each.rule, each.verb) for each in of.obligations} | {
            stage.name for stage in of.stages if stage.on_event is not None
        }

    return duties(first) <= duties(plan)


def count_part(c: Corridor, ex: Exchange, first: Plan) -> Spent:
    """Settle the first part as it stands; the rest is another bill. Its usage is known by now (gateway.spent)."""
    ex.outcome = "interrupted"
    c.quota.part(ex)
    assert ex.usage is not None
    ex.before = Before(ex.usage, ex.cost, ex.estimated, first.route.name, first.route.badge, ex.out_chars)
    return Spent(ex.usage, money.text(ex.cost), ex.estimated, billed=True)


async def prepare(
    c: Corridor, ex: Exchange, plan: Plan, question: tuple[list[Message], dict[str, msgspec.Raw]], said: str
) -> None:
    """Meet the plan's duties with the question and what was said of its answer. Raises Refusal, RouteSkipped."""
    route = plan.route
    ex.plan = plan
    ex.usage = ex.asked = None
    ex.estimated = False
    ex.rewritten = None
    ex.label, ex.relies, ex.masks, ex.met, ex.notices = "", (), {}, [], []
    own_fields(ex)
    messages, fields = question
    habits: Habits = route.facts.get("habits") or _USUAL
    last = Message("assistant", said)
    if habits.prefill:
        setattr(last, habits.prefill, True)
    ex.ask.messages = [*messages, last]
    ex.ask.fields = {**fields, "messages": msgspec.Raw(msgspec.json.encode(ex.ask.messages)), **left(ex, fields)}
    ex.in_text = None
    ex.personal = True  # until a scan of all of it says otherwise
    gathered = ex.held.get(fingerprint.SAID)
    heed(c.breakers, route)
    for stage in plan.on_request:
        stage(ex)
    for wait in plan.awaited:
        if (waiting := wait(ex)) is not None:
            await asyncio.sleep(0)  # whoever waits may need a task (gateway.errand)
            await waiting
    if gathered is not None:
        ex.held[fingerprint.SAID] = gathered  # of the whole answer, not of its second part
    if ex.caller.limited and (waiting := c.quota.reserve(ex, plan)) is not None:
        await waiting
    if _CLAIM in ex.held:
        await claim(c, ex)


def left(ex: Exchange, fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """The caller's limit of tokens, less what was said. Raises RouteSkipped when nothing is left of it."""
    used = 0 if ex.before is None else ex.before.usage.completion_tokens
    found = {}
    for name in _LIMITS:
        if name in fields:
            rest = _integer.decode(fields[name]) - used
            if rest < 1:
                raise RouteSkipped(Refusal("bad_field", field=name, reason="the answer is as long as it may be"))
            found[name] = msgspec.Raw(b"%d" % rest)
    return found


async def carry(c: Corridor, ex: Exchange, plan: Plan, stream: Stream, door: Door) -> str:
    """Send, and let the stream hear the rest. Returns "" for its end, or the word for how this one broke off: after it
    had said something, or because nobody may go on (then the stream's `failure` says why). Raises RouteFailed when it
    said nothing, Refusal when the request is at fault.
    """
    route = plan.route
    way = c.ways[route.name]
    body = way.dialect.write_body(ex, route)
    ex.dropped = dropped(way, ex, route)
    wire = b"%b%d\r\n\r\n%b" % (way.stream, len(body), body)
    stream.rejoin(plan, way.dialect, None if way.reader is None else way.reader(route))
    try:
        connection = c.pool.take(route) or await c.pool.acquire(route)
    except UpstreamError as error:
        raise failed(route, error.word) from None
    stream.connection = connection
    door.reader = connection
    got: Answer | None = None
    word = "lost"
    try:
        got = await connection.exchange(wire, stream, way.waits)
        leave(door, stream, got)
    except UpstreamError as error:
        word = error.word
    finally:
        c.pool.release(route, connection)
    if ex.judged is not None:
        await judged.settle(stream, got)
    if stream.done and stream.failure is None:
        return ""
    if not ex.heard and (stream.failure is None or stream.failure.row.type == "upstream_error"):
        if got is not None and not got.streamed:
            raise judge(way, route, got, c.clock.now())
        late = failed(route, word)
        late.taken = stream.connection.taken
        raise late
    return word


async def finish(c: Corridor, ex: Exchange, plan: Plan, stream: Stream, word: str, seconds: float) -> None:
    """The second part is over: the whole answer's bill, then its end."""
    if ex.usage is None:
        await spent.settle(ex, c.quota.prices)
    if word:
        end_broken(c, ex, stream, stream.failure or failed(plan.route, word).refusal)
    else:
        ex.outcome = "answered"
        c.quota.settle(ex)  # here, so that the last chunk tells the usage of both parts
        stream.finish()
    conclude(c, ex, plan, seconds)


def give_back(
    c: Corridor, ex: Exchange, kept: dict[str, Any], question: tuple[list[Message], dict[str, msgspec.Raw]]
) -> None:
    """Nobody went on: the exchange is again what its first part was."""
    if ex.reserved is not None:
        c.quota.release(ex)
    before = ex.before
    assert before is not None
    ex.usage, ex.cost, ex.estimated = before.usage, before.cost, before.estimated
    ex.before = None
    own_fields(ex)
    ex.ask.messages, ex.ask.fields = question
    for name, value in kept.items():
        setattr(ex, name, value)
