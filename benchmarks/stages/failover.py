"""Failover: what a request pays for it while nothing fails, and what a retry costs."""

from __future__ import annotations

from types import SimpleNamespace

from isthmus.core.clock import SystemClock
from isthmus.routing.breaker import FAILURES, Breakers
from isthmus.routing.choose import Chooser

ROUTE = "doubao/doubao-seed-2-1-pro-260915"
BUDGET_US = {
    "all that one request pays while nothing fails": 5.0,
    "one request while another route rests": 10.0,
    "a retry is asked for": 5.0,
}


DECISION = SimpleNamespace(
    plans=(SimpleNamespace(route=SimpleNamespace(name=ROUTE, partner="doubao", model="m", tier="partner", aliases=())),)
)


def cases():
    healthy = Breakers(SystemClock())
    ill = Breakers(SystemClock())
    for _ in range(FAILURES):
        ill.failed("other/route")

    def served(breakers: Breakers):
        chosen = Chooser(breakers, ())

        def request() -> None:
            chosen.choose(DECISION, "auto")
            if breakers.any_open:
                breakers.told(ROUTE)
            if breakers.any_open:
                breakers.begin(ROUTE)
            breakers.answered(ROUTE)

        return request

    return {
        "all that one request pays while nothing fails": served(healthy),
        "one request while another route rests": served(ill),
        "a retry is asked for": healthy.budget.take,
    }
