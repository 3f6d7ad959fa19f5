"""Failover: what a request pays for it while nothing fails, and what a retry costs."""

from __future__ import annotations

from isthmus.core.clock import SystemClock
from isthmus.routing.breaker import FAILURES, Breakers
from isthmus.routing.choose import Chooser

ROUTE = "doubao/doubao-seed-2-1-pro-260915"
BUDGET_US = {
    "all that one request pays while nothing fails": 5.0,
    "one request while another route rests": 10.0,
    "a retry is asked for": 5.0,
}


class Plans:
    """A decision whose plans are chosen already."""

    plans = ()


def cases():
    healthy = Breakers(SystemClock())
    ill = Breakers(SystemClock())
    for _ in range(FAILURES):
        ill.failed("other/route")
    decision = Plans()

    def chooser(breakers: Breakers) -> Chooser:
        made = Chooser(breakers, ())
        made._known[id(decision), "auto"] = ((), decision)
        return made

    def served(breakers: Breakers, chosen: Chooser):
        def request() -> None:
            chosen.choose(decision, "auto")
            if breakers.any_open:
                breakers.told(ROUTE)
            if breakers.any_open:
                breakers.begin(ROUTE)
            breakers.answered(ROUTE)

        return request

    return {
        "all that one request pays while nothing fails": served(healthy, chooser(healthy)),
        "one request while another route rests": served(ill, chooser(ill)),
        "a retry is asked for": healthy.budget.take,
    }
