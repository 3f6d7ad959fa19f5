"""Region files + partner files + operator facts -> a table of decisions. Cold code: nothing here runs per request
but `decide`, and that is one dict look-up once a question has been seen.

    table = Table.build(regions, partners, house, engines, keys, today, duties=None)
        regions   regions.load.load(): id -> Region, with HOUSE
        partners  partners.load.load(): id -> Partner
        house     policy.house.House; its operator's facts count
        engines   {"local": (host, port)}: where the local model listens
        keys      partner secrets present, by variable name; a partner without one becomes a local stand-in (rehearsal)
        today     the calendar day (UTC) whose law is in force
        duties    None: every duty file of this folder; (): no stages (explain, replay, planner)
    table.decide(question) -> Decision        Raises Refusal unknown_region, bad_field.
    table.regions     id -> Region, without HOUSE          table.routes   route name -> Route (gateway's, not device)
    table.models()    every word a caller may name         table.digest   over files, facts, day
    table.next_boundary   the next day on which the law changes: build anew then (`table.due(today)`)

What an obligation's values may hold beyond the rule's own `with`:
    unknown_age      ask, minor or adult: what the rule, if it draws a line by age, says of an age nobody knows
    ask_age = True   the age is not settled and this rule says "ask": the duty binds until the age is known
    texts            {model_name}, {partner}, {legal_name}, {cn_filing_no}, {cn_code}, {operator} are filled here;
                     {ledger_id}, {sig}, {time} stay, for the moment of the answer
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from isthmus.core.decision import Decision, Obligation, Plan, Question, Route, RuledOut
from isthmus.core.errors import Refusal
from isthmus.partners.schema import Partner
from isthmus.policy import duties as duty_room
from isthmus.policy import lawful, strictest
from isthmus.policy.bind import Bound, Index, boundaries, in_force, index
from isthmus.policy.duties import Duty
from isthmus.policy.fill import fill
from isthmus.policy.house import House
from isthmus.policy.lawful import Finding, Site
from isthmus.regions.schema import HOUSE_ID, Region, Rule

# Decisions remembered at most; a key's regions and the closed words bound them far below this in practice.
LIMIT = 200_000


class Outcome(msgspec.Struct, frozen=True):
    """What all questions with the same bits share."""

    verdict: str
    code: str
    plans: tuple[Plan, ...]
    device: tuple[Plan, ...]
    ruled_out: tuple[RuledOut, ...]
    refusal: str


class Table:
    """All decisions of one day."""

    def __init__(
        self, regions: Mapping[str, Region], sites: Sequence[Site], house: House, today: date, duties: Sequence[Duty]
    ) -> None:
        self.regions = {name: region for name, region in regions.items() if name != HOUSE_ID}
        self.today = today
        self.digest = ""
        self.routes: dict[str, Route] = {site.route.name: site.route for site in sites if site.route.tier != "device"}
        self.next_boundary = next(
            (day for day in boundaries(r for region in regions.values() for r in region.rules) if day > today), None
        )
        self._house_rules = regions[HOUSE_ID]
        self._sites = tuple(sites)
        self._house = house
        self._duties = tuple(duties)
        self._known: dict[Question, Decision] = {}
        self._indexes: dict[tuple[str, ...], Index] = {}
        self._outcomes: dict[tuple[tuple[str, ...], int], Outcome] = {}
        self._stages: dict[tuple[Route, tuple[Any, ...]], Plan] = {}

    @classmethod
    def build(  # noqa: PLR0917  # six parts of one whole, joined once
        cls,
        regions: Mapping[str, Region],
        partners: Mapping[str, Partner],
        house: House,
        engines: Mapping[str, tuple[str, int]],
        keys: Mapping[str, str],
        today: date,
        duties: Sequence[Duty] | None = None,
    ) -> Table:
        """The table (see the head of this file). Raises Refusal bad_law: house file missing, unsigned files in
        production, or a region that contradicts itself.
        """
        if HOUSE_ID not in regions:
            raise Refusal(
                "bad_law", reason="The house file (_house.toml, id HOUSE) is missing beside the region files."
            )
        operator = house.operator
        unsigned = [name for name, region in regions.items() if region.reviewed.status == "draft"]
        if unsigned and not operator.rehearsing and not operator.accept_drafts:
            raise Refusal(
                "bad_law",
                reason=f"No lawyer has signed {', '.join(sorted(unsigned))}. Have them signed "
                "(docs/reviewing-a-region.md), or set accept_drafts = true in operator.toml.",
            )
        sites = lawful.sites(partners, operator, engines, keys)
        table = cls(regions, sites, house, today, duty_room.discover() if duties is None else duties)
        table.digest = _digest(regions, partners, house, sites, today)
        for name in table.regions:
            table._check(name)
        return table

    def decide(self, question: Question) -> Decision:
        """The decision for `question`: lawful routes in order, what is owed on each, what was ruled out and why."""
        decision = self._known.get(question)
        if decision is None:
            decision = self._decide(question)
        return decision

    def models(self) -> tuple[str, ...]:
        """Every word by which a caller may name a model: routes, models, partners, tiers' aliases."""
        words: dict[str, None] = {}
        for route in self.routes.values():
            words |= dict.fromkeys((route.name, route.model, route.partner, *route.aliases))
        return tuple(words)

    def due(self, today: date) -> bool:
        """True when the law has changed since this table was built."""
        return self.next_boundary is not None and today >= self.next_boundary

    def warm(self) -> int:
        """Compile every outcome of every single region; returns how many there are."""
        for name in self.regions:
            where = (name,)
            found = {-1}
            for masks in self._index(where).masks.values():
                found = {bits & mask for bits in found for mask in set(masks.values())}
            for bits in found:
                self._outcome(where, bits)
        return len(self._outcomes)

    def _decide(self, question: Question) -> Decision:
        where = tuple(sorted(set(question.regions)))
        for name in where:
            if name not in self.regions:
                raise Refusal("unknown_region", region=name, known=", ".join(sorted(self.regions)))
        if not where:
            raise Refusal("unknown_region", region="-", known=", ".join(sorted(self.regions)))
        outcome = self._outcome(where, self._index(where).bits(question))
        decision = Decision(
            question=question,
            verdict=outcome.verdict,
            plans=outcome.plans,
            ruled_out=outcome.ruled_out,
            digest=self.digest,
            refusal=outcome.refusal,
            code=outcome.code,
            fallback=self._fallback(where),
            device=outcome.device,
        )
        if len(self._known) >= LIMIT:
            self._known.clear()
        self._known[question] = decision
        return decision

    def _fallback(self, where: tuple[str, ...]) -> tuple[str, ...]:
        first, *others = (self.regions[name].fallback for name in where)
        return tuple(word for word in first if all(word in other for other in others))

    def _index(self, where: tuple[str, ...]) -> Index:
        found = self._indexes.get(where)
        if found is None:
            found = self._indexes[where] = index(self._bounds(where))
        return found

    def _bounds(self, where: tuple[str, ...]) -> list[Bound]:
        operator = self._house.operator
        bounds = []
        for region in (*(self.regions[name] for name in where), self._house_rules):
            facts = operator.inherited(region.chain)
            bounds += [Bound(rule, region, facts) for rule in region.rules if in_force(rule, self.today, facts)]
        return bounds

    def _check(self, name: str) -> None:
        """One region alone must be possible to obey."""
        clash = strictest.conflict(_owed(bound, None) for bound in self._bounds((name,)))
        if clash is not None:
            raise Refusal("bad_law", reason=f"{name} contradicts itself: {clash.sentence()} Mend the file.")

    def _outcome(self, where: tuple[str, ...], bits: int) -> Outcome:
        index = self._index(where)
        bits &= (1 << len(index.bounds)) - 1
        outcome = self._outcomes.get((where, bits))
        if outcome is None:
            outcome = self._outcomes[where, bits] = self._compile(where, index.taken(bits))
        return outcome

    def _compile(self, where: tuple[str, ...], taken: tuple[Bound, ...]) -> Outcome:
        regions = tuple(self.regions[name] for name in where)
        clash = strictest.conflict(_owed(bound, None) for bound in taken)
        if clash is not None:
            reason = f"The regions {', '.join(where)} contradict each other: {clash.sentence()} Serve them apart."
            out = tuple(_out(site.route, reason, clash.least) for site in self._sites)
            return Outcome("conflict", "no_lawful_route", (), (), out, reason)
        plans: list[Plan] = []
        ruled_out: list[RuledOut] = []
        for site in self._sites:
            objections, notes = self._judge(site, regions, taken)
            if objections:
                ruled_out += objections
            else:
                plans.append(self._plan(site, taken, notes))
        mine = tuple(plan for plan in plans if plan.route.tier != "device")
        code, refusal = ("", "") if mine else _refusal(where, taken, ruled_out)
        verdict = "refuse" if not mine else "serve_after" if all(map(waits, mine)) else "serve"
        device = tuple(plan for plan in plans if plan.route.tier == "device")
        return Outcome(verdict, code, mine, device, tuple(ruled_out), refusal)

    def _judge(
        self, site: Site, regions: tuple[Region, ...], taken: tuple[Bound, ...]
    ) -> tuple[list[RuledOut], list[str]]:
        """Every objection to this route, or the notes on why it may serve."""
        operator = self._house.operator
        findings = [(lawful.reachable(site, operator), None)]
        findings += [(lawful.partner_terms(site, region, operator), None) for region in regions]
        objections = [_ruled_out(site.route, finding, None) for finding, _ in findings if finding.objection]
        notes = [finding.note for finding, _ in findings if finding.note]
        for bound in _binding(site, taken):
            finding = self._apply(site, bound)
            if finding.objection:
                objections.append(_ruled_out(site.route, finding, bound.rule))
            elif finding.note:
                notes.append(f"{bound.rule.id}: {finding.note}")
        return list(dict.fromkeys(objections)), list(dict.fromkeys(notes))

    def _apply(self, site: Site, bound: Bound) -> Finding:
        rule, facts, operator = bound.rule, bound.facts, self._house.operator
        if bound.asks:
            return lawful.FINE
        match rule.check:
            case "feature.forbid":
                return Finding(rule.duty)
            case "route.forbid":
                return lawful.forbid(site, rule, operator)
            case "route.require":
                return lawful.require(site, rule, facts, operator)
            case "residency":
                return lawful.residency(site, rule, facts, operator)
            case _:
                return lawful.FINE

    def _plan(self, site: Site, taken: tuple[Bound, ...], notes: list[str]) -> Plan:
        owed: dict[tuple[str, bool, bytes], Obligation] = {}
        for bound in _binding(site, taken):
            obligation = _owed(bound, site)
            owed.setdefault((bound.rule.id, bound.asks, msgspec.json.encode(obligation.values)), obligation)
        merged = strictest.merge(tuple(owed.values()))
        stages = duty_room.stages(self._duties, merged, site.route, self._house)
        return Plan(
            route=site.route,
            obligations=merged,
            stages=stages,
            on_request=tuple(s.on_request for s in stages if s.on_request is not None),
            awaited=tuple(s.awaited for s in stages if s.awaited is not None),
            on_event=tuple(s.on_event for s in stages if s.on_event is not None),
            on_response=tuple(s.on_response for s in stages if s.on_response is not None),
            reason="; ".join(notes),
        )


