"""What a route says of its time, and what its silence means: Retry-After, and how long each wait may be.

A route's waits are data (partner files, in seconds); 0 means the house's own, in gateway.upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from isthmus.core.decision import Route, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.gateway.upstream import WAITS, is_local
from isthmus.routing.breaker import Breakers

LONGEST_S = 3600.0  # nobody is left alone for longer on their word alone
BACK_S = 5  # what a caller hears when the partner said nothing


class Waits(NamedTuple):
    """Seconds: to the first content of a stream, between two of its events, to the first byte of a whole answer."""

    first: float
    between: float
    whole: float


USUAL = Waits(*WAITS)


def waits(route: Route) -> Waits:
    """The waits of one route; worked out once, with its way."""
    facts = route.facts
    return Waits(*(float(facts.get(f"{name}_s") or usual) for name, usual in zip(Waits._fields, USUAL, strict=True)))


def retry_after(headers: Mapping[bytes, bytes], now: datetime) -> float:
    """Seconds for which a partner does not want to be asked; 0.0 when it said nothing that can be read.

    RFC 9110, 10.2.3: whole seconds or a date. `retry-after-ms` is what OpenAI and Azure say beside it.
    """
    exact = headers.get(b"retry-after-ms", b"")
    if exact.isdigit() and len(exact) < 9:
        return min(LONGEST_S, int(exact) / 1000)
    said = headers.get(b"retry-after", b"").strip()
    if said.isdigit():
        return min(LONGEST_S, float(said)) if len(said) < 9 else LONGEST_S
    try:
        day = parsedate_to_datetime(said.decode("ascii"))
    except (ValueError, UnicodeDecodeError):
        return 0.0
    return min(LONGEST_S, max(0.0, (day.replace(tzinfo=day.tzinfo or UTC) - now).total_seconds()))


def heed(breakers: Breakers, route: Route) -> None:
    """Pass over a route that asked not to be asked. Raises RouteSkipped.

    An engine of the operator's own is asked again when nobody else is left: its queue is theirs.
    """
    rest = breakers.told(route.name)
    if rest > 0.0 and not is_local(route):
        raise RouteSkipped(Refusal("upstream_busy", route=route.badge, retry_after=int(rest) + 1))
