"""A streamed answer: events in, events out, one write per read.

Rules of this room:
1. Nothing reaches the caller before the first content; until then the corridor may still fail over.
2. Every text passes the plan's stages in order; an event that no stage changed keeps its bytes.
3. The finish event waits for the usage event, so that the last chunk carries usage and the `isthmus` object.
4. A stream ends in `[DONE]` or in a typed error event, never in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import msgspec

from isthmus.core import sse
from isthmus.core.decision import Plan
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.pieces import Pieces
from isthmus.core.sse import DONE, EventTooLargeError
from isthmus.core.wire import Chunk, ChunkChoice, Said
from isthmus.gateway import answer
from isthmus.gateway.alike import BLANK, DATA, Alike
from isthmus.gateway.door import Door
from isthmus.gateway.pace import Pace
from isthmus.gateway.resume import Replay, Replays
from isthmus.gateway.upstream import Connection
from isthmus.gateway.voice import Voice
from isthmus.gateway.ways import EventReader
from isthmus.partners.finish import finish
from isthmus.partners.openai_chat import bare
from isthmus.policy import money
from isthmus.policy.estimate import hear

_generic = msgspec.json.Decoder()
_WORDS = ("moderation_hit_type", "native_finish_reason")  # what a partner said of the end, beside the reason
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"


class Stream:
    """One streamed answer on its way. `failure` is set when it must end as an error; `committed` once bytes left."""

    __slots__ = (
        "__weakref__", "_alike", "_chunked", "_dialect", "_door", "_events", "_ex", "_heard", "_learns", "_lifecycle",
        "_now", "_plan", "_said", "_template", "_waiting", "committed", "connection", "done", "failure", "lines",
        "pace", "reader", "replay", "replays", "voice",
    )  # fmt: skip

    def __init__(
        self, ex: Exchange, plan: Plan, door: Door, dialect: ModuleType, now: Callable[[], float], *, chunked: bool
    ) -> None:
        self._ex = ex
        self._plan = plan
        self._door = door
        self._dialect = dialect
        self._chunked = chunked
        self._now = now
        self._heard: list[tuple[str, Iterable[str]]] = []
        ex.heard = self._heard  # what the partner said, should its own count never come
        self._said = False  # whether it has said a word
        self._events = sse.EventReader(between=b" ")
        self.connection: Connection | None = None  # to be cut when the stream must end early
        self.reader: EventReader | None = None  # where the partner's wire is not chat.completions
        self.voice: Voice | None = None  # where the caller's is not
        self.lines = b""  # further response headers
        self.pace: Pace | None = None  # where its events need not be passed on one by one
        self.replays: Replays | None = None  # where the caller may take it up again
        self.replay: Replay | None = None
        self._lifecycle: list[bytes] = []
        self._waiting: dict[str, Any] | None = None
        self._alike: Alike | None = None
        self._learns = _LEARNS
        self._template: dict[str, Any] = {}
        self.committed = False
        self.done = False
        self.failure: Refusal | None = None

    def rejoin(self, plan: Plan, dialect: ModuleType, reader: EventReader | None) -> None:
        """Another partner goes on with the sentence: what it says passes the same stages, in the state they are in."""
        self._plan = plan
        self._dialect = dialect
        self.reader = reader
        self._events = sse.EventReader(between=b" ")
        self._alike = None
        self._learns = _LEARNS
        self._heard = self._ex.heard = []
        self._said = False
        self.done = False
        self.failure = None

    def adopt(self, ex: Exchange) -> None:
        """The same exchange, from here on in another object."""
        self._ex = ex

    @property
    def ending(self) -> bool:
        """Whether the partner has said why its answer ended: there is nothing left to go on with."""
        return self._waiting is not None

    # -- from the partner ------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """One read of the partner's body (Sink)."""
        if self.failure is not None or self.done:
            return
        out: list[bytes] = []
        rest = data
        events: list[bytes] = []
        try:
            if self.reader is None:
                rest = self._many(data, out)
            if rest and not self.done and self.failure is None:
                events = self._events.feed(rest)
            if self.reader is not None:
                events = self._translate(self.reader, events)
            if events:
                self._take(events, out)
        except EventTooLargeError:
            self.failure = Refusal("upstream_broken", route=self._plan.route.badge)
        if self._must_end() and self.replay is not None:
            self.replay.forget()
        if (
            (events or len(rest) < len(data))
            and (self.committed or out)
            and self.failure is None
            and self.connection is not None
        ):
            self.connection.heard()  # before the write, which may make the partner wait for a slow caller
        if out and (self.failure is None or self.failure.code != "stream_ended"):
            self._send(b"".join(out))
        if self.failure is not None:
            self._cut()
        elif self.committed and self.pace is not None and not self.done and self.connection is not None:
            self.pace.rest(self.connection)

    def look(self) -> None:
        """End the stream if it may not go on, though its partner says nothing; called a few times a second."""
        if self.failure is None and not self.done and self._must_end():
            if self.replay is not None:
                self.replay.forget()
            self._cut()

    def stop(self) -> None:
        """Its caller wants no more of it: the partner is let go of, and what was kept is forgotten."""
        if self.failure is None and not self.done:
            self.failure = Refusal("stream_ended", reason="its caller stopped it")
            self._cut()
        if self.replay is not None:
            self.replay.forget()

    def _must_end(self) -> bool:
        """Whether a key was revoked or a consent withdrawn that the stream rests on; `failure` then says so."""
        if self._ex.caller.revoked:
            self.failure = Refusal("stream_ended", reason="its key was revoked")
            return True
        for consent in self._ex.relies:
            if consent.withdrawn:
                self.failure = Refusal("stream_ended", reason="the consent it rests on was withdrawn")
                return True
        return False

    def _translate(self, reader: EventReader, events: list[bytes]) -> list[bytes]:
        """The partner's events as canonical ones, as far as they are its own wire."""
        canonical: list[bytes] = []
        try:
            for event in events:
                canonical += reader.feed(event)
        except self._dialect.BrokenAnswerError:
            self.failure = Refusal("upstream_broken", route=self._plan.route.badge)
        return canonical

    def _cut(self) -> None:
        if self.connection is not None:
            self.connection.abort()

    def _many(self, read: bytes, out: list[bytes]) -> bytes:
        """Take the events that a read begins with and that are alike as one piece. What follows them is returned.

        Before, those are taken one by one that show how they look, and the one that an earlier read began.
        """
        while self._waiting is None and not self.done and self.failure is None:
            if self._alike is not None and not self._events.rest:
                many = self._alike.many(read)
                if many is None:
                    return read
                pieces, text, size, framed, told = many
                if told and not self._counts(told):
                    return read
                self._run("content", pieces, text, framed, out)
                return read[size:]
            if self._alike is None and not self._learns:
                break
            begun, blank, after = read.partition(BLANK)
            if not blank:
                break
            self._take(self._events.feed(begun + blank), out)
            read = after
        return read

    def _counts(self, told: bytes) -> bool:
        """Whether this says what was used so far, which then stands."""
        try:
            chunk: Chunk = self._dialect.read_chunk(told)
        except self._dialect.BrokenAnswerError:
            return False
        self._ex.usage = chunk.usage
        return True

    def _take(self, events: list[bytes], out: list[bytes]) -> None:
        """Every event of one read. Neighbours that only add text to one channel pass the stages as one piece."""
        run: list[bytes] = []
        pieces: list[str] = []
        channel = ""
        for event in events:
            chunk = self._read(event)
            if chunk is None:
                break
            here, text = plain_text(chunk) if self._waiting is None else ("", "")
            if chunk.foreign:
                event = answer.only_known(event, "delta")  # noqa: PLW2901  # what no stage reads goes no further
            whole = event
            if chunk.usage is not None and chunk.choices:
                event = bare(event)  # noqa: PLW2901  # a caller that adds up usage would count it twice
            if here != channel and run:
                self._run(channel, pieces, "".join(pieces), _framed(run), out)
                run, pieces = [], []
            channel = here
            if self.done:
                return  # the run before this event was blocked
            if here:
                self._said = True
                run.append(event)
                pieces.append(text)
                if here == "content" and self._learns and self.reader is None and not chunk.foreign:
                    self._learns -= 1
                    self._alike = Alike.of(event, text, whole)
            elif chunk.choices and self._waiting is None:
                self._choice(event, chunk.choices[0], out)
        if run:
            self._run(channel, pieces, "".join(pieces), _framed(run), out)

    def _read(self, event: bytes) -> Chunk | None:
        """The event, read; None when the stream ends with it."""
        if event == DONE:
            self.done = True
            return None
        try:
            chunk: Chunk = self._dialect.read_chunk(event)
        except self._dialect.BrokenAnswerError:
            self.failure = Refusal("upstream_broken", route=self._plan.route.badge)
            return None
        if chunk.error is not None:
            self.failure = self._judged(chunk.error)
            return None
        if len(chunk.choices) > 1:  # one answer was asked for, and only one passes the stages
            self.failure = Refusal("upstream_broken", route=self._plan.route.badge)
            return None
        if chunk.usage is not None:
            self._used(chunk)
        return chunk

    def _used(self, chunk: Chunk) -> None:
        """The partner's count stands. What it counts before it says anything (Anthropic) is its question alone."""
        if self._said or self._heard or chunk.choices or self._waiting is not None:
            self._ex.usage = chunk.usage
        else:
            self._ex.asked = chunk.usage

    def _judged(self, error: Any) -> Refusal:
        """What a failure inside a 200 stream means: lost, unless the request or what it asks for is at fault."""
        route = self._plan.route
        word = self._dialect.judge(200, msgspec.json.encode(error))
        if word == "moderated":
            return Refusal("content_blocked", category="partner", reason=f"{route.badge} refused it by its own rules")
        if word == "caller":
            return Refusal("upstream_rejected", route=route.badge, status=200)
        return Refusal("upstream_lost", route=route.badge)

    def _run(self, channel: str, pieces: Sequence[bytes | str], text: str, framed: bytes, out: list[bytes]) -> None:
        """Text events of one channel, what they say together, and all as they are sent: unchanged ones keep their
        bytes, else one event carries what is released."""
        ex = self._ex
        released = text
        for stage in self._plan.on_event:
            released = stage(ex, channel, released, False)
        hear(ex, released)
        if ex.usage is None or ex.continues:  # else its partner counts, and nobody goes on with it
            self._keep(channel, text, pieces)
        if released == text and not ex.blocked:
            self._emit(framed, out)
            return
        last = framed[: -len(BLANK)].rpartition(BLANK)[2][len(DATA) :]
        if ex.blocked:
            self._hold_finish(last, {channel: released})
        elif released:
            generic = _generic.decode(last)
            generic["choices"][0]["delta"][channel] = released
            generic["choices"][0].pop("logprobs", None)  # they spell what the stages hold back
            self._emit(b"data: %b\n\n" % msgspec.json.encode(generic), out)
        else:
            self._remember(last)  # all of it may still become a forbidden word: it waits inside the stages

    def _keep(self, channel: str, text: str, pieces: Sequence[bytes | str]) -> None:
        """Remember what the partner said."""
        named, said = self._heard[-1] if self._heard else ("", ())
        if named != channel or not isinstance(said, Pieces):
            said = Pieces()
            self._heard.append((channel, said))
        said.add(text, pieces)

    def _emit(self, data: bytes, out: list[bytes]) -> None:
        if self._lifecycle:
            out.extend(self._lifecycle)
            self._lifecycle.clear()
        out.append(data)

    def _choice(self, event: bytes, choice: ChunkChoice, out: list[bytes]) -> None:
        """Every other event: a role, a tool call, several channels at once, the finish."""
        ex = self._ex
        said = choice.delta
        if _says(said):
            self._heard.extend((channel, [text]) for channel, text in answer.texts(said).items())
        changed = answer.apply(ex, self._plan, said, last=False) if self._plan.on_event else {}
        if choice.finish_reason is not None:
            ex.finish = finish(choice.finish_reason)
        if choice.finish_reason is not None or ex.blocked:
            self._hold_finish(event, changed)
            return
        if changed:
            if not any(changed.values()) and len(changed) == len(answer.texts(said)) and not said.tool_calls:
                self._remember(event)
                return
            generic = _generic.decode(event)
            answer.put(generic["choices"][0]["delta"], changed)
            generic["choices"][0].pop("logprobs", None)
            event = msgspec.json.encode(generic)
        data = b"data: %b\n\n" % event
        if not self.committed and not out and not _says(said):
            self._lifecycle.append(data)  # {"role": "assistant"} alone commits nothing
        else:
            self._emit(data, out)

    def _remember(self, event: bytes) -> None:
        """Keep the frame of an event whose text waits, and never the text: the stages have not released it."""
        if not self._template:
            self._template = {**_generic.decode(event), "choices": [{"index": 0, "delta": {}}]}

    def _hold_finish(self, event: bytes, changed: dict[str, Any]) -> None:
        """Keep the finish event back until usage is known; what it says itself still passes the stages."""
        generic = _generic.decode(event)
        choice = generic["choices"][0]
        if self._ex.blocked:
            choice["delta"] = answer.delta(changed)
            self.done = True
            self._cut()
        else:
            answer.put(choice.setdefault("delta", {}), changed)
        self._waiting = generic

    # -- to the caller ---------------------------------------------------------------------------------------

    def _send(self, data: bytes) -> None:
        if not self.committed:
            self.committed = True
            self._ex.shown = True
            self._ex.first_at = self._now()
            data = b": isthmus %b\n\n%b" % (msgspec.json.encode(answer.origin(self._ex)), data)
            if self.replays is not None:
                self._outlive(self.replays)
            coding = b"Transfer-Encoding: chunked\r\n" if self._chunked else b"Connection: close\r\n"
            head = _HEAD + coding + answer.header_lines(self._ex) + self.lines + b"\r\n"
            self._door.write(head + self._frame(data))
        else:
            self._door.write(self._frame(data))

    def _outlive(self, replays: Replays) -> None:
        """From here on the answer goes on to be made though its caller may be away."""
        self.replay = replays.open(self._ex.caller.tenant)
        self.replay.stop = self.stop
        self.lines += b"isthmus-resume: %b\r\n" % self.replay.token.encode()
        self._door.outlives = True

    def _frame(self, data: bytes) -> bytes:
        if self.replay is not None:
            data = self.replay.number(data)
        if self.voice is not None:
            data = self.voice.events(data)
            if not data:
                return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def finish(self) -> None:
        """The partner is done: flush the stages, then the last chunk with usage and the `isthmus` object."""
        ex = self._ex
        last = self._waiting or {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}}],
            **self._template,
        }
        flushed = answer.apply(ex, self._plan, Said(), last=True)
        for respond in self._plan.on_response:
            respond(ex)
        out = list(self._lifecycle)
        for said in (last["choices"][0].get("delta"), answer.delta(flushed)):
            if said and any(said.get(name) for name in ("content", "reasoning_content", "refusal", "tool_calls")):
                piece = {**last, "choices": [{"index": 0, "delta": said, "finish_reason": None}]}
                piece.pop("usage", None)
                out.append(b"data: %b\n\n" % msgspec.json.encode(piece))
        out.extend(self._last_chunks(last))
        out.append(b"data: [DONE]\n\n")
        self._send(b"".join(out))
        self._end()

    def _last_chunks(self, last: dict[str, Any]) -> list[bytes]:
        """The finish chunk and, where the caller asked for it, the usage chunk; the later one tells the origin."""
        ex = self._ex
        words = {name: word for name, word in last["choices"][0].items() if name in _WORDS}
        ending = {**last, "choices": [{"index": 0, "delta": {}, "finish_reason": ex.finish or "unknown", **words}]}
        ending.pop("usage", None)
        if not ex.ask.include_usage:
            return [b"data: %b\n\n" % answer.splice(msgspec.json.encode(ending), ex)]
        usage = {**last, "choices": [], "usage": ex.usage}
        return [
            b"data: %b\n\n" % msgspec.json.encode(ending),
            b"data: %b\n\n" % answer.splice(msgspec.json.encode(usage), ex),
        ]

    def fail(self, refusal: Refusal) -> None:
        """End a stream that has begun with a typed error event. What arrived before stays with the caller."""
        body = refusal.body()
        ex = self._ex
        body["error"]["isthmus"] = {
            **(refusal.extra or {}),
            "receipt": ex.id,
            "delivered": {"characters": ex.out_chars},
            "billed": {"usage": msgspec.to_builtins(ex.usage), "cost": money.text(ex.cost), "estimated": ex.estimated},
        }
        body["isthmus"] = msgspec.to_builtins(answer.origin(self._ex))
        self._send(b"data: %b\n\n" % msgspec.json.encode(body))
        self._end()

    def _end(self) -> None:
        if self.replay is not None:
            self.replay.end()
        if self.voice is not None:
            self.voice.ended()
        if self._chunked:
            self._door.write(b"0\r\n\r\n")


_LEARNS = 8  # times that a stream's events are learned: where each is another, learning is in vain


def _framed(events: list[bytes]) -> bytes:
    return b"data: %b\n\n" % b"\n\ndata: ".join(events)


def plain_text(chunk: Chunk) -> tuple[str, str]:
    """Channel and text of an event that does nothing but add text to one channel; else two empty strings."""
    if not chunk.choices:
        return "", ""
    choice = chunk.choices[0]
    said = choice.delta
    if choice.finish_reason is not None or said.tool_calls is not None or said.refusal is not None:
        return "", ""
    if said.content:
        return ("", "") if said.reasoning_content else ("content", said.content)
    return ("reasoning_content", said.reasoning_content) if said.reasoning_content else ("", "")


def _says(said: Said) -> bool:
    return bool(said.content or said.reasoning_content or said.refusal or said.tool_calls)
