"""Dialect "anthropic": the Messages wire.

Signatures of thinking travel sealed in `encrypted_content`: a tool loop with thinking is refused there unless each
thinking block comes back whole. Tool input stays byte for byte what the model wrote.
Source: Anthropic API reference, "Messages", "Streaming messages", "Extended thinking", "Errors".
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.partners import canonical
from isthmus.partners.asked import Asked, arguments_of, cannot, given, schema_of, text_of
from isthmus.partners.finish import finish
from isthmus.partners.judge import judge
from isthmus.partners.openai_chat import BrokenAnswerError, path, read_answer, read_chunk
from isthmus.partners.sealed import seal, unseal

__all__ = ("BrokenAnswerError", "Reader", "head", "judge", "path", "read_answer", "read_chunk", "to_chat", "write_body")

NAME = "anthropic"
VERSION = "2023-06-01"
MOST = 8192  # max_tokens is required there; this is asked for when neither the caller nor the model's file says
BUDGET = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768}
_LEAST = 1024  # the smallest thinking budget
CARRIED = frozenset(
    (
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "tools", "tool_choice",
        "parallel_tool_calls", "response_format", "reasoning_effort",
    )
)  # fmt: skip
_generic = msgspec.json.Decoder()


def head(route: Route, secret: str, *, stream: bool = False) -> bytes:
    """The header lines that carry the key."""
    return f"x-api-key: {secret}\r\nanthropic-version: {VERSION}\r\n".encode()


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that this wire has no word for."""
    return [name for name in ex.ask.fields if name not in CARRIED and name not in _OWN]


_OWN = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
)


def write_body(ex: Exchange, route: Route) -> bytes:
    """The Messages request. Raises Refusal bad_field, or RouteSkipped for what this wire cannot carry."""
    asked = Asked(ex)
    most = asked.limit or route.facts.get("output") or MOST
    body: dict[str, Any] = {"model": route.wire_model, "max_tokens": most}
    system = "\n\n".join(text_of(m.get("content")) for m in asked.messages if m["role"] in _SYSTEM)
    if system:
        body["system"] = system
    body["messages"] = _turns(asked, route)
    if asked.stop:
        body["stop_sequences"] = asked.stop
    for name in ("temperature", "top_p"):
        if name in asked.fields:
            body[name] = asked.fields[name]
    if body.get("temperature", 0) > 1:
        cannot(route, "temperature", "takes 0 to 1")
    _add_tools(body, asked)
    _add_format(body, asked, route)
    _add_thinking(body, asked, route)
    if asked.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


_SYSTEM = frozenset(("system", "developer"))


def _turns(asked: Asked, route: Route) -> list[dict[str, Any]]:
    """Messages as turns of blocks: neighbours of one side join, tool results go to the person's side."""
    turns: list[dict[str, Any]] = []
    for message in asked.messages:
        role = message["role"]
        if role in _SYSTEM:
            continue
        side = "assistant" if role == "assistant" else "user"
        blocks = _assistant(message, route) if side == "assistant" else _person(message)
        if turns and turns[-1]["role"] == side:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": side, "content": blocks})
    if not turns:
        cannot(route, "messages", "needs at least one message beside the system's")
    return turns


def _person(message: dict[str, Any]) -> list[dict[str, Any]]:
    if message["role"] == "tool":
        text = text_of(message.get("content"))
        return [{"type": "tool_result", "tool_use_id": message.get("tool_call_id", ""), "content": text}]
    return _texts(message.get("content"))


def _texts(content: Any) -> list[dict[str, Any]]:
    parts = [content] if isinstance(content, str) else [part.get("text") for part in content or ()]
    return [{"type": "text", "text": text} for text in parts if text]  # empty blocks are refused there


def _assistant(message: dict[str, Any], route: Route) -> list[dict[str, Any]]:
    blocks = _thoughts(message) + _texts(message.get("content"))
    for call in message.get("tool_calls") or ():
        name = (call.get("function") or {}).get("name", "")
        blocks.append({"type": "tool_use", "id": call.get("id", ""), "name": name, "input": arguments_of(call, route)})
    return blocks


