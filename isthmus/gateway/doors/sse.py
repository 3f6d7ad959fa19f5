"""A stream that the corridor wrote for a chat caller, event by event in another caller's wire."""

from __future__ import annotations

from typing import Protocol


class Writes(Protocol):
    """A door's Writer."""

    def note(self, comment: bytes) -> None: ...

    def feed(self, event: bytes) -> bytes: ...


def translate(writer: Writes, written: bytes) -> bytes:
    """`written` (whole events, each `data: ...` or a comment, ended by a blank line) as `writer` says it.

    Comments stay where they are: they are part of every server-sent stream.
    """
    out = []
    for block in written.split(b"\n\n"):
        if block.startswith(b"data: "):
            out.append(writer.feed(block[6:]))
        elif block:
            writer.note(block)
            out.append(block + b"\n\n")
    return b"".join(out)
