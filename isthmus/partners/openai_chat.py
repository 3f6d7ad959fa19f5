"""Dialect "openai_chat": the OpenAI Chat Completions wire, spoken by most partners and engines.

A dialect is three functions: `write_body` makes the partner's JSON from an Exchange, `read_answer` and `read_chunk`
read what comes back. A vendor is data (data/*.toml); only a different wire needs another file like this one.
Source: OpenAI API reference, "Create chat completion"; Ark, DashScope (compatible mode) and DeepSeek document the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.wire import Answer, Chunk

_answer = msgspec.json.Decoder(Answer)
_chunk = msgspec.json.Decoder(Chunk)
_number = msgspec.json.Decoder(float)
_integer = msgspec.json.Decoder(int)


class BrokenAnswerError(ValueError):
    """The partner sent something that is not its own wire."""


def _between(low: float, high: float, decoder: msgspec.json.Decoder[Any] = _number) -> Callable[[msgspec.Raw], bool]:
    def check(raw: msgspec.Raw) -> bool:
        return bool(low <= decoder.decode(raw) <= high)

    check.__doc__ = f"a number from {low:g} to {high:g}"
    return check


def _flag(raw: msgspec.Raw) -> bool:
    """Either true or false."""
    return bytes(raw) in (b"true", b"false")


def _effort(raw: msgspec.Raw) -> bool:
    """One of none, minimal, low, medium, high, xhigh."""
    return bytes(raw) in (b'"none"', b'"minimal"', b'"low"', b'"medium"', b'"high"', b'"xhigh"')


_MANY = 1 << 20
_whole = _between(1, _MANY, _integer)

# Fields that may pass to a partner, each with its range where numbers could harm an engine. Everything else a caller
# sends stays here: a client never reaches an engine's own switches (negative n_discard, slot ids, cache files).
FIELDS: dict[str, Callable[[msgspec.Raw], bool] | None] = {
    "max_tokens": _whole,
    "max_completion_tokens": _whole,
    "temperature": _between(0, 2),
    "top_p": _between(0, 1),
    "presence_penalty": _between(-2, 2),
    "frequency_penalty": _between(-2, 2),
    "seed": _between(-(2**63), 2**63 - 1, _integer),
    "top_logprobs": _between(0, 20, _integer),
    "logprobs": _flag,
    "stop": None,
    "tools": None,
    "tool_choice": None,
    "parallel_tool_calls": _flag,
    "response_format": None,
    "reasoning_effort": _effort,
}
# Read by the corridor itself and written anew below, so never passed on as they came.
OWN = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
)


def write_body(ex: Exchange, route: Route) -> bytes:
    """The partner's JSON body. Raises Refusal bad_field when a number is out of range."""
    ask = ex.ask
    fields = ask.fields
    parts = [b'{"model":', msgspec.json.encode(route.wire_model), b',"messages":', ex.rewritten or fields["messages"]]
    extra = route.facts.get("fields", ())
    for name, raw in fields.items():
        if name in FIELDS:
            check = FIELDS[name]
            if check is not None:
                _require(check, raw, name)
        elif name not in extra:
            continue
        parts.append(b',"%b":' % name.encode())
        parts.append(raw)
    if ask.stream:
        # Usage is always asked for: it is what the receipt and the bill rest on.
        parts.append(b',"stream":true,"stream_options":{"include_usage":true}')
    parts.append(b"}")
    return b"".join(parts)


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that `write_body` leaves out, so that nothing is lost without a word."""
    extra = route.facts.get("fields", ())
    return [name for name in ex.ask.fields if name not in FIELDS and name not in OWN and name not in extra]


def _require(check: Callable[[msgspec.Raw], bool], raw: msgspec.Raw, name: str) -> None:
    try:
        fits = check(raw)
    except msgspec.MsgspecError:
        fits = False
    if not fits:
        raise Refusal("bad_field", field=name, reason=f"it must be {str(check.__doc__).rstrip('.').lower()}")


def read_answer(body: bytes) -> Answer:
    """The typed part of an unstreamed answer. Raises BrokenAnswerError."""
    try:
        answer = _answer.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    if not answer.choices:
        raise BrokenAnswerError
    return answer


def read_chunk(data: bytes) -> Chunk:
    """The typed part of one streamed event. Raises BrokenAnswerError."""
    try:
        return _chunk.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
