"""A caller's wire for one request: what it sent becomes a chat request, and what it hears is in its own words.

The corridor speaks chat.completions; a caller that does, too, has no voice (None) and costs nothing. Every other door
(gateway.doors) reads, writes and refuses in its own shape.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.secret import Withheld
from isthmus.gateway.doors import messages, responses, responses_stream, sse
from isthmus.gateway.doors.memory import Memory

_generic = msgspec.json.Decoder()


class Voice(Withheld):
    """One request in a door's wire. `receipt` is known once the exchange has begun."""

    __slots__ = ("_asked", "_door", "_memory", "_tenant", "_writer", "receipt")

    def __init__(self, door: ModuleType, memory: Memory) -> None:
        self._door = door
        self._memory = memory
        self._asked = b""
        self._tenant = ""
        self._writer: Any = None
        self.receipt = ""

    def twin(self) -> Voice:
        """The same request in the same wire, for an attempt beside this one; neither has said anything yet."""
        twin = Voice(self._door, self._memory)
        twin._asked, twin._tenant, twin.receipt = self._asked, self._tenant, self.receipt
        return twin

    def read(self, body: bytes, ex: Exchange) -> bytes:
        """The caller's body as a chat.completions body. Raises Refusal."""
        self._asked = body
        self._tenant = ex.caller.tenant
        self.receipt = ex.id
        if self._door is responses:
            return responses.read(body, self._recall)
        chat: bytes = self._door.read(body)
        return chat

    def whole(self, chat: bytes) -> bytes:
        """A whole chat.completion as this caller's answer."""
        self._keep(chat)
        answer: bytes = self._door.write(chat, self._asked)
        return answer

    def made(self, answer: bytes, told: bytes) -> bytes:
        """Vectors or pictures, with `told`, the encoded `isthmus` object."""
        body: bytes = self._door.write(answer, told)
        return body

    def events(self, written: bytes) -> bytes:
        """Whole chat events as this caller's events."""
        if self._writer is None:
            writers = responses_stream if self._door is responses else self._door
            self._writer = writers.Writer(self._asked)
        return sse.translate(self._writer, written)

    def refusal(self, refused: Refusal) -> bytes:
        """An error in this caller's shape."""
        told: bytes = self._door.refusal(refused, self.receipt)
        return told

    def _recall(self, name: str) -> bytes | None:
        return self._memory.find(self._tenant, name)

    def _keep(self, chat: bytes) -> None:
        """What a Responses caller asked to be kept: the turns so far and this answer."""
        if self._door is responses and responses.stores(self._asked):
            document = _generic.decode(chat)
            name = responses.response_id(document, document.get("isthmus") or {})
            said = document["choices"][0]["message"]
            self._memory.keep(self._tenant, name, responses.remember(self._asked, said, self._recall))

    def ended(self) -> None:
        """A stream is over: what it said is kept where the caller asked for it."""
        said = getattr(self._writer, "said", None)
        if said is not None and self._door is responses and responses.stores(self._asked):
            self._memory.keep(self._tenant, self._writer.id, responses.remember(self._asked, said, self._recall))


DOORS: dict[bytes, ModuleType] = {responses.PATH: responses, messages.PATH: messages}
