"""Dialect "openai_chat": the OpenAI Chat Completions wire, spoken by most partners and engines.

A dialect is three functions: `write_body` makes the partner's JSON from an Exchange, `read_answer` and `read_chunk`
read what comes back; `judge` tells what an error means. A dialect whose wire differs adds `to_chat`, `Reader`, `path`
and `head` (docs/partner-wires.md). A vendor is data (data/*.toml); only a different wire needs another file like this.
Source: OpenAI API reference, "Create chat completion"; Ark, DashScope (compatible mode) and DeepSeek document the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.core.wire import Answer, Chunk, ExactAnswer, ExactChunk
from isthmus.partners.fields import FIELDS, OWN, require
from isthmus.partners.finish import FAILED
from isthmus.partners.judge import is_error, judge
from isthmus.partners.schema import Habits

__all__ = (
    "FIELDS", "OWN", "BrokenAnswerError", "bare", "dropped", "head", "judge", "path", "read_answer", "read_chunk",
    "write_body",
)  # fmt: skip

_answer = msgspec.json.Decoder(Answer)
_chunk = msgspec.json.Decoder(Chunk)
_exact_answer = msgspec.json.Decoder(ExactAnswer)
_exact_chunk = msgspec.json.Decoder(ExactChunk)
_generic = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_USUAL = Habits()


class BrokenAnswerError(ValueError):
    """The partner sent something that is not its own wire."""


class _Layout(NamedTuple):
    """How questions with one set of field names are written for one route. `route` is what it was made of.

    `head` ends where the messages begin; `passed` are the fields that go on, each with what stands before its value;
    `touchy`: something of the messages may have to change.
    """

    route: Route
    head: bytes
    passed: tuple[tuple[str, bytes], ...]
    tail: bytes
    streamed: bytes
    habits: Habits
    touchy: bool


_layouts: dict[tuple[int, tuple[str, ...]], _Layout] = {}
_LAYOUTS = 1024  # callers may invent names


def write_body(ex: Exchange, route: Route) -> bytes:
    """The partner's JSON body. Raises Refusal bad_field when a number is out of range."""
    ask = ex.ask
    fields = ask.fields
    names = tuple(fields)
    layout = _layouts.get((id(route), names)) or _lay_out(route, names)
    messages = ex.rewritten or fields["messages"]
    if layout.touchy:
        messages = tidy(messages, layout.habits, ex)
    passed = b""
    for name, before in layout.passed:
        raw = fields[name]
        require(raw, name)
        passed = b"%b%b%b" % (passed, before, raw)
    return b"%b%b%b%b" % (layout.head, messages, passed, layout.streamed if ask.stream else layout.tail)


def _lay_out(route: Route, names: tuple[str, ...]) -> _Layout:
    habits: Habits = route.facts.get("habits") or _USUAL
    extra = route.facts.get("fields", ())
    passed = []
    for name in names:
        if name not in FIELDS and name not in extra:
            continue
        word = habits.rename.get(name, name)  # from here on it goes by the partner's name
        if word != name and word in names:
            continue  # the caller gave it by both names
        passed.append((name, b',"%b":' % word.encode()))
    fixed = b"".join(b',"%b":%b' % (name.encode(), _encode(value)) for name, value in habits.fixed.items())
    if len(_layouts) >= _LAYOUTS:
        _layouts.clear()
    made = _layouts[id(route), names] = _Layout(
        route,
        b'{"model":%b,"messages":' % _encode(route.wire_model),
        tuple(passed),
        fixed + b"}",
        # Usage is always asked for: it is what the receipt and the bill rest on.
        fixed + _STREAM[habits.stream_usage] + b"}",
        habits,
        bool(habits.drop or habits.flat or habits.reasoning_back),
    )
    return made


_STREAM = {
    "last": b',"stream":true,"stream_options":{"include_usage":true}',
    "each": b',"stream":true,"stream_options":{"include_usage":true,"chunk_include_usage":true}',
    "unasked": b',"stream":true',
}


def head(route: Route, secret: str, *, stream: bool = False) -> bytes:
    """The header lines that carry the key, as the partner's file says."""
    name = (route.facts.get("habits") or _USUAL).auth
    return f"{name}: {'Bearer ' if name == 'Authorization' else ''}{secret}\r\n".encode()


def path(route: Route, *, stream: bool = False) -> str:
    """Where a request goes."""
    return route.path


def tidy(messages: bytes | msgspec.Raw, habits: Habits, ex: Exchange) -> bytes | msgspec.Raw:
    """`messages` as this partner takes them; the same bytes where nothing in them is touched."""
    raw = bytes(messages)
    touched = False
    for name in habits.drop:
        if b'"%b"' % name.encode() in raw:
            touched = True
    touched = touched or (habits.flat and any(isinstance(m.content, list) for m in ex.ask.messages))
    touched = touched or (habits.reasoning_back and b'"tool_calls"' in raw)
    if not touched:
        return messages
    document = _generic.decode(raw)
    for message in document:
        for name in habits.drop:
            message.pop(name, None)
        content = message.get("content")
        if habits.flat and isinstance(content, list):
            message["content"] = "".join(part.get("text") or "" for part in content)
        if habits.reasoning_back and message.get("tool_calls"):
            message.setdefault("reasoning_content", "")
    return msgspec.json.encode(document)


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that `write_body` leaves out, so that nothing is lost without a word."""
    extra = route.facts.get("fields", ())
    return [name for name in ex.ask.fields if name not in FIELDS and name not in OWN and name not in extra]


def read_answer(body: bytes) -> Answer:
    """The typed part of an unstreamed answer. Raises BrokenAnswerError."""
    try:
        try:
            answer: Answer = _exact_answer.decode(body)
        except msgspec.ValidationError:
            answer = _answer.decode(body)
            answer.foreign = True
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    if not answer.choices or answer.choices[0].finish_reason in FAILED:
        raise BrokenAnswerError
    return answer


def read_chunk(data: bytes) -> Chunk:
    """The typed part of one streamed event, a partner's failure inside a 200 as `error`. Raises BrokenAnswerError."""
    try:
        try:
            chunk: Chunk = _exact_chunk.decode(data)
        except msgspec.ValidationError:
            chunk = _chunk.decode(data)
            chunk.foreign = True
        if chunk.choices:
            first = chunk.choices[0]
            if first.finish_reason is not None:
                if first.finish_reason in FAILED:
                    chunk.error = {"code": first.finish_reason}
                elif not first.finish_reason:
                    first.finish_reason = None  # some send "" until the end
        elif chunk.usage is None and chunk.error is None:
            document = _generic.decode(data)
            if is_error(document):
                chunk.error = document
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    return chunk


def bare(event: bytes) -> bytes:
    """A chunk event without the `usage` that Ark sends along on every one: a caller who adds them up would count twice.

    A quoted member name cannot occur inside a JSON string, so the bytes found are the member itself.
    """
    at = event.rfind(USAGE)
    if at >= 0 and event.endswith(b"}}") and event.find(b"]", at) < 0:
        end = event.find(b"}", at) if event.count(b"{", at) == 1 else len(event) - 2
        if end == len(event) - 2:
            return event[:at] + b"}"
    document: dict[str, Any] = _generic.decode(event)
    document.pop("usage", None)
    return msgspec.json.encode(document)


USAGE = b',"usage":{'
