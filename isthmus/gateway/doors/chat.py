"""The chat door: /v1/chat/completions. The corridor speaks this wire itself, so every step is the identity."""

from __future__ import annotations

from isthmus.core.errors import Refusal


def read(body: bytes) -> bytes:
    """The body as it came."""
    return body


def write(chat: bytes, asked: bytes) -> bytes:
    """The answer as it is."""
    return chat


class Writer:
    """Events as they are."""

    __slots__ = ()

    def __init__(self, asked: bytes = b"") -> None:
        pass

    def note(self, comment: bytes) -> None:
        """A comment of the stream (`: isthmus {...}`) says nothing that this wire needs."""

    def feed(self, event: bytes) -> bytes:
        """One server-sent event around `event`."""
        return b"data: %b\n\n" % event


def refusal(refused: Refusal, receipt: str = "") -> bytes:
    """OpenAI's error object."""
    return refused.encode()
