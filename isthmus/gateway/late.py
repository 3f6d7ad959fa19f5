"""An answer's last byte follows its receipt (`ledger.ack = durable`).

A whole answer waits until its receipt is on disk; of a stream only the last chunk waits, which alone makes it whole
(RFC 9112, 7.1). When the disk refuses, a whole answer becomes the refusal and a stream ends without its end.
"""

from __future__ import annotations

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream"
LAST_CHUNK = b"0\r\n\r\n"


class Late:
    """What of one answer waits. `begun`: something has gone to the caller already."""

    __slots__ = ("_held", "_streams", "begun")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._streams = False
        self.begun = False

    def keep(self, data: bytes) -> bytes:
        """The part of `data` that may go now; the rest is kept."""
        if not self._streams and not self.begun and data.startswith(STREAM):
            self._streams = True
        if self._streams and data != LAST_CHUNK:
            self.begun = True
            return data
        self._held.append(data)
        return b""

    def rest(self) -> bytes:
        """All that was kept."""
        held, self._held = self._held, []
        return b"".join(held)
