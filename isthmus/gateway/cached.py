"""Answers given again from memory: only what the operator opened it for, only to the very same question.

    [cache]                  operator.toml
    tenants = ["acme"]       nobody, as long as nobody is named
    seconds = 300            after which an answer is too old
    bytes = 8388608          of answers that one worker keeps

Rules of this room:
1. An answer is found again by tenant, decision, question of law, age, route and every word and field that would have
   gone to the partner; the digest of all that is keyed with a secret of this process and the tenant's own salt.
2. Every duty is met as if the partner had spoken now: what is kept is what it said, before any stage, so that today's
   checks, label and notices are what the caller gets. What was stopped, cut, masked or called a tool is never kept.
3. A hit is an attempt at the route "cache", whose corridor holds no other address: nothing can leave through it.
4. Who did not ask for it and lets the model draw (a temperature above 0, or none named) is asked anew: RFC 9111's
   `max-age` is how a caller says that an answer of some age will do; `no-cache` and `no-store` are honoured.
5. Everything is bounded, and in memory alone: it ends with the process, and with the law it was made under.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b
from sys import getsizeof
from typing import Any, NamedTuple

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.decision import Plan
from isthmus.core.exchange import Exchange
from isthmus.core.operator import Cache
from isthmus.core.secret import Withheld
from isthmus.core.wire import Ask, Usage
from isthmus.gateway.door import Door
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Attempted, Corridor, attempt, open_stream
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import Answer
from isthmus.gateway.voice import Voice
from isthmus.gateway.ways import Way
from isthmus.partners import openai_chat

NAME = "cache"
_WAY = Way(openai_chat, b"", b"", None, None)
_SAID = (NAME, "said")
_FOUND = (NAME, "found")
_MISS = b"isthmus-cache: miss\r\n"
_ENTRY, _PIECE = 1024, 72  # bytes that an entry and each of its texts take beside the texts
_SWEEP_S = 10.0  # between two looks for what is too old
_VIEWS = 1024
_OK = 200
_FOREVER = 1 << 31  # RFC 9111, 1.2.2: a number of seconds that is too large to be meant
_SHOWN = frozenset(("content", "reasoning_content"))
# What a question may hold. Tools, log-probabilities, sounds and whatever is new are asked anew.
_FIELDS = frozenset(
    (
        "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", "temperature",
        "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "user", "response_format", "reasoning_effort",
    )
)  # fmt: skip
_HOW = ("model", "messages", "stream", "stream_options")  # how it is asked; the route and the messages stand beside
_generic = msgspec.json.Decoder()


class Wish(NamedTuple):
    """What `cache-control` of a request asks for: an answer of at most `age` seconds, a new one to be kept or not."""

    age: int | None = None
    keep: bool = True


def wish(header: bytes | None) -> Wish:
    """A request's `cache-control` (RFC 9111, 5.2.1), as far as it is known here; a number that is none means 0."""
    age, keep = None, True
    for directive in (header or b"").lower().split(b","):
        name, _, value = directive.strip().partition(b"=")
        if name == b"no-store":
            keep = False
            age = 0
        elif name == b"no-cache":
            age = 0
        elif name == b"max-age":
            number = value.strip(b'"')
            said = min(int(number), _FOREVER) if number.isdigit() and len(number) < 20 else 0
            age = said if age is None else min(age, said)
    return Wish(age, keep)


class Kept(Withheld):
    """One answer as its partner said it: texts by channel, in order. `at`: seconds of the monotonic clock."""

    __slots__ = ("at", "size", "texts", "usage")

    def __init__(self, texts: list[tuple[str, str]], usage: Usage | None, at: float) -> None:
        self.texts = texts
        self.usage = usage
        self.at = at
        self.size = _ENTRY + sum(_PIECE + getsizeof(text) for _, text in texts)

    def whole(self, ex: Exchange) -> bytes:
        """As a chat.completion."""
        message: dict[str, str] = {"role": "assistant"}
        for channel, text in self.texts:
            message[channel] = message.get(channel, "") + text
        document = _frame(ex, "chat.completion", {"message": message, "finish_reason": "stop"})
        return msgspec.json.encode(document if self.usage is None else {**document, "usage": self.usage})

    def events(self, ex: Exchange) -> bytes:
        """As the events of a stream, in the pieces in which it was heard."""
        said = [
            _frame(ex, "chat.completion.chunk", {"delta": {channel: text}, "finish_reason": None})
            for channel, text in self.texts
        ]
        said.append(_frame(ex, "chat.completion.chunk", {"delta": {}, "finish_reason": "stop"}))
        if self.usage is not None:
            said.append({**_frame(ex, "chat.completion.chunk", {}), "choices": [], "usage": self.usage})
        return b"".join(b"data: %b\n\n" % msgspec.json.encode(event) for event in said) + b"data: [DONE]\n\n"


