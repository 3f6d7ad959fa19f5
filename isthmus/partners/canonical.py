"""Canonical answers: OpenAI chat.completion objects and chat.completion.chunk events, made from another wire."""

from __future__ import annotations

from time import time
from typing import Any

import msgspec

from isthmus.core.sse import DONE
from isthmus.partners.finish import TABLE, finish

__all__ = ("DONE", "Frame", "call", "error", "usage", "whole")


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    """OpenAI's usage object; `prompt` includes `cached` tokens, `completion` includes `reasoning` tokens."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def call(id: str, name: str, arguments: str) -> dict[str, Any]:
    """One tool call of a whole message."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def whole(
    id: str, model: str, said: dict[str, Any], ended: tuple[str, str | None], counted: dict[str, Any] | None
) -> bytes:
    """A chat.completion object. `said` is the message without its role, `ended` is (finish reason, partner's word)."""
    message = {"role": "assistant", "content": None, **said}
    choice = {"index": 0, "message": message, "finish_reason": ended[0], **_native(ended[1])}
    document = {"id": id, "object": "chat.completion", "created": int(time()), "model": model, "choices": [choice]}
    return msgspec.json.encode({**document, "usage": counted} if counted is not None else document)


def error(code: str) -> bytes:
    """A failure inside a stream, as the canonical error event; `code` is an enumerated word, never a message."""
    return msgspec.json.encode({"error": {"code": code}})


def _native(word: str | None) -> dict[str, str]:
    """The partner's own word, kept beside OpenAI's where they differ: another door may speak it."""
    return {"native_finish_reason": word} if word and TABLE.get(word) != word else {}


class Frame:
    """Writes the chunk events of one stream, all under one id and model. Each method returns the event's data."""

    __slots__ = ("_base", "begun")

    def __init__(self) -> None:
        self._base: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": int(time()), "model": ""}
        self.begun = False

    def begin(self, id: str, model: str) -> list[bytes]:
        """The first event, which only says that an assistant speaks; nothing when the stream has begun already."""
        if self.begun:
            return []
        self.begun = True
        self._base = {**self._base, "id": id, "model": model}
        return [self._event([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])]

    def delta(self, **said: Any) -> bytes:
        """Content, reasoning_content, encrypted_content or tool_calls."""
        return self._event([{"index": 0, "delta": said, "finish_reason": None}])

    def call(self, index: int, arguments: str, id: str = "", name: str = "") -> bytes:
        """A tool call's beginning (with `id` and `name`), or more of its arguments, byte for byte."""
        begun = {"id": id, "type": "function"} if id else {}
        function = {"name": name, "arguments": arguments} if id else {"arguments": arguments}
        return self.delta(tool_calls=[{"index": index, **begun, "function": function}])

    def end(self, word: str | None, counted: dict[str, Any] | None, *, reason: str = "", **more: Any) -> list[bytes]:
        """How every stream ends: why, what it used, and the end mark. `reason` overrides the table's reading."""
        choice = {"index": 0, "delta": {}, "finish_reason": reason or finish(word), **_native(word), **more}
        return [self._event([choice]), *self.counted(counted), DONE]

    def counted(self, counted: dict[str, Any] | None) -> list[bytes]:
        """Usage so far, as an event that says nothing else: what an answer that breaks off is settled by."""
        return [] if counted is None else [msgspec.json.encode({**self._base, "choices": [], "usage": counted})]

    def _event(self, choices: list[dict[str, Any]]) -> bytes:
        return msgspec.json.encode({**self._base, "choices": choices})
