"""What only the operator can know and has not said: which facts must be real before serving the public, per region.

Each missing fact names the rule that asks for it, so that a person can read why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from isthmus.core.operator import REHEARSAL, Facts, Operator
from isthmus.core.places import expand, within
from isthmus.partners.schema import Endpoint, Partner
from isthmus.policy.lawful import OPERATOR_WORD
from isthmus.regions.schema import HOUSE_ID, Region, Rule

EVERYWHERE = "*"
Asked = tuple[str, str, str, str]  # key, value, why, partner ("" when everybody needs it)


class Missing(msgspec.Struct, frozen=True):
    """One fact. `key` is its place in operator.toml; `now` is what stands there ("" or "rehearsal").

    Without a fact that is `needed` nobody may be served; without another, one `partner` is left out.
    """

    region: str
    key: str
    now: str
    why: str
    rule: str
    partner: str = ""

    @property
    def needed(self) -> bool:
        """Does this fact stand in everybody's way?"""
        return not self.partner


def missing_facts(operator: Operator, regions: Mapping[str, Region], partners: Mapping[str, Partner]) -> list[Missing]:
    """Every fact that is absent or only rehearsed, those of the whole house first (region "*")."""
    found = list(_house(operator, partners))
    for name, region in sorted(regions.items()):
        if name == HOUSE_ID:
            continue
        facts = operator.inherited(region.chain)
        seen: set[str] = set()
        for rule in region.rules:
            for key, value, why, partner in _asked(rule, facts, region, partners):
                if value in ("", REHEARSAL) and key not in seen:
                    seen.add(key)
                    found.append(Missing(name, f"region.{name}.{key}", value, why, rule.id, partner))
    return found


def _house(operator: Operator, partners: Mapping[str, Partner]) -> Iterator[Missing]:
    barring = [p.title for p in partners.values() if any(e.owners_barred for e in p.endpoint.values())]
    asked = {
        "mode": (operator.mode, 'it is "production" when the public is served'),
        "name": (operator.name, "people are told who runs the service"),
        "location": (operator.location, "laws ask where the private tier runs"),
        "owner": (operator.owner, "laws and partners ask who owns the operator"),
    }
    if barring:
        asked["owner_country"] = (operator.owner_country, f"{', '.join(barring)} refuse owners from some places")
    for key, (value, why) in asked.items():
        if value in ("", REHEARSAL):
            yield Missing(EVERYWHERE, key, value, why, "")


def _asked(rule: Rule, facts: Facts, region: Region, partners: Mapping[str, Partner]) -> Iterator[Asked]:
    """Every fact this rule rests on."""
    values = rule.values
    match rule.check:
        case "route.require":
            for fact in values.get("operator", ()):
                word = OPERATOR_WORD.get(fact.partition("_")[2], "")
                if word:
                    yield word, str(getattr(facts, word)), rule.duty, ""
            if any(fact.endswith("_filing_no") for fact in values.get("partner", ())):
                for name in _serving(region, partners):
                    yield f"filing.{name}", facts.filing.get(name, ""), rule.duty, name
        case "residency":
            yield from _transfers(rule, facts, region, partners)
        case "channel.offer":
            if "representative" in values["kind"]:
                yield "representative", facts.representative, rule.duty, ""
            yield "complaints", facts.complaints, rule.duty, ""
        case "log.keep" if values.get("max_days") == "{operator}":
            yield "log_max_days", str(facts.log_max_days), rule.duty, ""
        case _:
            pass
    if rule.grace is not None:
        yield "market_date", facts.market_date, f"grace ends on {rule.grace.until.isoformat()}: {rule.duty}", ""
    if "{cn_code}" in str(values):
        yield "producer_code", facts.producer_code, rule.duty, ""


def _serving(region: Region, partners: Mapping[str, Partner]) -> list[str]:
    return [
        name for name, partner in sorted(partners.items()) if any(_open(e, region) for e in partner.endpoint.values())
    ]


def _open(endpoint: Endpoint, region: Region) -> bool:
    barred = expand(region.countries) & expand(endpoint.end_users_not)
    return within(region.countries, endpoint.end_users) and not barred


def _transfers(rule: Rule, facts: Facts, region: Region, partners: Mapping[str, Partner]) -> Iterator[Asked]:
    """Partners that may serve here from elsewhere need a basis; all of them a contract, where the rule says so."""
    inside = rule.values["process"]
    for name in _serving(region, partners):
        partner = partners[name]
        if partner.tier != "partner":
            continue
        doors = [e for e in partner.endpoint.values() if _open(e, region)]
        abroad = any(not within((e.region, *e.inference, *e.storage), inside) for e in doors)
        if abroad and rule.values.get("or_basis"):
            yield f"transfer.{name}", facts.transfer.get(name, ""), rule.duty, name
        if rule.values.get("dpa") and name not in facts.entrusted:
            yield f"entrusted ({name})", "", rule.duty, name
