"""Sips: a streamed answer is read a little at a time.

A read takes whatever the kernel has, up to 256 KiB; of a fast partner's stream that is hundreds of events, which keep
everybody else waiting while they are read, and wait here, all of them, when the caller is slow. A connection that reads
in sips takes at most SIP bytes at once, into room that all connections of a worker share: what is left stays in the
kernel, whose own bound makes the partner wait. Once a sip was full, the answer is faster than it is taken, and the next
ones are small: when its caller is slow, the last of them waits here.
"""

from __future__ import annotations

import asyncio

SIP = 16 << 10  # bytes: about a hundred events, so that a usual burst is one read
SMALL = 4 << 10  # bytes


class Sips(asyncio.BufferedProtocol):
    """Stands before a connection's protocol and hands it each sip. `room`: SIP bytes, free again when they are read.
    `full`: the last sip filled its room, so that more is waiting.
    """

    __slots__ = ("_next", "_protocol", "_room", "full")

    def __init__(self, protocol: asyncio.Protocol, room: memoryview) -> None:
        self._protocol = protocol
        self._room = room
        self._next = room
        self.full = False

    def begin(self) -> None:
        """Another answer comes."""
        self._next = self._room

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._next

    def buffer_updated(self, nbytes: int) -> None:
        self.full = nbytes == len(self._next)
        if nbytes == SIP:
            self._next = self._room[:SMALL]
        self._protocol.data_received(bytes(self._room[:nbytes]))

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)


def sip(transport: asyncio.Transport, protocol: asyncio.Protocol, room: memoryview) -> Sips:
    """Let `transport` read in sips from now on; its protocol stays `protocol`."""
    sips = Sips(protocol, room)
    transport.pause_reading()
    transport.set_protocol(sips)
    transport.resume_reading()  # who reads is asked anew how much it takes
    return sips