def waits(plan: Plan) -> bool:
    """Must something happen before this plan may serve? A guardian whose need hangs on an unknown age is asked for by
    the consent duty only where the service is for minors (docs/decisions/003), so it does not wait here.
    """
    return any(
        (owed.verb == "consent.require" and not owed.values.get("ask_age"))
        or (owed.verb == "feature.forbid" and bool(owed.values.get("ask_age")))
        for owed in plan.obligations
    )


def _binding(site: Site, taken: tuple[Bound, ...]) -> list[Bound]:
    """The bounds that hold for this route: its tier is meant, and no `unless` lifts them."""
    tier = site.route.tier
    return [
        bound
        for bound in taken
        if (not bound.rule.when.route or tier in bound.rule.when.route)
        and tier not in bound.rule.excepted.get("route", ())
        and not lawful.lifted(bound.rule, site, bound.facts)
    ]


def _owed(bound: Bound, site: Site | None) -> Obligation:
    rule = bound.rule
    values = fill(rule.values, bound.facts, None if site is None else site.route)
    if rule.when.age_under:
        values["unknown_age"] = rule.when.unknown_age
    if bound.asks:
        values["ask_age"] = True
    return Obligation(
        verb=rule.check,
        values=values,
        region=rule.region,
        rule=rule.name,
        duty=rule.duty,
        law=rule.law,
        since=rule.since,
        until=rule.until,
        sure=rule.sure,
        draft=rule.draft,
    )


