"""Server-sent events on bytes: cut a stream of reads into events, without copying what is already whole.

Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream". Lines end with LF, CRLF or CR; a blank line ends an
event; lines that begin with a colon are comments; `data` lines of one event join with LF. Other fields are ignored,
because no chat wire in this house uses them at this level.
"""

from __future__ import annotations

DONE = b"[DONE]"
_CR, _LF = b"\r\n"


class EventTooLargeError(ValueError):
    """An event grew past the limit without an end."""


class EventReader:
    """Feed reads in any split, get the `data` of each finished event. `limit` bounds one event, in bytes.

    `rest` is what was fed of an event that has not ended. `between` joins the data lines of one event: LF by the
    standard; a blank says the same in JSON, and keeps it on one line for who sends it on.
    """

    __slots__ = ("_between", "_limit", "rest")

    def __init__(self, limit: int = 1 << 20, *, between: bytes = b"\n") -> None:
        self.rest = b""
        self._limit = limit
        self._between = between

    def feed(self, read: bytes) -> list[bytes]:
        """The data of every event that `read` completes, in order. Raises EventTooLargeError."""
        block = self.rest + read if self.rest else read
        if _CR in block:  # a number: looking for bytes costs five times as much
            # A CR at the very end may be half of a CRLF: it waits for the next read.
            tail = b""
            if block.endswith(b"\r"):
                block, tail = block[:-1], b"\r"
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + tail
        pieces = block.split(b"\n\n")
        self.rest = pieces.pop()
        if len(self.rest) > self._limit:
            raise EventTooLargeError("an event is larger than the limit")
        events = []
        for piece in pieces:
            if piece.startswith(b"data: ") and _LF not in piece:
                events.append(piece[6:])
                continue
            data = _data(piece, self._between)
            if data is not None:
                events.append(data)
        return events


def _data(event: bytes, between: bytes) -> bytes | None:
    """The joined data of one event, or None when it has none (a comment, a keep-alive)."""
    lines = []
    for line in event.split(b"\n"):
        if line.startswith(b"data:"):
            lines.append(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            lines.append(b"")
    return between.join(lines) if lines else None
