"""Dialect "dashscope": Alibaba Cloud's own text-generation wire for Qwen.

A stream repeats everything it said before unless `incremental_output` is asked for, which it always is; a model that
cannot (`cumulative` in its file) is read by what was added. There is no end mark: the event with a finish reason ends.
The partner's own inspection of data is never asked to be less than its default.
Source: Model Studio API reference, "DashScope" (X-DashScope-SSE, incremental_output, result_format).
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.partners import canonical
from isthmus.partners.asked import Asked, text_of
from isthmus.partners.fields import FIELDS
from isthmus.partners.finish import CALLS, FAILED, STOP, finish
from isthmus.partners.judge import is_error, judge
from isthmus.partners.openai_chat import BrokenAnswerError, path, read_answer, read_chunk

__all__ = ("BrokenAnswerError", "Reader", "head", "judge", "path", "read_answer", "read_chunk", "to_chat", "write_body")

_PASSED = (
    "temperature", "top_p", "seed", "presence_penalty", "logprobs", "top_logprobs", "parallel_tool_calls",
)  # fmt: skip
_RAW = ("tools", "tool_choice", "response_format")
_generic = msgspec.json.Decoder()
_MESSAGE = frozenset(("role", "name", "content", "reasoning_content", "tool_calls", "tool_call_id", "partial"))


def head(route: Route, secret: str, *, stream: bool = False) -> bytes:
    """The key, and for a stream the header without which the answer comes whole."""
    lines = f"Authorization: Bearer {secret}\r\n"
    return (lines + "X-DashScope-SSE: enable\r\n" if stream else lines).encode()


def dropped(ex: Exchange, route: Route) -> list[str]:
    """Names of the caller's fields that this wire has no word for."""
    own = ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
    extra = route.facts.get("fields", ())
    return [n for n in ex.ask.fields if n not in own and n not in extra and (n not in FIELDS or n == _NOT)]


_NOT = "frequency_penalty"


