"""How each route is spoken to: its dialect, and its HTTP request heads up to the number of their Content-Length.

A dialect translates where its wire is not chat.completions: `to_chat` a whole answer, `Reader` a stream; `head` and
`path` say where keys and models stand on its wire (docs/partner-wires.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import NamedTuple, Protocol

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.gateway.deadlines import USUAL, Waits, waits
from isthmus.partners import openai_chat


class EventReader(Protocol):
    """What turns a partner's events into canonical ones. One serves one stream."""

    def feed(self, event: bytes, name: bytes = b"") -> list[bytes]: ...


class Way(NamedTuple):
    """One route's. `secret` names nothing here: it is inside the heads alone."""

    dialect: ModuleType
    whole: bytes
    stream: bytes
    to_chat: Callable[[bytes], bytes] | None
    reader: Callable[[Route], EventReader] | None
    waits: Waits = USUAL


def ways(routes: Mapping[str, Route], engine_key: str, environ: Mapping[str, str]) -> dict[str, Way]:
    """The way of every route; a stand-in and the private tier take the engine's own key."""
    return {
        route.name: way(route, environ[route.key_env] if route.key_env else engine_key) for route in routes.values()
    }


def way(route: Route, secret: str) -> Way:
    """The way of one route."""
    dialect = import_module(f"isthmus.partners.{route.dialect}")
    return Way(
        dialect,
        head(route, secret, dialect, stream=False),
        head(route, secret, dialect, stream=True),
        getattr(dialect, "to_chat", None),
        getattr(dialect, "Reader", None),
        waits(route),
    )


def dropped(way: Way, ex: Exchange, route: Route) -> tuple[str, ...]:
    """Names of the request's fields that the route's wire has no word for; worked out once for a set of names."""
    names = tuple(ex.ask.fields)
    found = _dropped.get((route.name, names))
    if found is None:
        left = way.dialect.dropped(ex, route) if hasattr(way.dialect, "dropped") else ()
        found = tuple(name for name in left if name.isidentifier() and len(name) <= _NAME)
        if len(_dropped) >= _KEPT:
            _dropped.clear()
        _dropped[route.name, names] = found
    return found


_dropped: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
_KEPT = 512  # sets of names; callers may invent them
_NAME = 64  # characters of a name that is told


def head(route: Route, secret: str, dialect: ModuleType, *, stream: bool) -> bytes:
    """The HTTP request head towards `route`, up to the number of its Content-Length."""
    host = route.host if route.port in (80, 443) else f"{route.host}:{route.port}"
    path = getattr(dialect, "path", openai_chat.path)(route, stream=stream)
    accept = "text/event-stream" if stream else "application/json"
    if route.key_env:
        key: bytes = getattr(dialect, "head", openai_chat.head)(route, secret, stream=stream)
    else:
        key = f"Authorization: Bearer {secret}\r\n".encode()  # a stand-in or the private tier: the engine's own key
    return b"POST %b HTTP/1.1\r\nHost: %b\r\n%b%b%b\r\nUser-Agent: isthmus\r\nContent-Length: " % (
        path.encode(),
        host.encode(),
        key,
        b"Content-Type: application/json\r\nAccept: ",
        accept.encode(),
    )
