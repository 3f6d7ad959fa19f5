"""Places for requests that another proxy carries: the board, the probes and the picker, without the corridor.

Keys of prompts are salted by whatever the caller shows as its credentials, so no caller can learn what another asked.
"""

from __future__ import annotations

from collections.abc import Collection
from secrets import token_bytes

import msgspec

from isthmus.gateway.replicas import Replicas
from isthmus.routing.picker import Picker
from isthmus.routing.prefix import chain, seed
from isthmus.routing.seat import Ticket

NOBODY_READY, ALL_FULL = 503, 429


class _Prompt(msgspec.Struct):
    """What an engine reads first of a chat or a completion; all else of the body is passed over."""

    tools: msgspec.Raw = msgspec.Raw(b"")
    messages: msgspec.Raw = msgspec.Raw(b"")
    prompt: msgspec.Raw = msgspec.Raw(b"")


_READ = msgspec.json.Decoder(_Prompt)


class Place:
    """One request at one replica; `address` is host:port."""

    __slots__ = ("_picker", "_ticket", "address")

    def __init__(self, picker: Picker, ticket: Ticket, address: str) -> None:
        self._picker = picker
        self._ticket = ticket
        self.address = address

    def first(self) -> None:
        """The first part of its answer has come."""
        if not self._ticket.fresh:
            self._picker.first(self._ticket)

    def done(self) -> None:
        """Its answer is complete."""
        self._picker.done(self._ticket)

    def lost(self) -> None:
        """It ended without an answer."""
        self._picker.lost(self._ticket)


class EndpointPlaces:
    """Places among the replicas of a board."""

    def __init__(self, replicas: Replicas, picker: Picker) -> None:
        self._replicas = replicas
        self._picker = picker
        self._salt = token_bytes(16)

    @property
    def ready(self) -> bool:
        """Whether any replica takes requests."""
        return any(not seat.shut for seat in self._picker.seats())

    def place(self, body: bytes, caller: bytes, among: Collection[str] | None) -> Place | int:
        """The place for a request; NOBODY_READY or ALL_FULL when there is none. `among`: host:port pairs, or all."""
        addresses = self._replicas.addresses()
        without = () if among is None else [name for name, at in addresses.items() if at not in among]
        if not any(not seat.shut for seat in self._picker.seats() if seat.replica.name not in without):
            return NOBODY_READY
        text = prompt_of(body)
        ticket = self._picker.pick(chain(text, seed(self._salt, caller.hex())), len(text), without=without)
        return ALL_FULL if ticket is None else Place(self._picker, ticket, addresses[ticket.name])


def prompt_of(body: bytes) -> bytes:
    """What an engine reads first; the body as it is when it is no JSON object."""
    try:
        read = _READ.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return body
    return bytes(read.tools) + bytes(read.messages) + bytes(read.prompt)