def write_body(ex: Exchange, route: Route) -> bytes:
    """The generation request. Raises Refusal bad_field when a number is out of range."""
    extra = tuple(route.facts.get("fields", ()))
    asked = Asked(ex, extra)
    settings: dict[str, Any] = {"result_format": "message"}
    for name in (*_PASSED, *extra):
        if name in asked.fields:
            settings[name] = asked.fields[name]
    for name in _RAW:
        if name in ex.ask.fields:
            settings[name] = ex.ask.fields[name]
    if asked.limit:
        settings["max_tokens"] = asked.limit
    if asked.stop:
        settings["stop"] = asked.stop
    if asked.effort and "enable_thinking" not in settings:
        settings["enable_thinking"] = asked.effort != "none"
    if asked.stream and not route.facts.get("cumulative"):
        settings["incremental_output"] = True
    messages = [_message(message) for message in asked.messages]
    return msgspec.json.encode({"model": route.wire_model, "input": {"messages": messages}, "parameters": settings})


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message with the fields this wire knows, and its content as one string."""
    kept = {name: value for name, value in message.items() if name in _MESSAGE}
    kept["content"] = text_of(message.get("content"))
    if kept["role"] == "developer":
        kept["role"] = "system"
    return kept


class _Choice(msgspec.Struct):
    message: dict[str, Any] = {}
    finish_reason: str | None = None


class _Output(msgspec.Struct):
    choices: list[_Choice] = []
    text: str | None = None
    finish_reason: str | None = None


class _Generated(msgspec.Struct):
    output: _Output = msgspec.field(default_factory=_Output)
    usage: dict[str, Any] | None = None
    request_id: str = ""


_generated = msgspec.json.Decoder(_Generated)


def _counted(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("reasoning_tokens") or 0
    return canonical.usage(usage.get("input_tokens") or 0, usage.get("output_tokens") or 0, cached, thought)


def _read(raw: bytes) -> tuple[_Generated, _Choice]:
    try:
        answer = _generated.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    if answer.output.choices:
        return answer, answer.output.choices[0]
    if answer.output.text is None:
        raise BrokenAnswerError
    # The older shape of an answer, without messages.
    return answer, _Choice({"content": answer.output.text}, answer.output.finish_reason)


def _calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    found = message.get("tool_calls") or []
    if not isinstance(found, list) or not all(isinstance(call, dict) for call in found):
        raise BrokenAnswerError
    return found


def _word(word: str | None) -> str | None:
    """The finish reason; until there is one, DashScope says the word "null"."""
    return None if word in (None, "null", "") else word


def to_chat(body: bytes) -> bytes:
    """A generation as a chat.completion. Raises BrokenAnswerError."""
    answer, choice = _read(body)
    word = _word(choice.finish_reason)
    if word in FAILED:
        raise BrokenAnswerError
    message = choice.message
    said = {name: message[name] for name in ("content", "reasoning_content") if message.get(name)}
    calls = [
        canonical.call(call.get("id", ""), _function(call, "name"), _function(call, "arguments"))
        for call in _calls(message)
    ]
    if calls:
        said["tool_calls"] = calls
    reason = CALLS if calls and finish(word) == STOP else finish(word)
    return canonical.whole(answer.request_id, "", said, (reason, word), _counted(answer.usage))


def _function(call: dict[str, Any], name: str) -> str:
    return str((call.get("function") or {}).get(name) or "")


class Reader:
    """Generation events to canonical chunks: deltas as they are, cumulative texts by what was added."""

    __slots__ = ("_begun", "_cumulative", "_done", "_frame", "_said", "_usage")

    def __init__(self, route: Route | None = None) -> None:
        self._frame = canonical.Frame()
        self._cumulative = route is not None and bool(route.facts.get("cumulative"))
        self._said: dict[str, str] = {}
        self._begun: set[int] = set()
        self._usage: dict[str, Any] | None = None
        self._done = False

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]:
        """The canonical events that one event becomes. Raises BrokenAnswerError."""
        if self._done:
            return []
        failure = _failure(event)
        if failure:
            return [canonical.error(failure)]
        answer, choice = _read(event)
        self._usage = answer.usage or self._usage  # cumulative there
        out = self._frame.begin(answer.request_id, "")
        message = choice.message
        for channel in ("reasoning_content", "content"):
            text = self._added(channel, message.get(channel) or "")
            if text:
                out.append(self._frame.delta(**{channel: text}))
        for position, call in enumerate(_calls(message)):
            out += self._call(int(call.get("index", position)), call)
        out += self._frame.counted(_counted(self._usage))  # after the words that it counts
        word = _word(choice.finish_reason)
        if word in FAILED:
            return [*out, canonical.error(str(word))]
        if word:
            self._done = True
            reason = CALLS if self._begun and finish(word) == STOP else finish(word)
            out += self._frame.end(word, _counted(self._usage), reason=reason)
        return out

    def _added(self, channel: str, text: str) -> str:
        """What `text` adds to its channel. Raises BrokenAnswerError when it takes words back."""
        if not isinstance(text, str):
            raise BrokenAnswerError
        if not self._cumulative:
            return text
        before = self._said.get(channel, "")
        if not text.startswith(before):
            if not text:
                return ""
            raise BrokenAnswerError
        self._said[channel] = text
        return text[len(before) :]

    def _call(self, index: int, call: dict[str, Any]) -> list[bytes]:
        arguments = self._added(f"tool:{index}", _function(call, "arguments"))
        if index in self._begun:
            return [self._frame.call(index, arguments)] if arguments else []
        self._begun.add(index)
        return [self._frame.call(index, arguments, str(call.get("id", "")), _function(call, "name"))]


def _failure(event: bytes) -> str:
    """The code of an error event ({"code", "message"}), empty for any other."""
    if b'"code"' not in event:
        return ""
    try:
        document = _generic.decode(event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    return str(document.get("code")) if is_error(document) else ""
