"""Dialect "openai_loose": OpenAI chat as vLLM, Ollama, MiniMax and Mistral speak it: reasoning stands elsewhere.

vLLM and Ollama call it `reasoning`; Mistral sends content as a list of text and thinking chunks. Both are moved to
where every stage looks, `reasoning_content` and a plain string: what no stage reads must not reach a caller.
Sources: vLLM "Reasoning Outputs", Ollama "OpenAI compatibility", MiniMax "Chat Completion", Mistral "Reasoning".
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Route
from isthmus.core.sse import DONE
from isthmus.partners.openai_chat import (
    BrokenAnswerError,
    dropped,
    head,
    judge,
    path,
    read_answer,
    read_chunk,
    write_body,
)

__all__ = (
    "BrokenAnswerError",
    "Reader",
    "dropped",
    "head",
    "judge",
    "path",
    "read_answer",
    "read_chunk",
    "to_chat",
    "write_body",
)

_generic = msgspec.json.Decoder()


def to_chat(body: bytes) -> bytes:
    """`body` with its reasoning in `reasoning_content`; the same bytes where nothing stands elsewhere."""
    return _moved(body, "message")


class Reader:
    """Stream events the same way. One reader serves one stream."""

    __slots__ = ()

    def __init__(self, route: Route | None = None) -> None:
        pass

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]:
        """The canonical events that one event becomes."""
        return [event if event == DONE else _moved(event, "delta")]


def _moved(raw: bytes, place: str) -> bytes:
    if not any(sign in raw for sign in _SIGNS):
        return raw
    try:
        document = _generic.decode(raw)
        for choice in document.get("choices") or ():
            _tidy(choice.get(place) or {})
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError, TypeError):
        raise BrokenAnswerError from None
    return msgspec.json.encode(document)


_SIGNS = (b'"reasoning"', b'"reasoning":', b'"content":[', b'"content": [', b'"reasoning_details"')


def _tidy(said: dict[str, Any]) -> None:
    reasoning = said.pop("reasoning", None)
    details = said.pop("reasoning_details", None)
    if isinstance(details, list) and not isinstance(reasoning, str):  # MiniMax
        reasoning = "".join(each.get("text") or "" for each in details)
    if isinstance(reasoning, str) and not said.get("reasoning_content"):
        said["reasoning_content"] = reasoning
    content = said.get("content")
    if isinstance(content, list):
        thought = "".join(_text(each.get("thinking")) for each in content if each.get("type") == "thinking")
        said["content"] = "".join(each.get("text") or "" for each in content if each.get("type") == "text")
        if thought:
            said["reasoning_content"] = thought


def _text(thinking: Any) -> str:
    """A Mistral thinking chunk holds text chunks, or a string."""
    if isinstance(thinking, str):
        return thinking
    return "".join(each.get("text") or "" for each in thinking or ())
