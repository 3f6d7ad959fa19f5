"""Dialect "openai_chat": the OpenAI Chat Completions wire, spoken by most partners and engines.

A dialect is three functions: `write_body` makes the partner's JSON from an Exchange, `read_answer` and `read_chunk`
read what comes back; `judge` tells what an error means. A dialect whose wire differs adds `to_chat`, `Reader`, `path`
and `head` (docs/partner-wires.md). A vendor is data (data/*.toml); only a different wire needs another file like this.
Source: OpenAI API reference, "Create chat completion"; Ark, DashScope (compatible mode) and DeepSeek document the same.
"""

from __future__ import annotations

from typing import Any

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
_USUAL = Habits()


class BrokenAnswerError(ValueError):
    """The partner sent something that is not its own wire."""


def write_body(ex: Exchange, route: Route) -> bytes:
    """The partner's JSON body. Raises Refusal bad_field when a number is out of range."""
    ask = ex.ask
    fields = ask.fields
    habits: Habits = route.facts.get("habits") or _USUAL
    messages = tidy(ex.rewritten or fields["messages"], habits, ex)
    parts = [b'{"model":', msgspec.json.encode(route.wire_model), b',"messages":', messages]
    extra = route.facts.get("fields", ())
    rename = habits.rename
    for name, raw in fields.items():
        if name in FIELDS:
            if FIELDS[name] is not None:
                require(raw, name)
        elif name not in extra:
            continue
        if rename and name in rename:
            name = rename[name]  # noqa: PLW2901  # from here on it goes by the partner's name
            if name in fields:
                continue  # the caller gave it by both names
        parts.append(b',"%b":' % name.encode())
        parts.append(raw)
    for name, value in habits.fixed.items():
        parts.append(b',"%b":%b' % (name.encode(), msgspec.json.encode(value)))
    if ask.stream:
        # Usage is always asked for: it is what the receipt and the bill rest on.
        parts.append(_STREAM[habits.stream_usage])
    parts.append(b"}")
    return b"".join(parts)


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
    for sign in _signs.get(habits.drop) or _sign(habits.drop):
        if sign in raw:
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


_signs: dict[tuple[str, ...], tuple[bytes, ...]] = {}  # one entry a set of dropped names, made on first use


def _sign(names: tuple[str, ...]) -> tuple[bytes, ...]:
    signs = _signs[names] = tuple(f'"{name}"'.encode() for name in names)
    return signs


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
    at = event.rfind(_USAGE)
    if at < 0:
        return event
    if event.endswith(b"}}") and event.find(b"]", at) < 0:
        end = event.find(b"}", at) if event.count(b"{", at) == 1 else len(event) - 2
        if end == len(event) - 2:
            return event[:at] + b"}"
    document: dict[str, Any] = _generic.decode(event)
    document.pop("usage", None)
    return msgspec.json.encode(document)


_USAGE = b',"usage":{'
