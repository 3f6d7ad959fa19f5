"""All that one question gave: the closed form, and what was asked beside it. JSON, table and report show this one
thing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import msgspec

from isthmus.planner import closed
from isthmus.planner.answer import Answer
from isthmus.planner.house import House
from isthmus.planner.scenario import Scenario, with_changes

Progress = Callable[[str, float], None]


class Month(msgspec.Struct, frozen=True):
    """One month on the way to the growth that was asked for."""

    month: int
    queries: float
    gpus: float
    mw: float
    usd_day: float


class Budget(msgspec.Struct, frozen=True):
    """What a sum of money would build: queries a day, GPUs, MW; and what running them costs a day in power."""

    usd: float
    queries: float
    gpus: float
    mw: float
    tokens_day: float


class Document(msgspec.Struct, frozen=True):
    """The answer. `day`, `loss`, `loss_cold`, `other` are None unless asked for (see day.py, loss.py; `other`
    compares).
    """

    plan: Answer
    months: tuple[Month, ...] = ()
    budget: Budget | None = None
    day: object = None
    loss: object = None
    loss_cold: object = None
    other: Answer | None = None


class Wishes(msgspec.Struct, frozen=True):
    """What to compute beside the closed form. `lose` names sites or regions, "each" means all of them."""

    months: int = 0
    usd: float = 0.0
    simulate: bool = False
    lose: tuple[str, ...] = ()
    requests: int = 1_200_000
    other: Scenario | None = None


def make(scenario: Scenario, day: date, wishes: Wishes, progress: Progress = lambda _what, _share: None) -> Document:
    """Answer `scenario` under the law of `day`."""
    plan = closed.plan(scenario, day)
    document = Document(
        plan,
        months=_months(scenario, day, wishes.months),
        budget=budget(plan, wishes.usd) if wishes.usd else None,
        other=None if wishes.other is None else closed.plan(wishes.other, day),
    )
    if not wishes.simulate and not wishes.lose:
        return document
    from isthmus.planner import day as days
    from isthmus.planner import loss

    house = House(scenario, day)
    if wishes.simulate:
        result = days.day(house, wishes.requests, lambda share: progress("a day", share))
        document = msgspec.structs.replace(document, day=result)
    if wishes.lose:
        which: Sequence[str] = loss.everything(house) if "each" in wishes.lose else wishes.lose
        warm = loss.lose(house, which, wishes.requests, lambda share: progress("losses", share))
        told = "losses, spare not running"
        cold = loss.lose(house, which, wishes.requests, lambda share: progress(told, share), warm=False)
        document = msgspec.structs.replace(document, loss=warm, loss_cold=cold)
    return document


def _months(scenario: Scenario, day: date, months: int) -> tuple[Month, ...]:
    found = []
    for month in range(months + 1) if months else ():
        factor = scenario.growth ** (month / months)
        plan = closed.plan(with_changes(scenario, {"growth": factor}), day)
        head = plan.headline
        found.append(Month(month, plan.queries, head.gpus.value, head.mw.value, head.usd_day.value))
    return tuple(found)


def budget(plan: Answer, usd: float) -> Budget:
    """What `usd` of capital would build of this plan, in proportion."""
    part = usd / plan.headline.capex_usd.value
    queries = plan.queries * part
    return Budget(
        usd,
        queries,
        plan.headline.gpus.value * part,
        plan.headline.mw.value * part,
        queries * (plan.tokens_in + plan.tokens_out),
    )
