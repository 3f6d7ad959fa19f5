"""What a failed attempt means: whether another lawful route may help, or the request itself is at fault."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from isthmus.core.decision import Route
from isthmus.core.errors import Refusal
from isthmus.gateway.deadlines import BACK_S, retry_after
from isthmus.gateway.stream import Stream
from isthmus.gateway.upstream import Answer
from isthmus.gateway.ways import Way

_OK = 200
_FAILED = 500  # statuses from here on are a route's own failures


class RouteFailed(Exception):
    """One route could not answer, through no fault of the caller: the next lawful one may be tried."""

    def __init__(self, outcome: str, refusal: Refusal, *, transport: bool = False, rest: float = 0.0) -> None:
        super().__init__(outcome)
        self.rest = rest  # seconds for which the route asked not to be asked
        self.outcome = outcome
        self.refusal = refusal
        self.transport = transport  # the address itself failed, whatever was asked of it
        self.taken = False  # the partner had begun to answer, and bills what it read


class Broke(Exception):
    """A stream of which something was shown broke off, and its caller wants another route to go on with it."""

    def __init__(self, stream: Stream, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.stream = stream
        self.refusal = refusal


def failed(route: Route, word: str) -> RouteFailed:
    """The enumerated failure for a transport word of gateway.upstream."""
    if word == "timeout":
        return RouteFailed(
            "timeout", Refusal("upstream_timeout", route=route.badge, limit="its deadline"), transport=True
        )
    if word == "unavailable":
        return RouteFailed(
            "unavailable", Refusal("upstream_unavailable", route=route.badge, retry_after=5), transport=True
        )
    return RouteFailed(
        word, Refusal("upstream_broken" if word == "broken" else "upstream_lost", route=route.badge), transport=True
    )


def judge(way: Way, route: Route, got: Answer, now: datetime) -> RouteFailed | Refusal:
    """What an error means (partners.judge): another route may help, or the request itself is at fault.

    What a partner's own moderation refused is never taken to another one.
    """
    status = got.status
    word = way.dialect.judge(status, got.body)
    if status == _OK and word == "caller":
        word = "retry"  # not its own wire, or a failure inside a 200 that nobody knows
    if word == "moderated":
        return Refusal("content_blocked", category="partner", reason=f"{route.badge} refused it by its own rules")
    if word == "caller":
        return Refusal("upstream_rejected", route=route.badge, status=status)
    if word == "elsewhere":
        return RouteFailed("refused", Refusal("upstream_refused", route=route.badge, status=status))
    if status == _OK:
        return failed(route, "broken")
    rest = retry_after(got.headers, now)
    seconds = ceil(rest) or BACK_S
    if status >= _FAILED:
        refusal = Refusal("upstream_unavailable", route=route.badge, retry_after=seconds)
        return RouteFailed("unavailable", refusal, rest=rest)
    return RouteFailed("busy", Refusal("upstream_busy", route=route.badge, retry_after=seconds), rest=rest)
