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
from itertools import combinations
from typing import Any

import msgspec

from isthmus.core.decision import Decision, Question, Route
from isthmus.core.errors import Refusal
from isthmus.partners.schema import Partner
from isthmus.policy import duties as duty_room
from isthmus.policy import lawful, strictest
from isthmus.policy.bind import Bound, boundaries, in_force, index
from isthmus.policy.duties import Duty
from isthmus.policy.house import House
from isthmus.policy.lawful import Site
from isthmus.policy.outcome import Compiler, Same, owed
from isthmus.regions.schema import HOUSE_ID, Region

# Decisions remembered at most; a key's regions and the closed words bound them far below this in practice.
LIMIT = 200_000
MIXES = 64  # single regions and mixes of regions that are kept compiled


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
        self._compilers: dict[tuple[str, ...], Compiler] = {}
        self._same: Same = {}

    @classmethod
    def build(
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
        return sum(self._compiler((name,)).warm() for name in self.regions)

    def _decide(self, question: Question) -> Decision:
        where = tuple(sorted(set(question.regions)))
        for name in where:
            if name not in self.regions:
                raise Refusal("unknown_region", region=name, known=", ".join(sorted(self.regions)))
        if not where:
            raise Refusal("unknown_region", region="-", known=", ".join(sorted(self.regions)))
        compiler = self._compiler(where)
        outcome = compiler.outcome(compiler.index.bits(question))
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

    def _compiler(self, where: tuple[str, ...]) -> Compiler:
        found = self._compilers.get(where)
        if found is None:
            if len(self._compilers) >= MIXES:  # each mix of regions is some hundred kilobytes
                self._compilers.clear()
                self._known.clear()
            regions = tuple(self.regions[name] for name in where)
            bounds = index(self._bounds(where))
            found = self._compilers[where] = Compiler(
                regions, bounds, self._sites, self._house, self._duties, self._same
            )
        return found

    def _bounds(self, where: tuple[str, ...]) -> list[Bound]:
        operator = self._house.operator
        bounds = []
        for region in (*(self.regions[name] for name in where), self._house_rules):
            facts = operator.inherited(region.chain)
            bounds += [Bound(rule, region, facts) for rule in region.rules if in_force(rule, self.today, facts)]
        return bounds

    def _check(self, name: str) -> None:
        """One region alone must be possible to obey: no two of its rules that can bind together exclude each other."""
        found = index(self._bounds((name,)))
        held = [(n, owed(b, self._house.operator)) for n, b in enumerate(found.bounds) if b.rule.check == "log.keep"]
        for (one, least), (other, most) in combinations(held, 2):
            clash = strictest.conflict([least, most])
            if clash is not None and found.together(one, other):
                raise Refusal("bad_law", reason=f"{name} contradicts itself: {clash.sentence()} Mend the file.")


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
