"""Dialect "openai_responses": the Responses wire, without state there: `store` is always false.

What keeps a chain of thought alive without state is `encrypted_content` of its reasoning items; it comes back sealed.
An answer may open with a 200 and `response.created` and fail afterwards: that is an error event, never an ending.
Source: OpenAI API reference, "Create a model response", "Streaming events", "Conversation state".
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.partners import canonical
from isthmus.partners.asked import Asked, cannot, given, schema_of, text_of
from isthmus.partners.finish import CALLS, UNKNOWN, finish
from isthmus.partners.judge import judge
from isthmus.partners.openai_chat import BrokenAnswerError, head, path, read_answer, read_chunk
from isthmus.partners.sealed import seal, unseal

__all__ = ("BrokenAnswerError", "Reader", "head", "judge", "path", "read_answer", "read_chunk", "to_chat", "write_body")

NAME = "responses"
LEAST = 16  # the smallest max_output_tokens there
CARRIED = frozenset(
    (
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_logprobs", "tools", "tool_choice",
        "parallel_tool_calls", "response_format", "reasoning_effort",
    )
)  # fmt: skip
_generic = msgspec.json.Decoder()


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that this wire has no word for."""
    own = ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
    return [name for name in ex.ask.fields if name not in CARRIED and name not in own]


