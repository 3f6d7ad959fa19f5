"""Tests of the law in words: a question, and what the law's text says about it. Lawyers write and run them.

One file (TOML) is one region's cases:

    region = "CN"
    [[case]]
    rule = "CN.child"                       the rule it is about
    says = "PIPL 31: under 14, a guardian consents."
    ask = {age="13", route="partner"}       words of the question; the rest is ordinary; on = DATE, regions = [...]
    facts = {EU={market_date="2026-01-01"}} what the operator is supposed to hold
    owed = {kind="guardian"}                the rule is owed, with at least these values
    out = ["openai"]                        the rule itself rules these out
    free = [{age="adult"}]                  with these words changed, the rule is neither owed nor rules anything out
    decision, lawful = [...], ruled_out = [...]   the whole decision; a partner, model or route may serve, or may not
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.decision import FEATURE_ALIASES, Question, age_band
from isthmus.core.errors import Refusal
from isthmus.core.operator import Operator
from isthmus.partners.schema import Partner
from isthmus.policy import supposed
from isthmus.policy.compile import Table
from isthmus.policy.explain import Explanation, explain
from isthmus.regions.schema import Region

DAY = date(2026, 11, 22)


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One case; see the head of this file."""

    rule: str
    says: str
    ask: Mapping[str, Any] = {}
    facts: Mapping[str, Any] = {}
    owed: Mapping[str, Any] | None = None
    out: tuple[str, ...] = ()
    free: tuple[Mapping[str, Any], ...] = ()
    decision: str = ""
    lawful: tuple[str, ...] = ()
    ruled_out: tuple[str, ...] = ()
    region: str = ""
    file: str = ""


def load(folder: Path) -> list[Case]:
    """Every case of `folder`. Raises Refusal bad_law naming the file."""
    return [case for path in sorted(folder.glob("*.toml")) for case in _read(path)]


def _read(path: Path) -> list[Case]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        region = table["region"]
        cases = msgspec.convert(table["case"], list[Case])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refusal("bad_law", reason=f"{path.name}: {error}") from None
    except KeyError as missing:
        raise Refusal("bad_law", reason=f"{path.name}: {missing} is required") from None
    return [msgspec.structs.replace(case, region=region, file=path.name) for case in cases]


class Court:
    """Tries cases against region and partner files; one table per day and set of facts."""

    def __init__(self, regions: Mapping[str, Region], partners: Mapping[str, Partner], operator: Operator) -> None:
        self._regions = regions
        self._partners = partners
        self._operator = operator
        self._tables: dict[tuple[date, str], Table] = {}

    def try_one(self, case: Case) -> list[str]:
        """What the table says otherwise than the case; empty when they agree."""
        answer = self._ask(case, {})
        wrong = _owed(case, answer) + _routes(case, answer)
        if case.decision and answer.decision != case.decision:
            wrong.append(f"decision is {answer.decision}, the case says {case.decision}")
        for change in case.free:
            if _touches(case.rule, self._ask(case, change)):
                wrong.append(f"the rule binds although {dict(change)}")
        return [f"{case.file}: {case.rule}: {line}. ({case.says})" for line in wrong]

    def _ask(self, case: Case, change: Mapping[str, Any]) -> Explanation:
        words = {**case.ask, **change}
        day, route = words.pop("on", DAY), words.pop("route", "")
        words["regions"] = tuple(words.get("regions", (case.region,)))
        words["feature"] = FEATURE_ALIASES.get(words.get("feature", "assistant"), words.get("feature", "assistant"))
        words["age"] = age_band(words.get("age"))
        unknown = sorted(set(words) - set(Question._fields))
        if unknown:
            allowed = ", ".join((*Question._fields, "route", "on"))
            raise Refusal(
                "bad_law", reason=f"{case.file}: {case.rule}: ask.{unknown[0]} is not known. Allowed: {allowed}"
            )
        return explain(self._table(day, case.facts), Question(**words), route)

    def _table(self, day: date, facts: Mapping[str, Any]) -> Table:
        key = (day, msgspec.json.encode(facts, order="sorted").decode())
        table = self._tables.get(key)
        if table is None:
            operator = self._operator
            for region, held in facts.items():
                merged = {**msgspec.to_builtins(operator.facts(region)), **held}
                operator = msgspec.structs.replace(
                    operator, region={**operator.region, region: msgspec.convert(merged, type(operator.facts(region)))}
                )
            table = supposed.table(self._regions, self._partners, operator, {}, day)
            self._tables[key] = table
        return table


def _owed(case: Case, answer: Explanation) -> list[str]:
    if case.owed is None:
        return []
    found = [owed for owed in answer.obligations if owed.rule == case.rule]
    if not found:
        return ["the rule is not owed"]
    plain = [msgspec.json.decode(msgspec.json.encode(owed.values)) for owed in found]  # tuples as lists, like TOML's
    if not any(all(values.get(key) == value for key, value in case.owed.items()) for values in plain):
        return [f"owed with {plain[0]}, the case says {dict(case.owed)}"]
    return []


def _routes(case: Case, answer: Explanation) -> list[str]:
    served = {word for way in answer.routes for word in _words(way.route)}
    by_rule = {word for out in answer.ruled_out if out.rule == case.rule for word in _words(out.route)}
    wrong = [f"{word} is not ruled out by it" for word in case.out if word not in by_rule]
    wrong += [f"{word} may not serve" for word in case.lawful if word not in served]
    wrong += [f"{word} may serve" for word in case.ruled_out if word in served]
    return wrong


def _words(route: str) -> tuple[str, ...]:
    """A route's name, its partner, and its partner at its endpoint (openai@eu)."""
    partner, _, model = route.partition("/")
    _, at, endpoint = model.partition("@")
    return (route, partner, partner + at + endpoint)


def _touches(rule: str, answer: Explanation) -> bool:
    return any(owed.rule == rule for owed in answer.obligations) or any(out.rule == rule for out in answer.ruled_out)