def _thoughts(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Thinking blocks as they were signed; unsigned reasoning (another partner's) is not accepted there."""
    text = message.get("reasoning_content") or ""
    blocks: list[dict[str, Any]] = []
    at = 0
    for part in unseal(NAME, message.get("encrypted_content")):
        if "data" in part:
            blocks.append({"type": "redacted_thinking", "data": part["data"]})
            continue
        length = int(part.get("n", 0))
        blocks.append(
            {"type": "thinking", "thinking": text[at : at + length], "signature": str(part.get("signature", ""))}
        )
        at += length
    return blocks if at == len(text) else []  # the text was changed: a signature over other words is refused


def _add_tools(body: dict[str, Any], asked: Asked) -> None:
    if asked.tools:
        body["tools"] = [
            {
                "name": tool.function.name,
                **({"description": tool.function.description} if tool.function.description else {}),
                "input_schema": schema_of(tool),
                **({"strict": True} if tool.function.strict else {}),
            }
            for tool in asked.tools
        ]
    choice: dict[str, Any] = {}
    if isinstance(asked.choice, tuple):
        choice = {"type": "tool", "name": asked.choice[1]}
    elif asked.choice:
        choice = {"type": {"auto": "auto", "none": "none", "required": "any"}[asked.choice]}
    if asked.fields.get("parallel_tool_calls") is False and choice.get("type") != "none" and asked.tools:
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        body["tool_choice"] = choice


def _add_format(body: dict[str, Any], asked: Asked, route: Route) -> None:
    if asked.format.type == "json_schema" and asked.format.json_schema is not None:
        schema = asked.format.json_schema.schema
        body["output_config"] = {"format": {"type": "json_schema", "schema": given(schema)}}
    elif asked.format.type != "text":
        cannot(route, "response_format", "takes json_schema, and no JSON without a schema")


def _add_thinking(body: dict[str, Any], asked: Asked, route: Route) -> None:
    """Thinking where it was asked for and may be: never with a forced tool, nor in a tool loop that lost its
    signatures.
    """
    if not asked.effort or asked.effort == "none":
        return
    if body.get("tool_choice", {}).get("type") in ("any", "tool") or _unsigned_loop(body["messages"]):
        return
    if route.facts.get("reasoning") == "effort":
        body["thinking"] = {"type": "adaptive"}
        effort = "low" if asked.effort == "minimal" else asked.effort
        body["output_config"] = {**body.get("output_config", {}), "effort": effort}
    else:
        budget = min(BUDGET[asked.effort], body["max_tokens"] - 1)
        if budget < _LEAST:
            return
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if body.get("temperature", 1) != 1:
        cannot(route, "temperature", "takes none together with reasoning_effort")


def _unsigned_loop(turns: list[dict[str, Any]]) -> bool:
    """Whether the last assistant turn calls tools without the thinking it began with."""
    if turns[-1]["content"][0]["type"] != "tool_result":
        return False
    last = next((turn for turn in reversed(turns) if turn["role"] == "assistant"), None)
    return last is None or last["content"][0]["type"] not in ("thinking", "redacted_thinking")


def _counted(usage: Any) -> dict[str, Any]:
    """OpenAI's usage; what was read from or written to the cache is part of the prompt there."""
    said = usage if isinstance(usage, dict) else {}
    cached = said.get("cache_read_input_tokens") or 0
    prompt = (said.get("input_tokens") or 0) + cached + (said.get("cache_creation_input_tokens") or 0)
    thought = (said.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return canonical.usage(prompt, said.get("output_tokens") or 0, cached, thought)


class _Message(msgspec.Struct):
    content: list[dict[str, msgspec.Raw]]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    usage: dict[str, Any] = {}


_message = msgspec.json.Decoder(_Message)
_text = msgspec.json.Decoder(str)


def to_chat(body: bytes) -> bytes:
    """A message as a chat.completion. Raises BrokenAnswerError."""
    try:
        message = _message.decode(body)
        said, parts, calls = _blocks(message.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
        raise BrokenAnswerError from None
    if parts:
        said["encrypted_content"] = seal(NAME, parts)
    if calls:
        said["tool_calls"] = calls
    ended = (finish(message.stop_reason), message.stop_reason)
    return canonical.whole(message.id, message.model, said, ended, _counted(message.usage))


def _blocks(
    content: list[dict[str, msgspec.Raw]],
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """What a message's blocks say: texts by channel, sealed parts, tool calls."""
    said: dict[str, Any] = {}
    parts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for block in content:
        match _text.decode(block["type"]):
            case "text":
                said["content"] = said.get("content", "") + _text.decode(block["text"])
            case "thinking":
                thought = _text.decode(block["thinking"])
                said["reasoning_content"] = said.get("reasoning_content", "") + thought
                parts.append({"n": len(thought), "signature": _text.decode(block.get("signature", _EMPTY))})
            case "redacted_thinking":
                parts.append({"data": _text.decode(block["data"])})
            case "tool_use":
                arguments = bytes(block["input"]).decode()
                calls.append(canonical.call(_text.decode(block["id"]), _text.decode(block["name"]), arguments))
            case _:
                pass  # blocks of the partner's own tools, which are never asked for
    return said, parts, calls


_EMPTY = msgspec.Raw(b'""')


class Reader:
    """Message events to canonical chunks. One reader serves one stream."""

    __slots__ = ("_calls", "_frame", "_length", "_signature", "_usage", "_word", "_wrote")

    def __init__(self, route: Route | None = None) -> None:
        self._frame = canonical.Frame()
        self._usage: dict[str, Any] = {}
        self._calls: dict[int, int] = {}  # block -> tool call
        self._wrote: set[int] = set()
        self._length, self._signature = 0, ""
        self._word: str | None = None

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]:
        """The canonical events that one event becomes. Raises BrokenAnswerError."""
        try:
            document = _generic.decode(event)
            return self._take(document["type"], document)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
            raise BrokenAnswerError from None

    def _take(self, kind: str, document: dict[str, Any]) -> list[bytes]:
        match kind:
            case "content_block_delta":
                return self._delta(document["index"], document["delta"])
            case "content_block_start":
                return self._start(document["index"], document["content_block"])
            case "content_block_stop":
                return self._stop(document["index"])
            case "message_start":
                message = document["message"]
                self._usage.update(message.get("usage") or {})
                begun = self._frame.begin(message.get("id", ""), message.get("model", ""))
                return begun + self._frame.counted(_counted(self._usage))
            case "message_delta":
                # Cumulative there: the last one counts.
                known = {name: value for name, value in (document.get("usage") or {}).items() if value is not None}
                self._usage.update(known)
                self._word = document["delta"].get("stop_reason") or self._word
                return []
            case "message_stop":
                return self._frame.end(self._word, _counted(self._usage))
            case "error":
                return [canonical.error(str((document.get("error") or {}).get("type", "error")))]
            case _:
                return []  # ping, and events of later versions

    def _start(self, index: int, block: dict[str, Any]) -> list[bytes]:
        match block["type"]:
            case "tool_use":
                self._calls[index] = len(self._calls)
                return [self._frame.call(self._calls[index], "", block["id"], block["name"])]
            case "thinking":
                self._length, self._signature = 0, block.get("signature") or ""
            case "redacted_thinking":
                return [self._frame.delta(encrypted_content=seal(NAME, [{"data": block["data"]}]))]
            case "text" if block.get("text"):
                return [self._frame.delta(content=block["text"])]
        return []

    def _delta(self, index: int, delta: dict[str, Any]) -> list[bytes]:
        match delta["type"]:
            case "text_delta":
                return [self._frame.delta(content=delta["text"])]
            case "input_json_delta":
                if index not in self._calls or not delta["partial_json"]:
                    return []
                self._wrote.add(index)
                return [self._frame.call(self._calls[index], delta["partial_json"])]
            case "thinking_delta":
                self._length += len(delta["thinking"])
                return [self._frame.delta(reasoning_content=delta["thinking"])]
            case "signature_delta":
                self._signature += delta["signature"]
        return []

    def _stop(self, index: int) -> list[bytes]:
        if index in self._calls:
            # A call without arguments sends none; whole answers say {} for it.
            return [] if index in self._wrote else [self._frame.call(self._calls[index], "{}")]
        part = {"n": self._length, "signature": self._signature}
        self._length, self._signature = 0, ""
        return [self._frame.delta(encrypted_content=seal(NAME, [part]))] if part["signature"] else []
