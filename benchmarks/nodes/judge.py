"""What the run proves: each acknowledged answer has its receipt, budgets are exact, each error has its cause."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from benchmarks.nodes.ground import Ground
from benchmarks.nodes.load import Outcome
from benchmarks.nodes.probe import Sample
from isthmus.ledger import read, verify
from isthmus.ledger.budgets import Budget
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.receipt import Receipt
from isthmus.policy.meter import window

BY_BUDGET = ("budget_spent", "rate_limited")  # a budget that says no is no error
GRACE_S = 3.0  # an error counts as a fault's own for so long after its end


class Fault(NamedTuple):
    """What was done, to which house ("" for both), from when to when (s)."""

    name: str
    house: str
    begins: float
    ends: float


def quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def cause_of(each: Outcome, faults: list[Fault]) -> str:
    """The fault that a question met; "none" when it met none."""
    for fault in faults:
        meets = each.at < fault.ends + GRACE_S and each.at + each.took > fault.begins
        if meets and fault.house in ("", each.house):
            return fault.name
    return "none"


def errors(outcomes: list[Outcome], faults: list[Fault]) -> dict[str, dict[str, int]]:
    """Every question that was neither answered nor refused by its budget, under the fault that explains it."""
    found: dict[str, Counter[str]] = {}
    for each in outcomes:
        if each.word != "answered" and each.word not in BY_BUDGET:
            found.setdefault(cause_of(each, faults), Counter())[each.word] += 1
    return {cause: dict(words) for cause, words in found.items()}


def slowest(answered: list[Outcome], faults: list[Fault]) -> dict[str, float]:
    """The longest wait for an answer under each fault, and without one."""
    found: dict[str, float] = {}
    for each in answered:
        cause = cause_of(each, faults)
        found[cause] = max(found.get(cause, 0.0), round(each.took, 2))
    return found


def slow(samples: list[Sample], begun: float) -> list[dict[str, object]]:
    """The revocations that took longer than half a second somewhere, with when they were made (s)."""
    found = []
    for each in samples:
        if max((0.0, *each.refused.values(), *each.ended.values())) > 0.5:
            waits = {
                word: {house: round(wait, 2) for house, wait in told.items()}
                for word, told in (("refused", each.refused), ("ended", each.ended))
            }
            found.append({"at": round(each.at - begun, 1), **waits})
    return found


def receipts(ground: Ground) -> dict[str, dict[str, Receipt]]:
    """Every receipt of each house, by its id."""
    return {
        house.name: {each.id: each for each in read.iterate(house.home / "ledger") if isinstance(each, Receipt)}
        for house in ground.houses
    }


def lost(outcomes: list[Outcome], kept: dict[str, dict[str, Receipt]]) -> int:
    """Answers that were read to their end and whose receipt is not in the ledger of the house that gave them."""
    whole = [each for each in outcomes if each.word == "answered"]
    return sum(each.receipt not in kept[each.house] for each in whole)


def budget(ground: Ground, made: Budget, kept: dict[str, dict[str, Receipt]]) -> dict[str, int]:
    """What the store holds as spent, and what the receipts of the budget's tenant add up to."""
    starts = int(window(made.span, datetime.now(UTC))[0])
    store = open_store(ground.houses[0].home, ground.accounts)
    level = store.level(made.id, starts, int(time.time() * 1000))
    store.close()
    mine = [each for house in kept.values() for each in house.values() if each.tenant == made.target]
    if made.unit == "tokens":
        total = sum(each.usage.total_tokens for each in mine if each.usage is not None)
    else:
        total = sum(each.outcome == "answered" for each in mine)
    return {"limit": made.most, "spent": level.spent, "reserved": level.reserved, "by_receipts": total}


def sound(ground: Ground) -> bool:
    return all(verify.verify(house.home / "ledger").sound for house in ground.houses)


def digests(kept: dict[str, dict[str, Receipt]]) -> dict[str, int]:
    """How many decisions of one kind of question (SG, adult unknown, text) stood under each digest, per house."""
    return {
        name: len({each.decision for each in house.values() if each.regions == ("SG",) and each.outcome == "answered"})
        for name, house in kept.items()
    }
