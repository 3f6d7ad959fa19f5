"""What a replica says of itself, and what its silence means. Pure: bytes and times in, facts out.

Rules of this room:
1. Engines differ in the names of their measures, which are data (`Names`, from the engine's own file); the reading is
   the same for all: Prometheus text format 0.0.4.
2. A refused connection is news at once, silence only after a while: an engine that computes may answer late.
3. What is older than STALE_S is not believed. Probes are asynchronous and reused, as in
   Prequal (NSDI 24).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

FLEET_HOST = (
    "fleet.localhost"  # what a route names instead of an address when a fleet answers (RFC 6761: never resolved)
)
EVERY_S = 0.1
STALE_S = 2.0
SILENT_S = 1.5  # no answer for so long: others are asked first
HUNG_S = 10.0  # no answer and no token for so long: restart it

_LINE = re.compile(rb"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})?\s+([0-9eE.+-]+)", re.MULTILINE)


class Names(msgspec.Struct, frozen=True):
    """Names of an engine's measures; "" where it has none. Counters: prompt, cached, made. The rest are gauges.

    `kv` is the used share of the KV cache, 0 to 1; `cached` counts prompt tokens found in the cache.
    """

    running: str = ""
    waiting: str = ""
    kv: str = ""
    prompt: str = ""
    cached: str = ""
    made: str = ""


class Load(msgspec.Struct, frozen=True):
    """One look at a replica: requests computed and waiting, KV cache used (0 to 1), tokens counted since start."""

    running: int = 0
    waiting: int = 0
    kv: float = 0.0
    prompt: float = 0.0
    cached: float = 0.0
    made: float = 0.0


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One replica as its fleet lists it. `pool` is the name that requests carry as their model, `model` what it runs.

    `slots`: answers at once; `room`: KV cache in blocks of routing.prefix.BLOCK_BYTES. `draining`: no new requests.
    """

    name: str
    pool: str
    host: str
    port: int
    model: str
    engine: str
    slots: int = 0
    room: int = 4096
    role: str = "both"
    adapters: tuple[str, ...] = ()
    draining: bool = False
    health: str = "/health"
    metrics: str = "/metrics"
    names: Names = Names()


class Board(msgspec.Struct, frozen=True):
    """What a fleet's keeper publishes and gateways read: one cell, its jurisdiction, and who serves there now."""

    cell: str
    jurisdiction: str
    replicas: tuple[Listed, ...] = ()
    schema: str = "isthmus.fleet/1"


def read(text: bytes, names: Names) -> Load:
    """A Load from a metrics page. Values of one name with several label sets are added; what is missing is 0."""
    wanted: dict[bytes, str] = {
        getattr(names, field).encode(): field for field in names.__struct_fields__ if getattr(names, field)
    }
    found: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        field = wanted.get(name)
        if field is not None:
            try:
                found[field] = found.get(field, 0.0) + float(value)
            except ValueError:
                continue
    return _load(found)


def _load(found: Mapping[str, float]) -> Load:
    kv = min(1.0, max(0.0, found.get("kv", 0.0)))
    counts = {name: found.get(name, 0.0) for name in ("prompt", "cached", "made")}
    return Load(running=int(found.get("running", 0)), waiting=int(found.get("waiting", 0)), kv=kv, **counts)


class Watch:
    """Whether one replica is there. Times are monotonic seconds."""

    __slots__ = ("_heard", "_refused", "_token")

    def __init__(self, now: float) -> None:
        self._heard = now
        self._token = now
        self._refused = True  # until it was heard once, nothing is sent there

    def answered(self, now: float) -> None:
        """A probe was answered."""
        self._heard = now
        self._refused = False

    def refused(self) -> None:
        """Its address refused a connection, cut one off, or said that it is not ready."""
        self._refused = True

    def produced(self, now: float) -> None:
        """A token came from it: whatever probes say, it lives."""
        self._token = now

    @property
    def gone(self) -> bool:
        """Whether its address refuses: what it had cached is lost with it."""
        return self._refused

    def usable(self, now: float) -> bool:
        """Whether new requests should go there."""
        return not self._refused and now - self._heard < SILENT_S

    def hung(self, now: float) -> bool:
        """Whether it is connected but says nothing any more."""
        return not self._refused and now - max(self._heard, self._token) >= HUNG_S
