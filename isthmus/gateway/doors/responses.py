"""The Responses door: /v1/responses.

State goes by reference and only where the caller asks for it: `store` is false unless the request says true, and then
the conversation stays in this process' memory for an hour (doors.memory). Instructions are never carried over.
Source: OpenAI API reference, "Create a model response", "Conversation state".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.gateway.doors.shape import NOTHING, decode, generic, given, origin

PATH = b"/v1/responses"
Recall = Callable[[str], bytes | None]
INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Part(Withheld, msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None


class Item(Withheld, msgspec.Struct):
    """One item of the input; which fields it has depends on its type."""

    type: str = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Part] | None = None
    id: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    output: str | list[Part] = ""
    summary: list[Part] | None = None
    encrypted_content: str | None = None


class Tool(Withheld, msgspec.Struct):
    type: str
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = NOTHING
    strict: bool | None = None


class Choice(msgspec.Struct):
    type: str
    name: str = ""


class Shape(Withheld, msgspec.Struct):
    type: str
    name: str = "answer"
    schema: msgspec.Raw = NOTHING
    strict: bool | None = None


class Text(msgspec.Struct):
    format: Shape | None = None


class Reasoning(msgspec.Struct):
    effort: str | None = None


class Asked(Withheld, msgspec.Struct):
    """A Responses request, as far as it can be carried on."""

    model: str
    input: str | list[Item]
    instructions: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    parallel_tool_calls: bool | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | Choice | None = None
    text: Text | None = None
    reasoning: Reasoning | None = None
    background: bool | None = None
    conversation: msgspec.Raw = NOTHING


_asked = msgspec.json.Decoder(Asked)


def nothing_kept(name: str) -> bytes | None:
    """A caller for whom nothing is kept."""
    return None


def read(body: bytes, recall: Recall = nothing_kept) -> bytes:
    """A Responses request as a chat.completions body. `recall` finds what was kept under a response's id.

    Raises Refusal bad_json or bad_field.
    """
    asked = decode(_asked, body)
    if asked.background:
        raise Refusal("bad_field", field="background", reason="answers are not made in the background; use a batch")
    if given(asked.conversation) is not None:
        raise Refusal("bad_field", field="conversation", reason="use previous_response_id, or send the turns")
    messages = [{"role": "system", "content": asked.instructions}] if asked.instructions else []
    chat: dict[str, Any] = {"model": asked.model, "messages": messages + _turns(asked, recall)}
    if asked.max_output_tokens is not None:
        chat["max_completion_tokens"] = asked.max_output_tokens
    for name in ("temperature", "top_p", "top_logprobs", "parallel_tool_calls"):
        if getattr(asked, name) is not None:
            chat[name] = getattr(asked, name)
    if asked.tools:
        chat["tools"] = [_tool(tool) for tool in asked.tools]
    if asked.tool_choice is not None:
        chat["tool_choice"] = _choice(asked.tool_choice)
    if asked.reasoning is not None and asked.reasoning.effort:
        chat["reasoning_effort"] = asked.reasoning.effort
    if asked.text is not None and asked.text.format is not None:
        chat["response_format"] = _format(asked.text.format)
    if asked.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(chat)


def stores(body: bytes) -> bool:
    """Whether the caller asked for the conversation to be kept."""
    return decode(_asked, body).store is True


def remember(body: bytes, said: dict[str, Any], recall: Recall = nothing_kept) -> bytes:
    """What is kept under the new response's id: the turns so far and the message `said`, without instructions."""
    kept = {name: said[name] for name in _KEPT if said.get(name) is not None}
    return msgspec.json.encode([*_turns(decode(_asked, body), recall), {"role": "assistant", "content": None, **kept}])


_KEPT = ("content", "reasoning_content", "encrypted_content", "tool_calls")


def _turns(asked: Asked, recall: Recall) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    if asked.previous_response_id:
        kept = recall(asked.previous_response_id)
        if kept is None:
            reason = "nothing is kept under it here (store was not true, or its time is over); send the turns again"
            raise Refusal("bad_field", field="previous_response_id", reason=reason)
        messages += generic(kept)
    if isinstance(asked.input, str):
        return [*messages, {"role": "user", "content": asked.input}]
    for item in asked.input:
        _add(messages, item)
    return messages


def _add(messages: list[dict[str, Any]], item: Item) -> None:
    """One item to the messages it belongs to: reasoning, words and calls of one turn are one assistant message."""
    match item.type:
        case "message":
            role = item.role or "user"
            text = _text(item.content)
            if role == "assistant" and _open(messages) and messages[-1]["content"] is None:
                messages[-1]["content"] = text
            else:
                messages.append({"role": role, "content": text})
        case "function_call":
            call = {"id": item.call_id, "type": "function"}
            function = {"name": item.name, "arguments": item.arguments}
            _turn(messages).setdefault("tool_calls", []).append({**call, "function": function})
        case "function_call_output":
            messages.append({"role": "tool", "tool_call_id": item.call_id, "content": _text(item.output)})
        case "reasoning":
            if not _open(messages) or messages[-1]["content"] is not None or "tool_calls" in messages[-1]:
                messages.append({"role": "assistant", "content": None})
            thought = _text(item.content) or "".join(part.text or "" for part in item.summary or ())
            if thought:
                messages[-1]["reasoning_content"] = messages[-1].get("reasoning_content", "") + thought
            if item.encrypted_content:
                messages[-1]["encrypted_content"] = messages[-1].get("encrypted_content", "") + item.encrypted_content
        case _:
            raise Refusal("bad_field", field="input", reason="only messages, reasoning and function calls are taken")


