"""What a caller asked to be kept between two requests: conversations by reference, in memory alone.

Nothing is kept unless the caller says `store: true`; then it stays until its time is over, its tenant's room is full or
the process ends, and no other tenant can name it. It is never written to a disk, a log or the ledger.
"""

from __future__ import annotations

from collections import OrderedDict

from isthmus.core.clock import Clock
from isthmus.core.secret import Withheld

SECONDS = 3600.0
ROOM = 8 << 20  # bytes per tenant
TENANTS = 1024


class _Kept(Withheld):
    __slots__ = ("at", "document")

    def __init__(self, document: bytes, at: float) -> None:
        self.document = document
        self.at = at


class Memory:
    """Documents (JSON bytes) by tenant and id. The oldest gives way."""

    __slots__ = ("_clock", "_room", "_seconds", "_sizes", "_tenants")

    def __init__(self, clock: Clock, seconds: float = SECONDS, room: int = ROOM) -> None:
        self._clock = clock
        self._seconds = seconds
        self._room = room
        self._tenants: OrderedDict[str, OrderedDict[str, _Kept]] = OrderedDict()
        self._sizes: dict[str, int] = {}

    def keep(self, tenant: str, name: str, document: bytes) -> None:
        """Keep `document` under `name`; one that is larger than the whole room is not kept."""
        self.forget(tenant, name)
        if len(document) > self._room:
            return
        held = self._tenants.setdefault(tenant, OrderedDict())
        self._tenants.move_to_end(tenant)
        held[name] = _Kept(document, self._clock.monotonic())
        self._sizes[tenant] = self._sizes.get(tenant, 0) + len(document)
        while self._sizes[tenant] > self._room:
            self.forget(tenant, next(iter(held)))
        while len(self._tenants) > TENANTS:
            gone, _ = self._tenants.popitem(last=False)
            self._sizes.pop(gone, None)

    def find(self, tenant: str, name: str) -> bytes | None:
        """What is kept under `name`, or None when it never was or is no longer."""
        held = self._tenants.get(tenant)
        kept = held.get(name) if held is not None else None
        if kept is None:
            return None
        if self._clock.monotonic() - kept.at > self._seconds:
            self.forget(tenant, name)
            return None
        return kept.document

    def forget(self, tenant: str, name: str) -> bool:
        """Drop one document; returns whether it was there."""
        held = self._tenants.get(tenant)
        kept = held.pop(name, None) if held is not None else None
        if kept is None:
            return False
        self._sizes[tenant] -= len(kept.document)
        return True
