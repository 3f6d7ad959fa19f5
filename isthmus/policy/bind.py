"""Which rules bind which questions, as bits: one bit per rule, one mask per word of a question.

    bits(question) = feature & modality & event & age & data & content

So a question costs six look-ups, and all questions with the same bits share one compiled outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from isthmus.core.decision import AGES, CONTENTS, DATA, EVENTS, FEATURES, MODALITIES, Question
from isthmus.core.errors import Refusal
from isthmus.core.operator import Facts
from isthmus.regions.schema import Region, Rule

# Ages in years, both ends included.
SPANS = {
    "under13": (0, 12), "13": (13, 13), "13-15": (13, 15), "14-15": (14, 15), "16-17": (16, 17), "adult": (18, 200),
    "unknown": (0, 200),
}  # fmt: skip
WORDS = {
    "feature": FEATURES, "modality": MODALITIES, "event": EVENTS, "age": AGES, "data": DATA, "content": CONTENTS,
}  # fmt: skip


class Bound(NamedTuple):
    """One rule as it binds in the region that was asked for. `asks`: it binds until the age is known."""

    rule: Rule
    region: Region
    facts: Facts
    asks: bool = False


class Index(NamedTuple):
    """The bounds of some regions on one day, and per word of a question the bits of those that match it."""

    bounds: tuple[Bound, ...]
    masks: Mapping[str, Mapping[str, int]]

    def bits(self, question: Question) -> int:
        """One bit per bound that `question` falls under. Raises Refusal bad_field for a word that is not closed."""
        bits = -1
        for key, masks in self.masks.items():
            mask = masks.get(getattr(question, key))
            if mask is None:
                raise Refusal("bad_field", field=key, reason="one of " + ", ".join(masks))
            bits &= mask
        return bits

    def together(self, one: int, other: int) -> bool:
        """Is there a question that both bounds (by place) fall under?"""
        both = 1 << one | 1 << other
        return all(any(mask & both == both for mask in masks.values()) for masks in self.masks.values())

    def taken(self, bits: int) -> tuple[Bound, ...]:
        """The bounds whose bit is set."""
        return tuple(bound for place, bound in enumerate(self.bounds) if bits >> place & 1)


def in_force(rule: Rule, day: date, facts: Facts) -> bool:
    """Does `rule` bind on `day`? Both ends: from `since` on; `until` is the first day it no longer does.

    Grace is for services whose market date is known and early enough; an unknown date has none.
    """
    if day < rule.since or (rule.until is not None and day >= rule.until):
        return False
    grace = rule.grace
    if grace is None or day >= grace.until:
        return True
    placed = market_day(facts)
    return placed is None or placed >= grace.placed_before


def market_day(facts: Facts) -> date | None:
    """The market date as a day, None while it is unknown or only rehearsed."""
    try:
        return date.fromisoformat(facts.market_date)
    except ValueError:
        return None


def boundaries(rules: Iterable[Rule]) -> list[date]:
    """Every day on which some rule begins, ends or loses its grace, ascending."""
    days: set[date] = set()
    for rule in rules:
        days |= {rule.since} | ({rule.until} if rule.until else set())
        if rule.grace is not None:
            days.add(rule.grace.until)
    return sorted(days)


def index(bounds: Sequence[Bound]) -> Index:
    """The masks of `bounds`; a rule that may have to ask for the age takes two bits."""
    split: list[Bound] = []
    for bound in bounds:
        split.append(bound)
        if bound.rule.when.unknown_age == "ask":
            split.append(bound._replace(asks=True))
    masks: dict[str, dict[str, int]] = {key: dict.fromkeys(words, 0) for key, words in WORDS.items()}
    for place, bound in enumerate(split):
        for key, words in WORDS.items():
            for word in words:
                if _matches(bound, key, word):
                    masks[key][word] |= 1 << place
    return Index(tuple(split), masks)


def _matches(bound: Bound, key: str, word: str) -> bool:
    when = bound.rule.when
    if key == "age":
        return _binds_age(when.age_under, when.unknown_age, word, bound.asks)
    wanted: tuple[str, ...] = getattr(when, key)
    return (not wanted or word in wanted) and word not in bound.rule.excepted.get(key, ())


def _binds_age(under: int, unknown: str, band: str, asks: bool) -> bool:
    """A band below the line binds, one above does not; one that the line cuts goes by the rule's `unknown_age`."""
    if not under:
        return True
    low, high = SPANS[band]
    if high < under:
        return not asks
    if low >= under:
        return False
    return asks if unknown == "ask" else unknown == "minor"