def _open(messages: list[dict[str, Any]]) -> bool:
    return bool(messages) and messages[-1]["role"] == "assistant"


def _turn(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if not _open(messages):
        messages.append({"role": "assistant", "content": None})
    return messages[-1]


_TEXTS = frozenset(("input_text", "output_text", "text", "summary_text", "reasoning_text"))


def _text(content: str | list[Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.type not in _TEXTS and part.type != "refusal":
            raise Refusal("bad_field", field="input", reason="only text parts are taken yet")
    return "".join(part.text or part.refusal or "" for part in content)


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.type != "function":
        raise Refusal("bad_field", field="tools", reason="only functions that the caller runs are taken")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = given(tool.parameters) or {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: str | Choice) -> Any:
    if isinstance(choice, str):
        return choice
    if choice.type != "function":
        raise Refusal("bad_field", field="tool_choice", reason="auto, none, required or one function")
    return {"type": "function", "function": {"name": choice.name}}


def _format(shape: Shape) -> dict[str, Any]:
    if shape.type != "json_schema":
        return {"type": shape.type}
    strict = {} if shape.strict is None else {"strict": shape.strict}
    return {"type": "json_schema", "json_schema": {"name": shape.name, "schema": given(shape.schema) or {}, **strict}}


# -- back to the caller --------------------------------------------------------------------------------------


def write(chat: bytes, asked: bytes) -> bytes:
    """A chat.completion as a response object, with its `isthmus` object."""
    document = generic(chat)
    choice = document["choices"][0]
    told = origin(document)
    made = frame(asked, response_id(document, told), document)
    output = items(choice["message"], made["id"])
    body = {**made, **ending(choice.get("finish_reason")), "output": output, "usage": counted(document.get("usage"))}
    return msgspec.json.encode({**body, "isthmus": told})


def response_id(document: dict[str, Any], told: dict[str, Any]) -> str:
    """The receipt's id where there is one: the same word finds the proof."""
    return f"resp_{told.get('receipt') or document.get('id') or '-'}"


def frame(asked: bytes, name: str, document: dict[str, Any]) -> dict[str, Any]:
    """What every response object repeats of its request."""
    said = generic(asked)
    return {
        "id": name,
        "object": "response",
        "created_at": document.get("created") or 0,
        "model": document.get("model", ""),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": said.get("instructions"),
        "max_output_tokens": said.get("max_output_tokens"),
        "metadata": said.get("metadata") or {},
        "output": [],
        "parallel_tool_calls": said.get("parallel_tool_calls", True),
        "previous_response_id": said.get("previous_response_id"),
        "reasoning": said.get("reasoning") or {"effort": None, "summary": None},
        "store": said.get("store") is True,
        "temperature": said.get("temperature"),
        "text": said.get("text") or {"format": {"type": "text"}},
        "tool_choice": said.get("tool_choice") or "auto",
        "tools": said.get("tools") or [],
        "top_p": said.get("top_p"),
        "truncation": "disabled",
        "usage": None,
    }


def ending(reason: str | None) -> dict[str, Any]:
    """Status of a response that ended for `reason`; an unknown one is no completion."""
    if reason in ("stop", "tool_calls", "function_call"):
        return {"status": "completed"}
    return {"status": "incomplete", "incomplete_details": {"reason": INCOMPLETE.get(reason or "", "unknown")}}


def counted(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """Usage in the Responses wire's words."""
    if usage is None:
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return {
        "input_tokens": usage.get("prompt_tokens") or 0,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": usage.get("completion_tokens") or 0,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": usage.get("total_tokens") or 0,
    }


def items(message: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The output items of one assistant message: reasoning, words, calls in their order."""
    found: list[dict[str, Any]] = []
    if message.get("reasoning_content") or message.get("encrypted_content"):
        found.append(reasoning_item(name, message.get("reasoning_content") or "", message.get("encrypted_content")))
    if message.get("content") or message.get("refusal"):
        found.append(message_item(name, message.get("content") or "", message.get("refusal") or ""))
    for number, call in enumerate(message.get("tool_calls") or ()):
        found.append(call_item(name, number, call, "completed"))
    return found


def reasoning_item(name: str, text: str, sealed: str | None, status: str = "completed") -> dict[str, Any]:
    """A reasoning item; `sealed` is what its partner wants back unread."""
    content = [{"type": "reasoning_text", "text": text}] if text else []
    item = {"id": f"rs_{name[5:]}", "type": "reasoning", "summary": [], "content": content, "status": status}
    return {**item, "encrypted_content": sealed} if sealed else item


def message_item(name: str, text: str, refused: str, status: str = "completed") -> dict[str, Any]:
    """A message item of text, or of the model's own refusal."""
    parts: list[dict[str, Any]] = []
    if text:
        parts.append({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
    if refused:
        parts.append({"type": "refusal", "refusal": refused})
    return {"id": f"msg_{name[5:]}", "type": "message", "role": "assistant", "status": status, "content": parts}


def call_item(name: str, number: int, call: dict[str, Any], status: str) -> dict[str, Any]:
    """A function call, its arguments byte for byte."""
    function = call.get("function") or {}
    return {
        "id": f"fc_{name[5:]}_{number}",
        "type": "function_call",
        "status": status,
        "call_id": call.get("id", ""),
        "name": function.get("name", ""),
        "arguments": function.get("arguments", ""),
    }


def refusal(refused: Refusal, receipt: str = "") -> bytes:
    """OpenAI's error object: this wire has the same one."""
    return refused.encode()
