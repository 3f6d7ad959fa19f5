"""What differs between two regions, or two drafts of one: rules only here, only there, and changed ones key by key."""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.regions.schema import Region, Rule

SHOWN = ("duty", "law", "since", "until", "grace", "when", "unless", "excepted", "check", "values", "sure")


class Change(msgspec.Struct, frozen=True):
    """One key of one rule, before and after."""

    rule: str
    key: str
    before: Any
    after: Any


class Comparison(msgspec.Struct, frozen=True):
    """`only_a`, `only_b`: names of rules with their duty."""

    a: str
    b: str
    only_a: dict[str, str]
    only_b: dict[str, str]
    changed: list[Change]


def compare(a: Region, b: Region) -> Comparison:
    """How `b` differs from `a`; rules are matched by id, those of different files by name."""
    shared = {rule.id for rule in a.rules} & {rule.id for rule in b.rules}
    pairs = [(rule, other) for rule in a.rules for other in b.rules if rule.id == other.id]
    left = {rule.name: rule for rule in a.rules if rule.id not in shared}
    right = {rule.name: rule for rule in b.rules if rule.id not in shared}
    pairs += [(rule, right[name]) for name, rule in left.items() if name in right]
    return Comparison(
        a=a.id,
        b=b.id,
        only_a={name: rule.duty for name, rule in left.items() if name not in right},
        only_b={name: rule.duty for name, rule in right.items() if name not in left},
        changed=[change for rule, other in pairs for change in _changes(rule, other)],
    )


def _changes(rule: Rule, other: Rule) -> list[Change]:
    both = ((key, plain(rule, key), plain(other, key)) for key in SHOWN)
    return [Change(rule.name, key, before, after) for key, before, after in both if before != after]


def plain(rule: Rule, key: str) -> Any:
    """One key of a rule as JSON would show it."""
    return msgspec.to_builtins(getattr(rule, key), builtin_types=())