def write_body(ex: Exchange, route: Route) -> bytes:
    """The Responses request. Raises Refusal bad_field, or RouteSkipped for what this wire cannot carry."""
    asked = Asked(ex)
    if asked.stop:
        cannot(route, "stop", "takes no stop sequences")
    body: dict[str, Any] = {
        "model": route.wire_model,
        "input": [item for message in asked.messages for item in _items(message)],
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if asked.limit:
        body["max_output_tokens"] = max(asked.limit, LEAST)
    for name in ("temperature", "top_p", "top_logprobs", "parallel_tool_calls"):
        if name in asked.fields:
            body[name] = asked.fields[name]
    if asked.tools:
        body["tools"] = [_tool(tool) for tool in asked.tools]
    if isinstance(asked.choice, tuple):
        body["tool_choice"] = {"type": "function", "name": asked.choice[1]}
    elif asked.choice:
        body["tool_choice"] = asked.choice
    if asked.effort:
        body["reasoning"] = {"effort": asked.effort, "summary": "auto"}
    _add_format(body, asked)
    if asked.stream:
        body["stream"] = True
    return msgspec.json.encode(body)


def _tool(tool: Any) -> dict[str, Any]:
    """`strict` is said always: left out it means true there and false on the chat wire."""
    function = tool.function
    described = {"description": function.description} if function.description else {}
    strict = function.strict is True
    return {
        "type": "function",
        "name": function.name,
        **described,
        "parameters": schema_of(tool),
        "strict": strict,
    }


def _add_format(body: dict[str, Any], asked: Asked) -> None:
    wanted = asked.format
    if wanted.type == "json_schema" and wanted.json_schema is not None:
        schema = wanted.json_schema
        strict = {} if schema.strict is None else {"strict": schema.strict}
        shape = {"type": "json_schema", "name": schema.name, "schema": given(schema.schema), **strict}
        body["text"] = {"format": shape}
    elif wanted.type != "text":
        body["text"] = {"format": {"type": wanted.type}}


def _items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """One message as input items, reasoning first, then its words, then its calls."""
    role = message["role"]
    text = text_of(message.get("content"))
    if role in ("tool", "function"):
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id", ""), "output": text}]
    if role != "assistant":
        return [{"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}]
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": part["id"], "summary": [], "encrypted_content": part["encrypted_content"]}
        for part in unseal(NAME, message.get("encrypted_content"))
    ]
    if text:
        said = [{"type": "output_text", "text": text}]
        items.append({"type": "message", "role": "assistant", "content": said})
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        items.append(
            {
                "type": "function_call",
                "call_id": call.get("id", ""),
                "name": function.get("name", ""),
                "arguments": function.get("arguments", ""),
            }
        )
    return items


def _counted(usage: Any) -> dict[str, Any] | None:
    if not isinstance(usage, dict):
        return None
    cached = (usage.get("input_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0
    return canonical.usage(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0, cached, thought)


def _ended(response: dict[str, Any], *, called: bool) -> tuple[str, str | None]:
    """OpenAI's finish reason for a response's status, and the word it rests on."""
    status = response.get("status")
    word = status if status == "completed" else (response.get("incomplete_details") or {}).get("reason")
    if status not in ("completed", "incomplete"):
        return UNKNOWN, str(status)
    return (CALLS, word) if called and status == "completed" else (finish(word), word)


def to_chat(body: bytes) -> bytes:
    """A response object as a chat.completion. Raises BrokenAnswerError."""
    try:
        response = _generic.decode(body)
        if response.get("status") not in ("completed", "incomplete") or response.get("error"):
            raise BrokenAnswerError
        said, calls, parts = _output(response["output"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
        raise BrokenAnswerError from None
    if calls:
        said["tool_calls"] = calls
    if parts:
        said["encrypted_content"] = seal(NAME, parts)
    ended = _ended(response, called=bool(calls))
    usage = _counted(response.get("usage"))
    return canonical.whole(str(response.get("id", "")), str(response.get("model", "")), said, ended, usage)


def _output(items: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    said: dict[str, Any] = {}
    calls: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for item in items:
        match item.get("type"):
            case "message":
                for piece in item["content"]:
                    channel = "refusal" if piece["type"] == "refusal" else "content"
                    text = piece["refusal"] if channel == "refusal" else piece.get("text", "")
                    said[channel] = said.get(channel, "") + text
            case "function_call":
                calls.append(canonical.call(item["call_id"], item["name"], item["arguments"]))
            case "reasoning":
                thought = "".join(each["text"] for each in (*(item.get("content") or ()), *(item.get("summary") or ())))
                if thought:
                    said["reasoning_content"] = said.get("reasoning_content", "") + thought
                if item.get("encrypted_content"):
                    parts.append({"id": item.get("id", ""), "encrypted_content": item["encrypted_content"]})
    return said, calls, parts


class Reader:
    """Response events to canonical chunks. One reader serves one stream."""

    __slots__ = ("_calls", "_frame", "_wrote")

    def __init__(self, route: Route | None = None) -> None:
        self._frame = canonical.Frame()
        self._calls: dict[int, int] = {}  # output_index -> tool call
        self._wrote: set[int] = set()

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]:
        """The canonical events that one event becomes. Raises BrokenAnswerError."""
        try:
            document = _generic.decode(event)
            return self._take(document.get("type", ""), document)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError):
            raise BrokenAnswerError from None

    def _take(self, kind: str, document: dict[str, Any]) -> list[bytes]:
        match kind:
            case "response.output_text.delta":
                return [self._frame.delta(content=document["delta"])]
            case "response.refusal.delta":
                return [self._frame.delta(refusal=document["delta"])]
            case "response.reasoning_text.delta" | "response.reasoning_summary_text.delta":
                return [self._frame.delta(reasoning_content=document["delta"])]
            case "response.function_call_arguments.delta":
                number = self._calls[document["output_index"]]
                self._wrote.add(number)
                return [self._frame.call(number, document["delta"])]
            case "response.created":
                response = document["response"]
                return self._frame.begin(str(response.get("id", "")), str(response.get("model", "")))
            case "response.output_item.added" if document["item"].get("type") == "function_call":
                number = self._calls[document["output_index"]] = len(self._calls)
                item = document["item"]
                return [self._frame.call(number, "", item["call_id"], item["name"])]
            case "response.output_item.done":
                return self._item(document["item"], document["output_index"])
            case "response.completed" | "response.incomplete":
                return self._end(document["response"])
            case "response.failed":
                failure = document["response"].get("error") or {}
                return [canonical.error(str(failure.get("code", "error")))]
            case "error":
                inside = document.get("error") or document
                return [canonical.error(str(inside.get("code") or "error"))]
            case _ if document.get("error"):
                return [canonical.error(str(document["error"].get("code") or "error"))]
            case _:
                return []

    def _item(self, item: dict[str, Any], at: int) -> list[bytes]:
        if item.get("type") == "reasoning" and item.get("encrypted_content"):
            part = {"id": item.get("id", ""), "encrypted_content": item["encrypted_content"]}
            return [self._frame.delta(encrypted_content=seal(NAME, [part]))]
        if item.get("type") == "function_call" and self._calls[at] not in self._wrote and item.get("arguments"):
            return [self._frame.call(self._calls[at], item["arguments"])]  # it came whole, without deltas
        return []

    def _end(self, response: dict[str, Any]) -> list[bytes]:
        reason, word = _ended(response, called=bool(self._calls))
        return self._frame.end(word, _counted(response.get("usage")), reason=reason)
