"""A decision in words: which routes and why, what is owed and by which law, what was excluded, what comes nearest.

The same document serves the command line, its --json and the console. It holds law, names and dates, never content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from isthmus.core.decision import (
    CONTENTS,
    DATA,
    EVENTS,
    FEATURES,
    MODALITIES,
    Citation,
    Decision,
    Obligation,
    Plan,
    Question,
    RuledOut,
)
from isthmus.policy.compile import Table
from isthmus.policy.outcome import waits
from isthmus.regions.schema import VERBS

Wanted = Callable[[str, str, tuple[str, ...]], bool]


class Law(msgspec.Struct, frozen=True):
    """One citation, as JSON shows it."""

    title: str
    article: str
    rank: str
    since: str


class Owed(msgspec.Struct, frozen=True):
    """One obligation. `law`, `article` name the principal source, `citations` all. `routes`: where it is owed."""

    verb: str
    values: dict[str, Any]
    region: str
    rule: str
    duty: str
    law: str
    article: str
    since: str
    until: str
    sure: str
    draft: bool
    does: str
    citations: list[Law]
    routes: list[str]


class Lawful(msgspec.Struct, frozen=True):
    """One lawful route. `needs`: what must happen before it may serve."""

    route: str
    title: str
    partner: str
    tier: str
    badge: str
    rehearsal: bool
    host: str
    reason: str
    needs: list[str]


class Excluded(msgspec.Struct, frozen=True):
    """One objection to one route. `rule` is empty where the partner's own terms object."""

    route: str
    badge: str
    reason: str
    rule: str
    law: str
    article: str
    citations: list[Law]


class Link(msgspec.Struct, frozen=True):
    """One rule of the chain: what it asks, and the routes it took away."""

    rule: str
    verb: str
    duty: str
    excluded: list[str]


class Nearest(msgspec.Struct, frozen=True):
    """One word of the question that, if it were other, would lead to an answer."""

    change: str
    to: str
    decision: str
    route: str


class Explanation(msgspec.Struct, frozen=True):
    """The whole document; field names are a promise to callers of --json."""

    question: Question
    date: str
    decision: str
    sentence: str
    routes: list[Lawful]
    ruled_out: list[Excluded]
    obligations: list[Owed]
    chain: list[Link]
    nearest: list[Nearest]
    fallback: list[str]
    next_change: str
    digest: str


def explain(table: Table, question: Question, route: str = "") -> Explanation:
    """The explanation of one question. `route` narrows it to a tier, a partner, a model or a route's name.

    Raises Refusal unknown_region or bad_field.
    """
    decision = table.decide(question)
    plans = [plan for plan in (*decision.device, *decision.plans) if _is(plan, route)]
    out = [entry for entry in decision.ruled_out if not route or _names(table, entry, route)]
    verdict = _verdict(decision, plans, narrowed=bool(route))
    return Explanation(
        question=question,
        date=table.today.isoformat(),
        decision=verdict,
        sentence=_sentence(decision, verdict, plans, question),
        routes=[_lawful(plan) for plan in plans],
        ruled_out=[_excluded(entry) for entry in out],
        obligations=_owed(plans),
        chain=_chain(plans, out),
        nearest=[] if plans else list(_nearest(table, question, route)),
        fallback=list(decision.fallback),
        next_change=table.next_boundary.isoformat() if table.next_boundary else "",
        digest=decision.digest,
    )


def _is(plan: Plan, word: str) -> bool:
    route = plan.route
    return not word or word in (route.tier, route.partner, route.model, route.name, *route.aliases)


def _names(table: Table, entry: RuledOut, word: str) -> bool:
    route = table.routes.get(entry.route)
    if route is None:
        return word in ("device", entry.route)
    return word in (route.tier, route.partner, route.model, route.name, *route.aliases)


def _verdict(decision: Decision, plans: list[Plan], *, narrowed: bool) -> str:
    if not narrowed:
        return decision.verdict
    if not plans:
        return "conflict" if decision.verdict == "conflict" else "refuse"
    return "serve_after" if all(map(waits, plans)) else "serve"


def _sentence(decision: Decision, verdict: str, plans: list[Plan], question: Question) -> str:
    where = ", ".join(question.regions)
    if verdict == "serve":
        return f"May be answered in {where}."
    if verdict == "serve_after":
        needs = dict.fromkeys(need for plan in plans for need in _needs(plan))
        return f"May be answered in {where} after: {'; '.join(needs)}"
    return decision.refusal or f"None of the routes asked about may answer in {where}."


