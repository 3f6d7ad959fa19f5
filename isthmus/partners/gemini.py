"""Dialect "gemini": generateContent and streamGenerateContent.

The model and the kind of answer stand in the path. There are no ids of tool calls in older models, so they are made
here; signatures of thought travel sealed in `encrypted_content`. A blocked prompt is a 200 without candidates.
Source: Gemini API reference, "Generating content", "Function calling", "Thinking", "Thought signatures".
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.partners import canonical
from isthmus.partners.asked import Asked, arguments_of, cannot, given, schema_of, text_of
from isthmus.partners.finish import CALLS, FAILED, FILTER, STOP, finish
from isthmus.partners.judge import judge
from isthmus.partners.openai_chat import BrokenAnswerError, read_answer, read_chunk
from isthmus.partners.sealed import seal, unseal

__all__ = ("BrokenAnswerError", "Reader", "head", "judge", "path", "read_answer", "read_chunk", "to_chat", "write_body")

NAME = "gemini"
BUDGET = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576}
LEVEL = {"none": "minimal", "minimal": "minimal", "low": "low", "medium": "medium", "high": "high", "xhigh": "high"}
_SETTINGS = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
CARRIED = frozenset(
    (
        *_SETTINGS, "max_tokens", "max_completion_tokens", "stop", "tools", "tool_choice", "response_format",
        "reasoning_effort",
    )
)  # fmt: skip
_generic = msgspec.json.Decoder()


def head(route: Route, secret: str, *, stream: bool = False) -> bytes:
    """The header line that carries the key: never the query, which logs keep."""
    return f"x-goog-api-key: {secret}\r\n".encode()


def path(route: Route, *, stream: bool = False) -> str:
    """`/v1beta/models/MODEL:generateContent`, or its streaming sister as server-sent events."""
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"{route.path}/{route.wire_model}:{verb}"


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that this wire has no word for."""
    return [name for name in ex.ask.fields if name not in CARRIED and name not in _OWN]


_OWN = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
)


def write_body(ex: Exchange, route: Route) -> bytes:
    """The GenerateContent request. Raises Refusal bad_field, or RouteSkipped for what this wire cannot carry."""
    asked = Asked(ex)
    body: dict[str, Any] = {"contents": _contents(asked, route)}
    system = "\n\n".join(text_of(m.get("content")) for m in asked.messages if m["role"] in ("system", "developer"))
    if system:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if asked.tools:
        body["tools"] = [{"functionDeclarations": [_declared(tool) for tool in asked.tools]}]
    if isinstance(asked.choice, tuple):
        body["toolConfig"] = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [asked.choice[1]]}}
    elif asked.choice and asked.tools:
        mode = {"auto": "AUTO", "none": "NONE", "required": "ANY"}[asked.choice]
        body["toolConfig"] = {"functionCallingConfig": {"mode": mode}}
    settings = _settings(asked, route)
    if settings:
        body["generationConfig"] = settings
    return msgspec.json.encode(body)


def _declared(tool: Any) -> dict[str, Any]:
    described = {"description": tool.function.description} if tool.function.description else {}
    return {"name": tool.function.name, **described, "parametersJsonSchema": schema_of(tool)}


def _settings(asked: Asked, route: Route) -> dict[str, Any]:
    settings = {word: asked.fields[name] for name, word in _SETTINGS.items() if name in asked.fields}
    if asked.limit:
        settings["maxOutputTokens"] = asked.limit
    if asked.stop:
        settings["stopSequences"] = asked.stop
    if asked.format.type != "text":
        settings["responseMimeType"] = "application/json"
        if asked.format.json_schema is not None:
            settings["responseJsonSchema"] = given(asked.format.json_schema.schema)
    if asked.effort:
        thinking: dict[str, Any] = {"includeThoughts": asked.effort != "none"}
        if route.facts.get("reasoning") == "effort":
            thinking["thinkingLevel"] = LEVEL[asked.effort]
        else:
            thinking["thinkingBudget"] = BUDGET[asked.effort]
        settings["thinkingConfig"] = thinking
    return settings


