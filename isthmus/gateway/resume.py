"""Streams that a caller can take up again: what was sent lately, kept in memory for a short while.

Rules of this room:
1. Only in memory, only for the tenant that asked, only for WINDOW seconds after the last event; then it is gone.
2. Everything is bounded: bytes of a stream, streams of a tenant, bytes in all. What does not fit loses its oldest
   events, and a stream that can no longer be told whole from where the caller stopped is gone, never shortened.
3. What is kept has passed every stage: it is what was shown. A revoked key or a withdrawn consent forgets at once.
4. A stream's name is a secret of 128 bits, and finds nothing for another tenant.
Source: WHATWG HTML section 9.2.6, "id" fields and Last-Event-ID.
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from collections.abc import Callable

WINDOW = 120.0  # seconds
STREAM_BYTES = 256 << 10
TENANT_STREAMS = 32
ALL_BYTES = 64 << 20

Listener = Callable[[bytes, bool], None]  # one numbered event (b"" at the end), and whether it was the last


class Gone(LookupError):
    """The events after that id are no longer here."""


class Replay:
    """One stream: its events by number from 1, oldest first. `token` names it, `ended` says that no more will come."""

    __slots__ = (
        "_all", "_events", "_first", "_listeners", "_next", "ended", "size", "stop", "tenant", "token", "touched",
    )  # fmt: skip

    def __init__(self, replays: Replays, tenant: str, token: str, now: float) -> None:
        self._all = replays
        self._events: deque[bytes] = deque()
        self._first = 1
        self._next = 1
        self._listeners: list[Listener] = []
        self.tenant = tenant
        self.token = token
        self.touched = now
        self.size = 0
        self.ended = False
        self.stop: Callable[[], None] = self.forget  # ends the answer itself; gateway.stream sets it

    def number(self, block: bytes) -> bytes:
        """Remember every event of `block` (whole events, as they are sent) and return it with an id on each."""
        out = [self._remember(event) for event in block.split(b"\n\n") if event]
        self._all.make_room(self)
        return b"".join(out)

    def _remember(self, event: bytes) -> bytes:
        numbered = b"id: %d\n%b\n\n" % (self._next, event)
        self._next += 1
        if self.ended:  # it was forgotten: it goes on for its caller, and nothing is kept
            return numbered
        self._events.append(numbered)
        self._grow(len(numbered))
        while self.size > STREAM_BYTES:
            self._drop()
        self.touched = self._all.now()
        for listener in tuple(self._listeners):
            listener(numbered, False)
        return numbered

    def end(self) -> None:
        """The stream is whole. It can be taken up for another WINDOW seconds."""
        self.ended = True
        self.touched = self._all.now()
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener(b"", True)

    def after(self, last: int) -> bytes:
        """All events behind number `last` that are here. Raises Gone when one of them is not, or never was."""
        if last < self._first - 1 or last >= self._next:
            raise Gone
        skip = last - self._first + 1
        return b"".join(list(self._events)[skip:])

    def follow(self, listener: Listener) -> Callable[[], None]:
        """Hear every later event; call what is returned to hear no more. An ended stream is heard to end at once."""
        if self.ended:
            listener(b"", True)
            return lambda: None
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def forget(self) -> None:
        """Nothing of it is kept any longer, and whoever follows is told that it ended."""
        self._grow(-self.size)
        self._events.clear()
        self._first = self._next
        self._all.drop(self)
        self.end()

    def _drop(self) -> None:
        self._grow(-len(self._events.popleft()))
        self._first += 1

    def _grow(self, by: int) -> None:
        self.size += by
        self._all.size += by


class Replays:
    """The streams of one worker that can be taken up. `now` is a monotonic clock in seconds."""

    __slots__ = ("_shard", "_streams", "now", "size")

    def __init__(self, now: Callable[[], float], shard: str = "w0") -> None:
        """`shard` begins every name: whoever is asked for one knows which worker holds it."""
        self._streams: dict[str, Replay] = {}
        self._shard = shard
        self.now = now
        self.size = 0

    def open(self, tenant: str) -> Replay:
        """A new stream of this tenant; its oldest one goes when it has TENANT_STREAMS already."""
        self.sweep()
        mine = [each for each in self._streams.values() if each.tenant == tenant]
        if len(mine) >= TENANT_STREAMS:
            min(mine, key=lambda each: (not each.ended, each.touched)).forget()
        replay = Replay(self, tenant, f"{self._shard}.{secrets.token_urlsafe(16)}", self.now())
        self._streams[replay.token] = replay
        return replay

    def find(self, token: str, tenant: str) -> Replay | None:
        """The tenant's stream of that name, None for anybody else's and for one that is gone."""
        self.sweep()
        replay = self._streams.get(token)
        return replay if replay is not None and hmac.compare_digest(replay.tenant.encode(), tenant.encode()) else None

    def sweep(self) -> None:
        """Forget what nobody took up within WINDOW seconds."""
        late = self.now() - WINDOW
        for replay in [each for each in self._streams.values() if each.touched < late]:
            replay.forget()

    def make_room(self, kept: Replay) -> None:
        """Forget ended streams, then the longest idle ones, until all fit into ALL_BYTES; `kept` goes last."""
        if self.size <= ALL_BYTES:
            return
        order = sorted(self._streams.values(), key=lambda each: (each is kept, not each.ended, each.touched))
        for replay in order:
            if self.size <= ALL_BYTES:
                return
            replay.forget()

    def drop(self, replay: Replay) -> None:
        """Take a stream off the list."""
        self._streams.pop(replay.token, None)

    def __len__(self) -> int:
        return len(self._streams)


def last_seen(header: bytes) -> int:
    """The number that a Last-Event-ID header names, 0 for none. Raises Gone for what is no number of ours."""
    text = header.strip()
    if not text:
        return 0
    if not text.isdigit() or len(text) > 9:
        raise Gone
    return int(text)
