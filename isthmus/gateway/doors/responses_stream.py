"""The Responses door, streamed: canonical chunks as response events, numbered, each item opened and closed.

Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.sse import DONE
from isthmus.gateway.doors import responses
from isthmus.gateway.doors.shape import generic, origin


class Writer:
    """One stream. `said` is the message so far: what `responses.remember` keeps where the caller wants it kept."""

    __slots__ = ("_asked", "_begun", "_kind", "_made", "_number", "_reason", "_told", "_usage", "said")

    def __init__(self, asked: bytes = b"{}") -> None:
        self._asked = asked
        self._begun = False
        self._kind = ""  # of the open item: reasoning, message, refusal, call:<index>
        self._made: dict[str, Any] = {}
        self._number = 0
        self._reason: str | None = None
        self._told: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self.said: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The response's id, once it has begun."""
        return str(self._made.get("id", ""))

    def note(self, comment: bytes) -> None:
        """A comment of the stream; `: isthmus {...}` names the receipt before anything else is said."""
        head, _, rest = comment.partition(b"{")
        if head == b": isthmus ":
            self._told = generic(b"{" + rest)

    def feed(self, event: bytes) -> bytes:
        """The caller's events that one canonical event becomes."""
        out: list[bytes] = []
        if event == DONE:
            self._end(out)
            return b"".join(out)
        document = generic(event)
        self._told = origin(document) or self._told
        if not self._begun:
            self._start(document, out)
        if document.get("error") is not None:
            self._fail(document["error"], out)
            return b"".join(out)
        self._usage = document.get("usage") or self._usage
        for choice in document.get("choices") or ():
            self._delta(choice.get("delta") or {}, out)
            self._reason = choice.get("finish_reason") or self._reason
        return b"".join(out)

    def _start(self, document: dict[str, Any], out: list[bytes]) -> None:
        self._begun = True
        self._made = responses.frame(self._asked, responses.response_id(document, self._told), document)
        self._emit("response.created", out, response=self._made)
        self._emit("response.in_progress", out, response=self._made)

    def _delta(self, said: dict[str, Any], out: list[bytes]) -> None:
        thought = said.get("reasoning_content")
        if thought:
            self._open("reasoning", out)
            self._gather("reasoning_content", thought)
            self._piece("response.reasoning_text.delta", out, "reasoning", delta=thought)
        if said.get("encrypted_content"):
            if self._kind != "reasoning" and "reasoning_content" not in self.said:
                self._open("reasoning", out)
            self._gather("encrypted_content", said["encrypted_content"])
        for channel, kind in (("content", "message"), ("refusal", "refusal")):
            text = said.get(channel)
            if text:
                self._open(kind, out)
                self._gather(channel, text)
                name = "response.output_text.delta" if kind == "message" else "response.refusal.delta"
                self._piece(name, out, kind, delta=text)
        for call in said.get("tool_calls") or ():
            self._call(call, out)

    def _gather(self, channel: str, text: str) -> None:
        self.said[channel] = self.said.get(channel, "") + text

    def _call(self, call: dict[str, Any], out: list[bytes]) -> None:
        index = call.get("index", 0)
        calls: list[dict[str, Any]] = self.said.setdefault("tool_calls", [])
        function = call.get("function") or {}
        while len(calls) <= index:
            named = {"name": function.get("name", ""), "arguments": ""}
            calls.append({"id": call.get("id", ""), "type": "function", "function": named})
        self._open(f"call:{index}", out)
        text = function.get("arguments")
        if text:
            calls[index]["function"]["arguments"] += text
            self._piece("response.function_call_arguments.delta", out, f"call:{index}", delta=text)

    # -- items -----------------------------------------------------------------------------------------------

    def _open(self, kind: str, out: list[bytes]) -> None:
        if self._kind == kind:
            return
        self._close(out)
        self._kind = kind
        self._made["output"] = [*self._made["output"], self._item(kind, "in_progress")]
        self._emit("response.output_item.added", out, output_index=self._at, item=self._item(kind, "in_progress"))
        if kind in _PARTS:
            part = _part(kind, "")
            self._emit("response.content_part.added", out, **self._where(kind), part=part)

    def _close(self, out: list[bytes]) -> None:
        kind, self._kind = self._kind, ""
        if not kind:
            return
        item = self._item(kind, "completed")
        where = self._where(kind)
        if kind.startswith("call:"):
            self._emit("response.function_call_arguments.done", out, **where, arguments=item["arguments"])
        elif kind in _PARTS and self.said.get(_PARTS[kind]):
            text = self.said[_PARTS[kind]]
            name, field = _DONE[kind]
            self._emit(name, out, **where, **{field: text}, **({"logprobs": []} if kind == "message" else {}))
            self._emit("response.content_part.done", out, **where, part=_part(kind, text))
        self._made["output"] = [*self._made["output"][:-1], item]
        self._emit("response.output_item.done", out, output_index=self._at, item=item)

    @property
    def _at(self) -> int:
        return len(self._made["output"]) - 1

    def _item(self, kind: str, status: str) -> dict[str, Any]:
        name = self._made["id"]
        done = status == "completed"
        if kind == "reasoning":
            text = self.said.get("reasoning_content", "") if done else ""
            return responses.reasoning_item(name, text, self.said.get("encrypted_content") if done else None, status)
        if kind == "message":
            return responses.message_item(name, self.said.get("content", "") if done else "", "", status)
        if kind == "refusal":
            return responses.message_item(name, "", self.said.get("refusal", "") if done else "", status)
        number = int(kind[5:])
        return responses.call_item(name, number, self.said["tool_calls"][number], status)

    def _where(self, kind: str) -> dict[str, Any]:
        at = self._made["output"][-1]
        found = {"item_id": at["id"], "output_index": self._at}
        return found if kind.startswith("call:") else {**found, "content_index": 0}

    def _piece(self, event: str, out: list[bytes], kind: str, **said: Any) -> None:
        more: dict[str, Any] = {"logprobs": []} if kind == "message" else {}
        self._emit(event, out, **self._where(kind), **said, **more)

    # -- the end ---------------------------------------------------------------------------------------------

    def _end(self, out: list[bytes]) -> None:
        if not self._begun:
            return
        self._close(out)
        ended = {**self._made, **responses.ending(self._reason), "usage": responses.counted(self._usage)}
        event = "response.completed" if ended["status"] == "completed" else "response.incomplete"
        self._emit(event, out, response={**ended, "isthmus": self._told})

    def _fail(self, error: dict[str, Any], out: list[bytes]) -> None:
        """What arrived stays in the response's output; the error says what happened."""
        self._close(out)
        said = {"code": error.get("code") or "server_error", "message": error.get("message") or ""}
        told = {**self._told, **(error.get("isthmus") or {})}
        failed = {**self._made, "status": "failed", "error": said, "isthmus": told}
        self._emit("response.failed", out, response={**failed, "usage": responses.counted(self._usage)})

    def _emit(self, kind: str, out: list[bytes], **said: Any) -> None:
        event = {"type": kind, "sequence_number": self._number, **said}
        self._number += 1
        out.append(b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(event)))


_PARTS = {"reasoning": "reasoning_content", "message": "content", "refusal": "refusal"}
_DONE = {
    "reasoning": ("response.reasoning_text.done", "text"),
    "message": ("response.output_text.done", "text"),
    "refusal": ("response.refusal.done", "refusal"),
}


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "reasoning":
        return {"type": "reasoning_text", "text": text}
    if kind == "refusal":
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