def _contents(asked: Asked, route: Route) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in asked.messages:
        role = message["role"]
        if role in ("system", "developer"):
            continue
        side = "model" if role == "assistant" else "user"
        if role == "assistant":
            parts = _model(message, route, names)
        elif role == "tool":
            parts = [_result(message, names)]
        else:
            parts = _texts(message.get("content"))
        if contents and contents[-1]["role"] == side:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": side, "parts": parts})
    if not contents:
        cannot(route, "messages", "needs at least one message beside the system's")
    return contents


def _texts(content: Any) -> list[dict[str, Any]]:
    parts = [content] if isinstance(content, str) else [part.get("text") for part in content or ()]
    return [{"text": text} for text in parts if text]


def _model(message: dict[str, Any], route: Route, names: dict[str, str]) -> list[dict[str, Any]]:
    """A model's turn. Each signature goes back on the part it came with: "text", or the number of a call."""
    signed = {str(part.get("at")): part.get("signature") for part in unseal(NAME, message.get("encrypted_content"))}
    parts = _texts(message.get("content"))
    if parts and signed.get("text"):
        parts[-1]["thoughtSignature"] = signed["text"]
    for number, call in enumerate(message.get("tool_calls") or ()):
        name = (call.get("function") or {}).get("name", "")
        names[call.get("id", "")] = name
        part: dict[str, Any] = {"functionCall": {"name": name, "args": arguments_of(call, route)}}
        if not str(call.get("id", "")).startswith(_MADE):
            part["functionCall"]["id"] = call.get("id", "")
        if signed.get(str(number)):
            part["thoughtSignature"] = signed[str(number)]
        parts.append(part)
    return parts


_MADE = "call_made_"  # ids made here, because the model gave none; they are not sent back to it


