"""The Messages door: /v1/messages, as Anthropic's clients speak it.

Tool input keeps its bytes; results become tool messages, in order, before what the person says beside them. A seal of
reasoning (`encrypted_content`) travels as the signature of a thinking block, or as a redacted one where none is open.
Source: Anthropic API reference, "Messages", "Streaming messages", "Errors".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.core.sse import DONE
from isthmus.gateway.doors.shape import NOTHING, decode, generic, given, origin

PATH = b"/v1/messages"
STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
NATIVE = frozenset(("end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal"))
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error"}  # fmt: skip


class Block(Withheld, msgspec.Struct):
    """One block of content; which fields it has depends on its type."""

    type: str
    text: str | None = None
    id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw(b"{}")
    tool_use_id: str = ""
    content: str | list[Block] | None = None
    is_error: bool | None = None
    thinking: str = ""
    signature: str = ""
    data: str = ""


class Turn(Withheld, msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class Tool(Withheld, msgspec.Struct):
    name: str
    description: str | None = None
    input_schema: msgspec.Raw = NOTHING
    type: str | None = None
    strict: bool | None = None


class Choice(msgspec.Struct):
    type: Literal["auto", "any", "tool", "none"]
    name: str = ""
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct):
    type: str
    budget_tokens: int = 4096


class Shape(Withheld, msgspec.Struct):
    type: str
    schema: msgspec.Raw = NOTHING


class Output(msgspec.Struct):
    effort: str | None = None
    format: Shape | None = None


class Asked(Withheld, msgspec.Struct):
    """A Messages request, as far as it can be carried on."""

    model: str
    messages: list[Turn]
    max_tokens: int
    system: str | list[Block] | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    tools: list[Tool] | None = None
    tool_choice: Choice | None = None
    thinking: Thinking | None = None
    output_config: Output | None = None


_asked = msgspec.json.Decoder(Asked)


def read(body: bytes) -> bytes:
    """A Messages request as a chat.completions body. Raises Refusal bad_json or bad_field."""
    asked = decode(_asked, body)
    messages: list[dict[str, Any]] = []
    if asked.system:
        messages.append({"role": "system", "content": _text(asked.system, "system")})
    for turn in asked.messages:
        messages += _turn(turn)
    chat: dict[str, Any] = {"model": asked.model, "messages": messages, "max_tokens": asked.max_tokens}
    if asked.stop_sequences:
        chat["stop"] = asked.stop_sequences
    for name in ("temperature", "top_p", "top_k"):
        if getattr(asked, name) is not None:
            chat[name] = getattr(asked, name)
    if asked.tools:
        chat["tools"] = [_tool(tool) for tool in asked.tools]
    _add_choice(chat, asked.tool_choice)
    _add_output(chat, asked)
    if asked.stream:
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(chat)


def _turn(turn: Turn) -> list[dict[str, Any]]:
    """One turn as chat messages: results first, then what is said."""
    if isinstance(turn.content, str) or turn.role == "system":
        return [{"role": turn.role, "content": _text(turn.content, "messages")}]
    if turn.role == "assistant":
        return [_assistant(turn.content)]
    results = [block for block in turn.content if block.type == "tool_result"]
    others = [block for block in turn.content if block.type != "tool_result"]
    messages: list[dict[str, Any]] = [
        {"role": "tool", "tool_call_id": block.tool_use_id, "content": _result(block)} for block in results
    ]
    if others:
        parts = [{"type": "text", "text": _said(block, "messages")} for block in others]
        messages.append({"role": "user", "content": parts[0]["text"] if len(parts) == 1 else parts})
    return messages


def _result(block: Block) -> str:
    text = _text(block.content or "", "messages")
    return f"error: {text}" if block.is_error else text  # the chat wire has no flag for it


def _assistant(blocks: list[Block]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": None}
    sealed = ""
    calls = []
    for block in blocks:
        match block.type:
            case "thinking":
                message["reasoning_content"] = message.get("reasoning_content", "") + block.thinking
                sealed += block.signature
            case "redacted_thinking":
                sealed += block.data
            case "tool_use":
                function = {"name": block.name, "arguments": bytes(block.input).decode()}
                calls.append({"id": block.id, "type": "function", "function": function})
            case _:
                message["content"] = (message["content"] or "") + _said(block, "messages")
    if sealed:
        message["encrypted_content"] = sealed
    if calls:
        message["tool_calls"] = calls
    return message


def _text(content: str | list[Block], field: str) -> str:
    return content if isinstance(content, str) else "".join(_said(block, field) for block in content)


def _said(block: Block, field: str) -> str:
    if block.type != "text" or block.text is None:
        raise Refusal("bad_field", field=field, reason="only text, thinking, tool_use and tool_result blocks are taken")
    return block.text


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.type not in (None, "custom"):
        raise Refusal("bad_field", field="tools", reason="only tools that the caller runs are taken")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = given(tool.input_schema) or {"type": "object", "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _add_choice(chat: dict[str, Any], choice: Choice | None) -> None:
    if choice is None:
        return
    words: dict[str, Any] = {"auto": "auto", "any": "required", "none": "none"}
    chat["tool_choice"] = words.get(choice.type) or {"type": "function", "function": {"name": choice.name}}
    if choice.disable_parallel_tool_use:
        chat["parallel_tool_calls"] = False


def _add_output(chat: dict[str, Any], asked: Asked) -> None:
    """Depth of thought and form of the answer, in the chat wire's words."""
    output = asked.output_config or Output()
    thinking = asked.thinking
    if thinking is not None and thinking.type == "enabled":
        budget = thinking.budget_tokens
        chat["reasoning_effort"] = "low" if budget <= 2048 else "medium" if budget <= 8192 else "high"
    elif thinking is not None and thinking.type == "adaptive":
        chat["reasoning_effort"] = "medium"
    if output.effort and (thinking is None or thinking.type != "disabled"):
        chat["reasoning_effort"] = "xhigh" if output.effort == "max" else output.effort
    if output.format is not None:
        schema: dict[str, Any] = {"name": "answer", "schema": given(output.format.schema) or {}, "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}


# -- back to the caller --------------------------------------------------------------------------------------


def write(chat: bytes, asked: bytes) -> bytes:
    """A chat.completion as a message, with its `isthmus` object."""
    document = generic(chat)
    choice = document["choices"][0]
    told = origin(document)
    message = {
        "id": _id(document, told),
        "type": "message",
        "role": "assistant",
        "model": document.get("model", ""),
        "content": _blocks(choice["message"]),
        "stop_reason": stop_reason(choice),
        "stop_sequence": None,
        "usage": counted(document.get("usage")),
        "isthmus": told,
    }
    return msgspec.json.encode(message)


def _id(document: dict[str, Any], told: dict[str, Any]) -> str:
    return f"msg_{told.get('receipt') or document.get('id') or '-'}"


def stop_reason(choice: dict[str, Any]) -> str:
    """Anthropic's word: the partner's own where it is one, else the table's; `unknown` stays unknown."""
    native = choice.get("native_finish_reason")
    if native in NATIVE:
        return str(native)
    return STOPS.get(choice.get("finish_reason") or "", "unknown")


def counted(usage: dict[str, Any] | None) -> dict[str, int]:
    """Usage in Anthropic's words, where what came from a cache is no input."""
    said = usage or {}
    cached = (said.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return {
        "input_tokens": max(0, (said.get("prompt_tokens") or 0) - cached),
        "output_tokens": said.get("completion_tokens") or 0,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    sealed = message.get("encrypted_content") or ""
    if message.get("reasoning_content"):
        blocks.append({"type": "thinking", "thinking": message["reasoning_content"], "signature": sealed})
    elif sealed:
        blocks.append({"type": "redacted_thinking", "data": sealed})
    text = message.get("content") or message.get("refusal")
    if text:
        blocks.append({"type": "text", "text": text})
    for call in message.get("tool_calls") or ():
        function = call["function"]
        given = _input(function.get("arguments") or "{}")
        blocks.append({"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", ""), "input": given})
    return blocks


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _input(arguments: str) -> Any:
    """The arguments byte for byte; what is no JSON object stands under one name, so that nothing is lost."""
    try:
        _object.decode(arguments)
    except msgspec.MsgspecError:
        return {"invalid_json": arguments}
    return msgspec.Raw(arguments.encode())


def refusal(refused: Refusal, receipt: str = "") -> bytes:
    """Anthropic's error object, with Isthmus' code and what it adds."""
    body = {"type": "error", "error": _error(refused.body()["error"], refused.row.status), "request_id": receipt}
    return msgspec.json.encode(body)


def _error(error: dict[str, Any], status: int) -> dict[str, Any]:
    kind = _KINDS.get(status, "api_error" if status >= 500 else "permission_error" if status == 451 else _KINDS[400])
    return {**error, "type": kind}


class Writer:
    """Canonical chunks as message events. One writer serves one stream."""

    __slots__ = ("_begun", "_calls", "_choice", "_kind", "_model", "_name", "_next", "_told", "_usage")

    def __init__(self, asked: bytes = b"") -> None:
        self._begun = False
        self._kind = ""  # of the open block: thinking, text, tool:<index>
        self._next = 0  # index of the next block
        self._calls: dict[int, int] = {}  # tool call -> block
        self._choice: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._told: dict[str, Any] = {}
        self._name, self._model = "", ""

    def note(self, comment: bytes) -> None:
        """A comment of the stream; `: isthmus {...}` names the receipt before anything else is said."""
        head, _, rest = comment.partition(b"{")
        if head == b": isthmus ":
            self._told = generic(b"{" + rest)

    def feed(self, event: bytes) -> bytes:
        """The caller's events that one canonical event becomes."""
        if event == DONE:
            return b"".join(self._end())
        document = generic(event)
        self._told = origin(document) or self._told
        if document.get("error") is not None:
            return _event("error", {"error": _error(document["error"], 500)})
        out: list[bytes] = []
        if not self._begun:
            out.append(self._start(document))
        self._usage = document.get("usage") or self._usage
        for choice in document.get("choices") or ():
            self._delta(choice.get("delta") or {}, out)
            if choice.get("finish_reason"):
                self._choice = choice
        return b"".join(out)

    def _start(self, document: dict[str, Any]) -> bytes:
        self._begun = True
        self._name, self._model = _id(document, self._told), document.get("model", "")
        message: dict[str, Any] = {
            "id": self._name, "type": "message", "role": "assistant", "model": self._model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": counted(document.get("usage")),
        }  # fmt: skip
        return _event("message_start", {"message": message})

    def _delta(self, said: dict[str, Any], out: list[bytes]) -> None:
        if said.get("reasoning_content"):
            self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""}, out)
            self._add({"type": "thinking_delta", "thinking": said["reasoning_content"]}, out)
        if said.get("encrypted_content"):
            self._seal(said["encrypted_content"], out)
        text = said.get("content") or said.get("refusal")
        if text:
            self._open("text", {"type": "text", "text": ""}, out)
            self._add({"type": "text_delta", "text": text}, out)
        for call in said.get("tool_calls") or ():
            self._call(call, out)

    def _call(self, call: dict[str, Any], out: list[bytes]) -> None:
        index = call.get("index", 0)
        function = call.get("function") or {}
        if index not in self._calls:
            block = {"type": "tool_use", "id": call.get("id", ""), "name": function.get("name", ""), "input": {}}
            self._open(f"tool:{index}", block, out)
            self._calls[index] = self._next - 1
        if function.get("arguments"):
            delta = {"type": "input_json_delta", "partial_json": function["arguments"]}
            self._add(delta, out, self._calls[index])

    def _seal(self, sealed: str, out: list[bytes]) -> None:
        if self._kind == "thinking":
            self._add({"type": "signature_delta", "signature": sealed}, out)
        else:
            self._open("sealed", {"type": "redacted_thinking", "data": sealed}, out)
            self._close(out)

    def _open(self, kind: str, block: dict[str, Any], out: list[bytes]) -> None:
        if self._kind == kind:
            return
        self._close(out)
        self._kind = kind
        out.append(_event("content_block_start", {"index": self._next, "content_block": block}))
        self._next += 1

    def _close(self, out: list[bytes]) -> None:
        if self._kind:
            self._kind = ""
            out.append(_event("content_block_stop", {"index": self._next - 1}))

    def _add(self, delta: dict[str, Any], out: list[bytes], index: int | None = None) -> None:
        at = self._next - 1 if index is None else index
        out.append(_event("content_block_delta", {"index": at, "delta": delta}))

    def _end(self) -> list[bytes]:
        out: list[bytes] = []
        self._close(out)
        delta = {"stop_reason": stop_reason(self._choice), "stop_sequence": None}
        last = {"delta": delta, "usage": counted(self._usage), "isthmus": self._told}
        return [*out, _event("message_delta", last), _event("message_stop", {})]


def _event(kind: str, said: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **said}))
