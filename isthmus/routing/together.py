"""Requests that come in one moment, placed with an eye on each other.

One after the other, a prompt that nobody has read may take the very replica that the next one's cache is on. So who
would lose most by its second choice chooses first: regret insertion, after Vogel's approximation of the transportation
problem (Reinfeld and Vogel, 1958). On the Mooncake conversation trace, whose requests come some ten at a time, the 90th
percentile of the time to first token falls by a twentieth (benchmarks.fleet.mooncake).
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nsmallest
from math import inf

from isthmus.routing.picker import Picker
from isthmus.routing.seat import Ask, Ticket

MOST = 16  # placed together; more are several lots, since each choice is compared with all that wait


def together(picker: Picker, asks: Sequence[Ask]) -> list[tuple[int, Ticket | None]]:
    """Tickets for `asks`: (place in `asks`, ticket), in the order in which they should be sent.

    The ticket is None for whom no replica may take.
    """
    tickets: list[tuple[int, Ticket | None]] = []
    for begin in range(0, len(asks), MOST):
        left = dict(enumerate(asks[begin : begin + MOST], begin))
        costs = {at: picker.costs(ask) for at, ask in left.items()} if len(left) > 1 else {}
        while left:
            at = min(left) if len(left) == 1 else max(left, key=lambda each: _regret(costs[each]))
            ask = left.pop(at)
            ticket = picker.pick(ask.keys, ask.size, without=ask.without)
            tickets.append((at, ticket))
            if ticket is not None:
                for other, waits in left.items():
                    costs[other][ticket.number] = picker.cost(waits, ticket.number)
    return tickets


def _regret(costs: Sequence[float]) -> float:
    """What a request loses when its best replica is taken and it must go to the second best."""
    best, second = nsmallest(2, costs) if len(costs) > 1 else (0.0, 0.0)
    return second - best if best < inf else -inf