def _result(message: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """A tool's answer: an object is sent as it is, byte for byte, any other text as {"result": text}."""
    text = text_of(message.get("content"))
    called = str(message.get("tool_call_id", ""))
    try:
        _object.decode(text)
        response: Any = msgspec.Raw(text.encode())
    except msgspec.MsgspecError:
        response = {"result": text}
    made = {} if called.startswith(_MADE) else {"id": called}
    return {"functionResponse": {**made, "name": names.get(called, message.get("name") or ""), "response": response}}


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Call(msgspec.Struct):
    name: str = ""
    args: msgspec.Raw = msgspec.Raw(b"{}")
    id: str = ""


class _Part(msgspec.Struct):
    text: str = ""
    thought: bool = False
    functionCall: _Call | None = None  # noqa: N815  # the wire's own spelling, here and below
    thoughtSignature: str = ""  # noqa: N815


class _Content(msgspec.Struct):
    parts: list[_Part] = []


class _Candidate(msgspec.Struct):
    content: _Content = msgspec.field(default_factory=_Content)
    finishReason: str | None = None  # noqa: N815


class _Feedback(msgspec.Struct):
    blockReason: str | None = None  # noqa: N815


class _Generated(msgspec.Struct):
    candidates: list[_Candidate] = []
    promptFeedback: _Feedback | None = None  # noqa: N815
    usageMetadata: dict[str, Any] | None = None  # noqa: N815
    modelVersion: str = ""  # noqa: N815
    responseId: str = ""  # noqa: N815
    error: Any = None


_generated = msgspec.json.Decoder(_Generated)


def _counted(usage: dict[str, Any] | None) -> dict[str, Any]:
    """OpenAI's usage: thoughts are output, results of the partner's own tools are input."""
    said = usage or {}
    prompt = (said.get("promptTokenCount") or 0) + (said.get("toolUsePromptTokenCount") or 0)
    thought = said.get("thoughtsTokenCount") or 0
    completion = (said.get("candidatesTokenCount") or 0) + thought
    return canonical.usage(prompt, completion, said.get("cachedContentTokenCount") or 0, thought)


def _read(raw: bytes) -> _Generated:
    try:
        return _generated.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None


def to_chat(body: bytes) -> bytes:
    """A GenerateContentResponse as a chat.completion. Raises BrokenAnswerError."""
    answer = _read(body)
    if not answer.candidates:
        blocked = answer.promptFeedback.blockReason if answer.promptFeedback else None
        if not blocked:
            raise BrokenAnswerError
        said: dict[str, Any] = {"content": ""}
        return canonical.whole(
            answer.responseId, answer.modelVersion, said, (FILTER, blocked), _counted(answer.usageMetadata)
        )
    first = answer.candidates[0]
    if first.finishReason in FAILED:
        raise BrokenAnswerError
    said = {}
    calls: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for part in first.content.parts:
        if part.functionCall is not None:
            if part.thoughtSignature:
                parts.append({"at": len(calls), "signature": part.thoughtSignature})
            named = part.functionCall.id or f"{_MADE}{answer.responseId}_{len(calls)}"
            calls.append(canonical.call(named, part.functionCall.name, bytes(part.functionCall.args).decode()))
            continue
        channel = "reasoning_content" if part.thought else "content"
        said[channel] = said.get(channel, "") + part.text
        if part.thoughtSignature:
            parts.append({"at": "text", "signature": part.thoughtSignature})
    if calls:
        said["tool_calls"] = calls
    if parts:
        said["encrypted_content"] = seal(NAME, parts)
    reason = _reason(first.finishReason, bool(calls))
    ended = (reason, first.finishReason)
    return canonical.whole(answer.responseId, answer.modelVersion, said, ended, _counted(answer.usageMetadata))


def _reason(word: str | None, called: bool) -> str:
    """A turn that calls tools ends in STOP there."""
    reason = finish(word)
    return CALLS if called and reason == STOP else reason


class Reader:
    """Stream events to canonical chunks; the event with a finish reason is the last one. One reader, one stream."""

    __slots__ = ("_calls", "_done", "_frame", "_parts", "_usage")

    def __init__(self, route: Route | None = None) -> None:
        self._frame = canonical.Frame()
        self._usage: dict[str, Any] | None = None
        self._parts: list[dict[str, Any]] = []
        self._calls = 0
        self._done = False

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]:
        """The canonical events that one event becomes. Raises BrokenAnswerError."""
        if self._done:
            return []
        answer = _read(event)
        if answer.error is not None:
            code = answer.error.get("status", "error") if isinstance(answer.error, dict) else "error"
            return [canonical.error(str(code))]
        self._usage = answer.usageMetadata or self._usage  # cumulative there
        out = self._frame.begin(answer.responseId, answer.modelVersion)
        first = answer.candidates[0] if answer.candidates else None
        for part in first.content.parts if first is not None else ():
            out += self._part(part, answer.responseId)
        if answer.usageMetadata is not None:  # after the words that it counts
            out += self._frame.counted(_counted(answer.usageMetadata))
        if first is None:
            blocked = answer.promptFeedback.blockReason if answer.promptFeedback else None
            return out + self._end(blocked, reason=FILTER) if blocked else out
        if first.finishReason in FAILED:
            return [*out, canonical.error(str(first.finishReason))]
        if first.finishReason:
            if self._parts:
                out.append(self._frame.delta(encrypted_content=seal(NAME, self._parts)))
            out += self._end(first.finishReason, reason=_reason(first.finishReason, self._calls > 0))
        return out

    def _part(self, part: _Part, id: str) -> list[bytes]:
        call = part.functionCall
        if part.thoughtSignature:
            self._parts.append({"at": "text" if call is None else self._calls, "signature": part.thoughtSignature})
        if call is not None:
            number, self._calls = self._calls, self._calls + 1
            named = call.id or f"{_MADE}{id}_{number}"
            return [self._frame.call(number, bytes(call.args).decode(), named, call.name)]
        if not part.text:
            return []
        return [self._frame.delta(**{"reasoning_content" if part.thought else "content": part.text})]

    def _end(self, word: str | None, *, reason: str) -> list[bytes]:
        self._done = True
        return self._frame.end(word, _counted(self._usage), reason=reason)
