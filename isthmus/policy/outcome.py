"""What is decided for one set of regions: per route the objections, or a plan with all that is owed on it.

Everything that does not depend on the question is worked out once per route (does this rule bind it, does this rule
object, what obligation does it leave); a question then only picks bits. Routes share nothing that differs between them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from isthmus.core.decision import Obligation, Plan, Route, RuledOut
from isthmus.core.operator import Operator
from isthmus.policy import duties as duty_room
from isthmus.policy import lawful, strictest
from isthmus.policy.bind import Bound, Index
from isthmus.policy.duties import Duty
from isthmus.policy.fill import fill
from isthmus.policy.house import House
from isthmus.policy.lawful import Finding, Site
from isthmus.regions.schema import Region, Rule


class Outcome(msgspec.Struct, frozen=True):
    """What all questions with the same bits share."""

    verdict: str
    code: str
    plans: tuple[Plan, ...]
    device: tuple[Plan, ...]
    ruled_out: tuple[RuledOut, ...]
    refusal: str


Same = dict[tuple[str, bytes], Obligation]
"""What one law owes on many routes, by its rule and values: equal ones are one object."""


class Way:
    """One route under one set of regions: which bits bind it, what they object to, what they leave owed."""

    __slots__ = (
        "_index", "_operator", "_owed", "_same", "_terms", "binding", "notes", "objecting", "objections", "site",
    )  # fmt: skip

    def __init__(self, site: Site, regions: Sequence[Region], index: Index, operator: Operator, same: Same) -> None:
        self.site = site
        self._same = same
        self._index = index
        self._operator = operator
        self._owed: dict[int, Obligation] = {}
        self._terms = _terms(site, regions, operator)
        self.binding = 0
        self.objecting = 0
        self.objections: dict[int, RuledOut] = {}
        self.notes: dict[int, str] = {}
        for place, bound in enumerate(index.bounds):
            if not _binds(bound, site):
                continue
            self.binding |= 1 << place
            finding = _apply(site, bound, operator)
            if finding.objection:
                self.objecting |= 1 << place
                self.objections[place] = _ruled_out(site.route, finding, bound.rule)
            elif finding.note:
                self.notes[place] = f"{bound.rule.id}: {finding.note}"

    def against(self, bits: int) -> list[RuledOut]:
        """Every objection to this route under `bits`; empty when it may serve."""
        found = [_ruled_out(self.site.route, finding, None) for finding in self._terms if finding.objection]
        if bits & self.objecting:
            found += [out for place, out in self.objections.items() if bits >> place & 1]
        return list(dict.fromkeys(found))

    def reason(self, bits: int) -> str:
        """Why this route may serve."""
        notes = [finding.note for finding in self._terms if finding.note]
        notes += [note for place, note in self.notes.items() if bits >> place & 1]
        return "; ".join(dict.fromkeys(notes))

    def owed(self, bits: int) -> tuple[Obligation, ...]:
        """What is owed on this route under `bits`; the same rule twice (region and overlay) only where it differs."""
        found: Same = {}
        for place, bound in enumerate(self._index.bounds):
            if bits >> place & 1 and self.binding >> place & 1:
                obligation = self._owed.get(place)
                if obligation is None:
                    obligation = owed(bound, self._operator, self.site.route)
                name = (bound.rule.id, msgspec.json.encode(obligation.values))
                found[name] = self._owed[place] = self._same.setdefault(name, obligation)
        return strictest.merge(tuple(found.values()))


class Compiler:
    """Outcomes for one set of regions, made when they are first asked for."""

    def __init__(
        self, regions: tuple[Region, ...], index: Index, sites: Sequence[Site], house: House, duties: Sequence[Duty],
        same: Same,
    ) -> None:  # fmt: skip
        self.index = index
        self._regions = regions
        self._house = house
        self._duties = duties
        self._ways = [Way(site, regions, index, house.operator, same) for site in sites]
        self._all = (1 << len(index.bounds)) - 1
        self._outcomes: dict[int, Outcome] = {}
        self._plans: dict[tuple[int, int], Plan] = {}

    def outcome(self, bits: int) -> Outcome:
        """The outcome for the bounds whose bits are set."""
        bits &= self._all
        found = self._outcomes.get(bits)
        if found is None:
            found = self._outcomes[bits] = self._compile(bits)
        return found

    def warm(self) -> int:
        """Compile every outcome that some question can lead to; returns how many there are."""
        found = {-1}
        for masks in self.index.masks.values():
            found = {bits & mask for bits in found for mask in set(masks.values())}
        for bits in found:
            self.outcome(bits)
        return len(self._outcomes)

    def _compile(self, bits: int) -> Outcome:
        taken = self.index.taken(bits)
        clash = strictest.conflict([owed(bound, self._house.operator) for bound in taken])
        if clash is not None:
            where = ", ".join(region.id for region in self._regions)
            reason = f"The regions {where} contradict each other: {clash.sentence()} Serve them apart."
            return Outcome("conflict", "no_lawful_route", (), (), self._all_out(reason, clash.least), reason)
        plans: list[Plan] = []
        ruled_out: list[RuledOut] = []
        for place, way in enumerate(self._ways):
            against = way.against(bits)
            if against:
                ruled_out += against
            else:
                plans.append(self._plan(place, bits & way.binding))
        mine = tuple(plan for plan in plans if plan.route.tier != "device")
        code, refusal = ("", "") if mine else self._refusal(taken, ruled_out)
        verdict = "refuse" if not mine else "serve_after" if all(map(waits, mine)) else "serve"
        device = tuple(plan for plan in plans if plan.route.tier == "device")
        return Outcome(verdict, code, mine, device, tuple(ruled_out), refusal)

    def _plan(self, place: int, bits: int) -> Plan:
        plan = self._plans.get((place, bits))
        if plan is None:
            way = self._ways[place]
            obligations = way.owed(bits)
            stages = duty_room.stages(self._duties, obligations, way.site.route, self._house)
            plan = self._plans[place, bits] = Plan(
                route=way.site.route,
                obligations=obligations,
                stages=stages,
                on_request=tuple(s.on_request for s in stages if s.on_request is not None),
                awaited=tuple(s.awaited for s in stages if s.awaited is not None),
                on_event=tuple(s.on_event for s in stages if s.on_event is not None),
                on_response=tuple(s.on_response for s in stages if s.on_response is not None),
                reason=way.reason(bits),
            )
        return plan

    def _all_out(self, reason: str, least: Obligation) -> tuple[RuledOut, ...]:
        rule = f"{least.region}.{least.rule}"
        routes = (way.site.route for way in self._ways)
        return tuple(RuledOut(route.name, reason, rule, least.law, route.badge) for route in routes)

    def _refusal(self, taken: Sequence[Bound], out: Sequence[RuledOut]) -> tuple[str, str]:
        """The code of core.errors.TABLE that fits, and the sentence for a person."""
        for bound in taken:
            if bound.rule.check == "feature.forbid" and not bound.asks and not bound.rule.when.route:
                cited = bound.rule.law[0]
                return "feature_forbidden", f"{bound.rule.duty} ({f'{cited.title} {cited.article}'.strip()})"
        where = ", ".join(region.id for region in self._regions)
        rules = ", ".join(sorted({entry.rule for entry in out if entry.rule}))
        named = f" Rules: {rules}." if rules else ""
        return "no_lawful_route", f"No route of this house is lawful in {where}.{named}"


def waits(plan: Plan) -> bool:
    """Must something happen before this plan may serve? A guardian whose need hangs on an unknown age is asked for by
    the consent duty only where the service is for minors (docs/decisions/003), so it does not wait here.
    """
    return any(
        (owed.verb == "consent.require" and not owed.values.get("ask_age"))
        or (owed.verb == "feature.forbid" and bool(owed.values.get("ask_age")))
        for owed in plan.obligations
    )


def owed(bound: Bound, operator: Operator, route: Route | None = None) -> Obligation:
    """The obligation that `bound` leaves, its texts filled for `route` where one is named."""
    rule = bound.rule
    values = fill(rule.values, bound.facts, operator, route)
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


def _terms(site: Site, regions: Sequence[Region], operator: Operator) -> list[Finding]:
    findings = [lawful.partner_terms(site, region, operator) for region in regions]
    return [lawful.reachable(site, operator), *findings]


def _binds(bound: Bound, site: Site) -> bool:
    """Does this rule bind this route: its tier is meant, and no `unless` lifts it?"""
    tier = site.route.tier
    wanted = bound.rule.when.route
    if (wanted and tier not in wanted) or tier in bound.rule.excepted.get("route", ()):
        return False
    return not lawful.lifted(bound.rule, site, bound.facts)


def _apply(site: Site, bound: Bound, operator: Operator) -> Finding:
    """What the rule says of the route itself. While the age is only asked for, nothing is forbidden yet."""
    rule, facts = bound.rule, bound.facts
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
        case "label.embed":
            return lawful.complete(rule, facts, operator)
        case _:
            return lawful.FINE


def _ruled_out(route: Route, finding: Finding, rule: Rule | None) -> RuledOut:
    if rule is None:
        return RuledOut(route=route.name, reason=finding.objection, badge=route.badge)
    return RuledOut(route=route.name, reason=finding.objection, rule=rule.id, law=rule.law, badge=route.badge)