def _needs(plan: Plan) -> list[str]:
    return [
        f"{owed.values.get('kind', 'age')} consent: {owed.duty}"
        if owed.verb == "consent.require"
        else f"age: {owed.duty}"
        for owed in plan.obligations
        if (owed.verb == "consent.require" and not owed.values.get("ask_age"))
        or (owed.verb == "feature.forbid" and owed.values.get("ask_age"))
    ]


def _lawful(plan: Plan) -> Lawful:
    route = plan.route
    return Lawful(
        route=route.name,
        title=route.title,
        partner=route.partner,
        tier=route.tier,
        badge=route.badge,
        rehearsal=route.rehearsal,
        host=route.host,
        reason=plan.reason or "no rule or term objects",
        needs=_needs(plan),
    )


def _excluded(entry: RuledOut) -> Excluded:
    first = entry.law[0] if entry.law else None
    return Excluded(
        route=entry.route,
        badge=entry.badge,
        reason=entry.reason,
        rule=entry.rule,
        law=first.title if first else "partner's own terms",
        article=first.article if first else "",
        citations=_laws(entry.law),
    )


def _laws(law: tuple[Citation, ...]) -> list[Law]:
    return [Law(cited.title, cited.article, cited.rank, cited.since.isoformat()) for cited in law]


def _owed(plans: list[Plan]) -> list[Owed]:
    """Each distinct obligation once, with the routes on which it is owed."""
    found: dict[tuple[str, str, bytes], tuple[Obligation, list[str]]] = {}
    for plan in plans:
        for owed in plan.obligations:
            key = (owed.region, owed.rule, msgspec.json.encode(owed.values, order="sorted"))
            found.setdefault(key, (owed, []))[1].append(plan.route.name)
    return [_one(owed, routes) for owed, routes in found.values()]


def _one(owed: Obligation, routes: list[str]) -> Owed:
    return Owed(
        verb=owed.verb,
        values=dict(owed.values),
        region=owed.region,
        rule=f"{owed.region}.{owed.rule}",
        duty=owed.duty,
        law=owed.law[0].title,
        article=owed.law[0].article,
        since=owed.since.isoformat(),
        until=owed.until.isoformat() if owed.until else "",
        sure=owed.sure,
        draft=owed.draft,
        does=VERBS[owed.verb].does,
        citations=_laws(owed.law),
        routes=routes,
    )


def _chain(plans: list[Plan], out: list[RuledOut]) -> list[Link]:
    """Every rule that bound this question, with the routes it excluded, in the order in which they were met."""
    links: dict[str, Link] = {}
    for plan in plans:
        for owed in plan.obligations:
            name = f"{owed.region}.{owed.rule}"
            links.setdefault(name, Link(name, owed.verb, owed.duty, []))
    for entry in out:
        name = entry.rule or "partner's own terms"
        link = links.setdefault(name, Link(name, "", entry.reason, []))
        if entry.route not in link.excluded:
            link.excluded.append(entry.route)
    return list(links.values())


def _nearest(table: Table, question: Question, route: str) -> Iterator[Nearest]:
    """Per word of the question, the first other word that leads to an answer. The age is never the thing to change."""
    if route:
        yield from _first(table, question, "route", ("",), "")
    if len(question.regions) > 1:
        for region in question.regions:
            yield from _first(table, question._replace(regions=(region,)), "region", (region,), route)
    words = {"data": DATA, "content": CONTENTS, "event": EVENTS, "feature": FEATURES, "modality": MODALITIES}
    for change, options in words.items():
        others = tuple(word for word in options if word != getattr(question, change))
        yield from _first(table, question, change, others, route)


def _first(table: Table, question: Question, change: str, words: tuple[str, ...], route: str) -> Iterator[Nearest]:
    for word in words:
        other = question if change in {"route", "region"} else _with(question, change, word)
        decision = table.decide(other)
        plans = [plan for plan in (*decision.device, *decision.plans) if _is(plan, route)]
        if plans:
            verdict = "serve_after" if all(map(waits, plans)) else "serve"
            yield Nearest(change, word or plans[0].route.name, verdict, plans[0].route.name)
            return


def _with(question: Question, change: str, word: str) -> Question:
    return Question(**{**question._asdict(), change: word})
