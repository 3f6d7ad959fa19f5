"""Everything of a question that a model reads, walked through with one function, and written anew.

Rules of this room:
1. A text is changed in place. An identifier (a function's name, a call's id, a schema's property) is changed by its own
   function, because partners take only letters, digits, `_` and `-` there.
2. Tool arguments are JSON inside a string: their own strings are changed, escapes read; a number that must not leave
   becomes a string.
3. What a model reads as one text is looked at as one: parts of a message that only together hold a detail are joined.
4. What did not change stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

_json = msgspec.json.Decoder()
# (name of what holds it, its own name): identifiers in a request of the OpenAI chat wire.
_IDENTIFIERS = frozenset((
    ("function", "name"), ("tools", "name"), ("tool_choice", "name"), ("json_schema", "name"), ("messages", "name"),
    ("messages", "tool_call_id"), ("tool_calls", "id"),
))  # fmt: skip
# Names that the wire itself gives; a detail can only be in one that a caller made.
_GIVEN = frozenset((
    "role", "content", "type", "text", "name", "id", "function", "arguments", "tool_calls", "tool_call_id", "tools",
    "parameters", "properties", "description", "required", "items", "enum", "strict", "schema", "json_schema",
    "reasoning_content", "additionalProperties",
))  # fmt: skip
NUMBERS = frozenset((  # fields in which no detail can be, and the messages
    "messages", "model", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stream", "stream_options", "n",
    "presence_penalty", "frequency_penalty", "seed", "top_logprobs", "logprobs", "parallel_tool_calls",
))  # fmt: skip
_QUOTE, _BACKSLASH = b'"\\'  # numbers: `in` is slow for bytes
_HEAD = 24  # bytes by which a text is found
_WORDS = frozenset(("role", "type"))  # words of the wire itself; encrypted_content is read by its maker alone


class Change(NamedTuple):
    """What is done to a text, and to an identifier."""

    text: Callable[[str], str]
    name: Callable[[str], str]


def messages(raw: bytes | msgspec.Raw, change: Change) -> bytes:
    """The `messages` of a request as JSON, changed."""
    found = _json.decode(raw)
    walked = _walk(found, change, "messages")
    return msgspec.json.encode(walked) if walked != found else bytes(raw)


def alone(source: bytes, texts: list[str], change: Callable[[str], str], plain: bytes = b"") -> bytes:
    """As `messages`, where `texts` are all that they hold (core.wire.Ask.alone). `plain`: the only one, as UTF-8.

    Each is found with its quotes: as a whole value, or as the end of another text, which then is changed there alike;
    so the longest comes first, while it still stands there as it was. A role is no detail.
    """
    for text in sorted(texts, key=len, reverse=True) if len(texts) > 1 else texts:
        changed = change(text)
        if changed != text:
            source = _exchanged(source, text, changed, plain or text.encode())
    return source


def _exchanged(source: bytes, text: str, changed: str, plain: bytes) -> bytes:
    written = b'"%b"' % plain
    start = source.find(written[:_HEAD])  # a long needle is slow to look for
    end = start + len(written)
    # Most texts have nothing to escape. What stands in JSON as it is has no control character (RFC 8259, section 7).
    if source[start:end] == written and _QUOTE not in plain and _BACKSLASH not in plain:
        instead = b'"%b"' % changed.encode()
    else:
        written, instead = msgspec.json.encode(text), msgspec.json.encode(changed)
        start = source.find(written[:_HEAD])
        end = start + len(written)
        if source[start:end] != written:
            return source.replace(written, instead)
    if source.find(written[:_HEAD], start + 1) >= 0:
        return source.replace(written, instead)
    return source[:start] + instead + source[end:]


def fields(asked: Mapping[str, msgspec.Raw], change: Change) -> dict[str, msgspec.Raw]:
    """Those other fields of a request that changed. Fields of numbers alone, and the model's name, are passed over."""
    changed = {}
    for name, raw in asked.items():
        if name in NUMBERS:
            continue
        content = bytes(raw)
        if b'"' not in content:
            continue
        found = _json.decode(content)
        walked = _walk(found, change, name)
        if walked != found:
            changed[name] = msgspec.Raw(msgspec.json.encode(walked))
    return changed


def _walk(value: Any, change: Change, holder: str, key: str = "") -> Any:
    if isinstance(value, str):
        if key == "encrypted_content" or (key in _WORDS and value.isidentifier()):
            return value
        if key == "arguments":
            return arguments(value, change.text)
        return change.name(value) if (holder, key) in _IDENTIFIERS or key == "required" else change.text(value)
    if isinstance(value, dict):
        inner = key or holder
        return {
            name if name in _GIVEN else change.name(name): _walk(one, change, inner, name)
            for name, one in value.items()
        }
    if isinstance(value, list):
        if key == "content":
            return _parts(value, change)
        return [_walk(one, change, key or holder, key if key == "required" else "") for one in value]
    return value


def _parts(parts: list[Any], change: Change) -> list[Any]:
    """Parts of a message; rule 3."""
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    walked = [_walk(part, change, "content") for part in parts]
    if len(texts) > 1 and len(texts) == len(parts):
        whole = change.text("".join(texts))
        if whole != "".join(part["text"] for part in walked):
            return [{"type": "text", "text": whole}]
    return walked


def arguments(written: str, change: Callable[[str], str]) -> str:
    """Tool arguments, changed inside; what is no JSON is changed as the text it is."""
    try:
        found = _json.decode(written.encode("utf-8", "surrogatepass"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return change(written)
    inside = _inside(found, change)
    return msgspec.json.encode(inside).decode() if inside != found else written


def _inside(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _inside(one, change) for name, one in value.items()}
    if isinstance(value, list):
        return [_inside(one, change) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        shown = str(value)
        changed = change(shown)
        return value if changed == shown else changed
    return value