def _ruled_out(route: Route, finding: Finding, rule: Rule | None) -> RuledOut:
    if rule is None:
        return RuledOut(route=route.name, reason=finding.objection, badge=route.badge)
    return RuledOut(route=route.name, reason=finding.objection, rule=rule.id, law=rule.law, badge=route.badge)


def _out(route: Route, reason: str, owed: Obligation) -> RuledOut:
    return RuledOut(route=route.name, reason=reason, rule=f"{owed.region}.{owed.rule}", law=owed.law, badge=route.badge)


def _refusal(where: tuple[str, ...], taken: tuple[Bound, ...], out: Sequence[RuledOut]) -> tuple[str, str]:
    """The code of core.errors.TABLE that fits, and the sentence for a person."""
    forbidden = [b.rule for b in taken if b.rule.check == "feature.forbid" and not b.asks and not b.rule.when.route]
    if forbidden:
        rule = forbidden[0]
        return "feature_forbidden", f"{rule.duty} ({f'{rule.law[0].title} {rule.law[0].article}'.strip()})"
    rules = sorted({entry.rule for entry in out if entry.rule})
    named = f" Rules: {', '.join(rules)}." if rules else ""
    return "no_lawful_route", f"No route of this house is lawful in {', '.join(where)}.{named}"


def _digest(
    regions: Mapping[str, Region], partners: Mapping[str, Partner], house: House, sites: Sequence[Site], today: date
) -> str:
    """16 hex digits over everything that made the table. Secrets take no part, only which routes rehearse."""
    parts: list[Any] = [
        sorted((name, region.digest) for name, region in regions.items()),
        [partners[name] for name in sorted(partners)],
        house.operator,
        [(site.route.name, site.route.rehearsal) for site in sites],
        today,
    ]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]