def _frame(ex: Exchange, kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    assert ex.plan is not None
    created = int(ex.held[_FOUND][1])
    about = {"id": f"chatcmpl-{ex.id}", "object": kind, "created": created, "model": ex.plan.route.model}
    return {**about, "choices": [{"index": 0, **choice}]}


class Shelf:
    """What one worker keeps, by name; the one that was wanted longest ago gives way."""

    __slots__ = ("_kept", "_room", "_seconds", "_swept", "size")

    def __init__(self, seconds: float, room: int) -> None:
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._seconds = seconds
        self._room = room
        self._swept = 0.0
        self.size = 0

    def find(self, name: bytes, now: float, oldest: float | None = None) -> Kept | None:
        """What is kept under `name` and is not too old (`oldest`: seconds that the caller allows)."""
        kept = self._kept.get(name)
        if kept is None:
            return None
        age = now - kept.at
        if age >= self._seconds:
            self.drop(name)
            return None
        if oldest is not None and (age > oldest or not oldest):
            return None
        self._kept.move_to_end(name)
        return kept

    def put(self, name: bytes, kept: Kept) -> None:
        """Keep an answer in place of what was there; one that is larger than an eighth of the room is not kept."""
        self.drop(name)
        if kept.at - self._swept >= _SWEEP_S:
            self._sweep(kept.at)
        if kept.size * 8 > self._room:
            return
        self._kept[name] = kept
        self.size += kept.size
        while self.size > self._room:
            self.drop(next(iter(self._kept)))

    def drop(self, name: bytes) -> None:
        """Forget one."""
        kept = self._kept.pop(name, None)
        if kept is not None:
            self.size -= kept.size

    def _sweep(self, now: float) -> None:
        self._swept = now
        for name in [name for name, kept in self._kept.items() if now - kept.at >= self._seconds]:
            self.drop(name)

    def __len__(self) -> int:
        return len(self._kept)


class _Views(NamedTuple):
    """A plan, the same with an ear before its stages, and the same as the route "cache"."""

    plan: Plan
    heard: Plan
    again: Plan


class Cached:
    """`attempt` in place of `inner`, for tenants that were named."""

    def __init__(self, facts: Cache, clock: Clock, inner: Attempted) -> None:
        secret = secrets.token_bytes(32)
        self._salts = {tenant: blake2b(tenant.encode(), key=secret).digest() for tenant in facts.tenants}
        self._clock = clock
        self._inner = inner
        self._views: dict[int, _Views] = {}
        self.shelf = Shelf(facts.seconds, facts.bytes)

    async def attempt(
        self, c: Corridor, ex: Exchange, plan: Plan, request: Request, door: Door, voice: Voice | None
    ) -> bool:
        """Answer from memory, or ask the route and keep what it says. Raises as gateway.relay.attempt does."""
        salt = self._salts.get(ex.caller.tenant)
        wanted = None if salt is None else _wanted(ex, request)
        if salt is None or wanted is None or (c.breakers.any_open and c.breakers.is_open(plan.route.name)):
            return await self._inner(c, ex, plan, request, door, voice)  # a route on trial must be asked, too
        name = digest(ex, plan, salt)
        kept = self.shelf.find(name, self._clock.monotonic(), wanted.age)
        views = self._views_of(plan)
        if kept is not None:
            keep_alive = await self._again(c, ex, views, kept, request, door, voice)
            if ex.blocked:
                self.shelf.drop(name)  # what may be said has changed since
            return keep_alive
        if _MISS not in door.adds:
            door.adds += _MISS
        said = ex.held[_SAID] = []
        keep_alive = await self._inner(c, ex, views.heard, request, door, voice)
        if wanted.keep and ex.held.get(_SAID) is said and ex.plan is plan and _is_whole(ex, said):
            usage = None if ex.estimated else ex.usage
            self.shelf.put(name, Kept(said, usage, self._clock.monotonic()))
        return keep_alive

    async def _again(
        self, c: Corridor, ex: Exchange, views: _Views, kept: Kept, request: Request, door: Door, voice: Voice | None
    ) -> bool:
        """The kept answer through the same corridor, as the answer of a route that is memory and nothing else."""
        age = int(self._clock.monotonic() - kept.at)
        door.adds = door.adds.replace(_MISS, b"") + b"isthmus-cache: hit\r\nAge: %d\r\n" % age
        ex.plan = views.again
        ex.held[_FOUND] = (kept, self._clock.epoch_ms() // 1000)
        memory = msgspec.structs.replace(c, fleets={NAME: recall}, ways={NAME: _WAY})
        keep_alive = await attempt(memory, ex, views.again, request, door, voice)
        ex.usage = Usage()  # nobody worked for it, so it costs nothing
        ex.heard = None
        ex.estimated = False
        return keep_alive

    def _views_of(self, plan: Plan) -> _Views:
        views = self._views.get(id(plan))
        if views is None:
            route = msgspec.structs.replace(plan.route, name=NAME, host=NAME, dialect="openai_chat", key_env="")
            again = msgspec.structs.replace(plan, route=route)
            heard = msgspec.structs.replace(plan, on_event=(hear, *plan.on_event))
            if len(self._views) >= _VIEWS:
                self._views.clear()
            views = self._views[id(plan)] = _Views(plan, heard, again)
        return views


def chosen(facts: Cache, clock: Clock, inner: Attempted) -> Attempted:
    """How routes are attempted: through memory where the operator named a tenant. Others pay nothing for it."""
    return Cached(facts, clock, inner).attempt if facts.tenants else inner


async def recall(
    c: Corridor, ex: Exchange, plan: Plan, wire: bytes, request: Request, door: Door, voice: Voice | None
) -> tuple[Answer | str, Stream | None]:
    """What was found, as the answer of a partner: the Sender of the route "cache"."""
    kept: Kept = ex.held[_FOUND][0]
    if not ex.stream:
        return Answer(_OK, {}, kept.whole(ex), streamed=False), None
    stream = open_stream(c, ex, plan, request, door, voice)
    stream.feed(kept.events(ex))
    if ex.usage is None:
        ex.usage = Usage()  # it was counted here once, and is not counted again
    return Answer(_OK, {}, b"", streamed=True), stream


def hear(ex: Exchange, channel: str, piece: str, last: bool) -> str:
    """The ear: a stage before all others, which notes what the partner says and changes nothing."""
    said: list[tuple[str, str]] | None = ex.held.get(_SAID)
    if said is not None and piece:
        said.append((channel, piece))
    return piece


def digest(ex: Exchange, plan: Plan, salt: bytes) -> bytes:
    """The name of an answer. Each part goes in with its length, so that no two questions write the same bytes."""
    decision = ex.decision
    assert decision is not None
    fields = ex.ask.fields
    parts = [(decision.question, decision.digest, plan.route.name, ex.caller.age)]
    texts = [ex.rewritten or bytes(fields["messages"])]
    for field in sorted(fields.keys() - _HOW):
        texts += field.encode(), bytes(fields[field])
    return blake2b(msgspec.msgpack.encode((parts, texts)), key=salt, digest_size=32).digest()


def _wanted(ex: Exchange, request: Request) -> Wish | None:
    """What the caller wants of memory; None where this question is none of its business."""
    decision = ex.decision
    assert decision is not None
    ask = ex.ask
    if ex.masks or decision.question.data == "sensitive" or not _FIELDS.issuperset(ask.fields):
        return None
    if any(each.role in ("tool", "function") or each.tool_calls for each in ask.messages):
        return None
    wanted = wish(request.headers.get(b"cache-control"))
    if not wanted.keep:
        return None
    return wanted if wanted.age or not draws(ask) else None


def draws(ask: Ask) -> bool:
    """Whether the model may answer differently each time: a temperature above 0, as is usual where none is named."""
    raw = ask.fields.get("temperature")
    if raw is None:
        return True
    said = _generic.decode(raw)
    return not isinstance(said, (int, float)) or said > 0


def _is_whole(ex: Exchange, said: list[tuple[str, str]]) -> bool:
    """Whether all was said that its partner had to say, nothing of it was stopped, and all of it is text."""
    if ex.finish != "stop" or ex.blocked or ex.masks or ex.before is not None or ex.outcome == "interrupted":
        return False
    channels = {channel for channel, _ in said}
    return "content" in channels and channels <= _SHOWN
