"""May this route answer here? Each law's and each partner's own condition, with the reason in plain words.

A condition answers with a note ("why it may") or an objection ("why it may not"). In rehearsal the word "rehearsal"
stands for a number the operator does not have yet; every note that rests on it says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from isthmus.core.decision import Route
from isthmus.core.operator import REHEARSAL, Facts, Operator
from isthmus.core.places import EVERYWHERE, expand, within
from isthmus.partners.schema import Endpoint, Partner
from isthmus.regions.schema import Region, Rule

LOCAL = "local"
_REHEARSED = 'rests on the word "rehearsal", not for the public'
# A fact's name after the region's prefix (cn_filing_no) -> the operator's word for it.
_FACT = re.compile(r"\{([a-z]{2}_[a-z_]+)\}")
OPERATOR_WORD = {"registration_no": "registration", "code": "producer_code", "representative": "representative"}


class Site(msgspec.Struct, frozen=True):
    """One route together with the partner file's facts about it."""

    route: Route
    partner: Partner
    endpoint: Endpoint


class Finding(NamedTuple):
    """What one condition says about one route. `objection` is empty when the route may answer."""

    objection: str = ""
    note: str = ""


FINE = Finding()


def sites(
    partners: Mapping[str, Partner],
    operator: Operator,
    engines: Mapping[str, tuple[str, int]],
    keys: Mapping[str, str],
) -> tuple[Site, ...]:
    """Every model at every endpoint: private tier first, partners before stand-ins, then as the files' `order` says."""
    found: list[tuple[tuple[int, bool, int, int, str], Site]] = []
    rank = {"device": 0, "private": 1, "partner": 2}
    for partner in partners.values():
        for name, model in partner.model.items():
            for endpoint in model.endpoints or tuple(partner.endpoint):
                route = _route(partner, (name, endpoint), operator, engines, keys)
                place = (rank[partner.tier], route.rehearsal, partner.order, 0 if model.default else 1, partner.id)
                found.append((place, Site(route, partner, partner.endpoint[endpoint])))
    return tuple(site for _, site in sorted(found, key=lambda pair: pair[0]))


def _route(
    partner: Partner,
    which: tuple[str, str],
    operator: Operator,
    engines: Mapping[str, tuple[str, int]],
    keys: Mapping[str, str],
) -> Route:
    """The route to one model at one endpoint; `which` names both."""
    name, at = which
    model, endpoint = partner.model[name], partner.endpoint[at]
    doors = model.endpoints or tuple(partner.endpoint)
    key_env = endpoint.key_env or partner.key_env
    stand_in = partner.tier == "partner" and not keys.get(key_env)
    here = stand_in or (partner.tier == "private" and not endpoint.port)  # a port: an engine of the operator's own
    host, port = engines.get(LOCAL, ("", 0)) if here else (endpoint.host, endpoint.port)
    badge = f"rehearsal: local stand-in for {partner.title}" if stand_in else partner.title
    return Route(
        name=f"{partner.id}/{name}" + (f"@{at}" if len(doors) > 1 else ""),
        partner=partner.id,
        model=name,
        tier=partner.tier,
        dialect=partner.stand_in[0] if stand_in else partner.dialect,
        host=host,
        port=port,
        tls=endpoint.tls and not here,
        path=partner.stand_in[1] if stand_in else endpoint.path,
        wire_model=model.wire or name,
        key_env="" if here else key_env,
        rehearsal=stand_in,
        badge=badge,
        title=model.title or name,
        legal_name=partner.legal_name,
        aliases=(*((partner.id,) if _is_default(partner, name) else ()), name, f"{partner.id}/{name}", *model.aliases),
        facts={**partner.facts(endpoint, model), **_filings(partner, operator)},
    )


def _is_default(partner: Partner, name: str) -> bool:
    """The marked model, or the first one where none is marked."""
    marked = next((n for n, model in partner.model.items() if model.default), next(iter(partner.model)))
    return name == marked


def _filings(partner: Partner, operator: Operator) -> dict[str, str]:
    """Filing numbers by fact name (cn_filing_no): the partner's public ones, and those the operator wrote down."""
    held = {
        f"{region.lower()}_filing_no": facts.filing.get(partner.id, "") for region, facts in operator.region.items()
    }
    return {**{name: number for name, number in held.items() if number}, **partner.filings}


def reachable(site: Site, operator: Operator) -> Finding:
    """Is there anything to send to? A stand-in may only serve while rehearsing."""
    route = site.route
    if route.rehearsal and not operator.rehearsing:
        key = site.endpoint.key_env or site.partner.key_env
        return Finding(f"{key} is not set, and stand-ins serve only in rehearsal. Set the key.")
    if route.tier != "device" and not route.host:
        return Finding("no local engine is running to answer for it. Start one with `isthmus up`.")
    return Finding(note=f"{route.badge}") if route.rehearsal else FINE


def partner_terms(site: Site, region: Region, operator: Operator) -> Finding:
    """The partner's own conditions: for whom it may be used, and whose customers it refuses."""
    endpoint = site.endpoint
    served = endpoint.end_users
    if not within(region.countries, served) or expand(region.countries) & expand(endpoint.end_users_not):
        where = _say(served)
        without = f" except {_say(endpoint.end_users_not)}" if endpoint.end_users_not else ""
        return Finding(
            f"{site.partner.title} at {endpoint.host} may serve people in {where}{without}; "
            f"{region.id} covers {', '.join(region.countries)}"
        )
    if endpoint.owners_barred:
        owner = operator.owner_country
        if owner == REHEARSAL and operator.rehearsing:
            return Finding(note=f"owner's country {_REHEARSED}")
        if owner == REHEARSAL or owner in expand(endpoint.owners_barred):
            return Finding(f"{site.partner.title} refuses owners from {', '.join(endpoint.owners_barred)}; {owner=!s}")
    return FINE


def require(site: Site, rule: Rule, facts: Facts, operator: Operator) -> Finding:
    """route.require: filings of the model, registrations of the operator, the place where it runs."""
    notes: list[str] = []
    held: list[tuple[str, str]] = [
        (fact, site.partner.filings.get(fact) or _of_partner(facts, fact, site.partner.id))
        for fact in rule.values.get("partner", ())
    ]
    held += [(fact, of_operator(facts, fact)) for fact in rule.values.get("operator", ())]
    for fact, value in held:
        if not counts(value, operator):
            return Finding(f"no {fact} for {site.partner.id}: write it into operator.toml [region.{rule.region}]")
        notes.append(f"{fact} {value}" if value != REHEARSAL else f"{fact} {_REHEARSED}")
    if "runs_in" in rule.values:
        place = runs_in(site, rule.values["runs_in"], operator)
        if place.objection:
            return place
        notes.append(place.note)
    return Finding(note="; ".join(notes))


def runs_in(site: Site, places: tuple[str, ...], operator: Operator) -> Finding:
    """Does the door stand, and the model run, in `places`?"""
    if site.route.tier == "device":
        return Finding(note="runs on the person's own device")
    if site.route.tier == "private":
        if operator.location == REHEARSAL and operator.rehearsing:
            return Finding(note=f"private tier counts as here: location {_REHEARSED}")
        inside, where = within((operator.location,), places), _say((operator.location,))
    else:
        spread = (site.endpoint.region, *site.endpoint.inference)
        inside, where = within(spread, places), _say(spread)
    return Finding(note=f"runs in {where}") if inside else Finding(f"runs in {where}, not in {_say(places)}")


def residency(site: Site, rule: Rule, facts: Facts, operator: Operator) -> Finding:
    """residency: processed and stored in the named places, or abroad on a recorded basis; with a contract."""
    values = rule.values
    place = runs_in(site, values["process"], operator)
    store = values.get("store", values["process"])
    notes = [place.note]
    if place.objection or (site.route.tier == "partner" and not within(site.endpoint.storage, store)):
        objection = place.objection or f"stores in {_say(site.endpoint.storage)}, not in {_say(store)}"
        basis = facts.transfer.get(site.partner.id, "")
        bases = values.get("or_basis", ())
        if not bases:
            return Finding(objection)
        if not counts(basis, operator) or (basis != REHEARSAL and basis not in bases):
            return Finding(f"{objection}, and no transfer basis ({', '.join(bases)}) is recorded for {site.partner.id}")
        notes = [f"transfer basis {basis if basis != REHEARSAL else _REHEARSED}"]
    if values.get("dpa") and site.route.tier == "partner":
        if site.partner.id in facts.entrusted:
            notes.append("processing contract recorded")
        elif operator.rehearsing:
            notes.append("processing contract assumed in rehearsal")
        else:
            return Finding(f"no processing contract with {site.partner.id}: list it under entrusted in operator.toml")
    return Finding(note="; ".join(note for note in notes if note))


def forbid(site: Site, rule: Rule, operator: Operator) -> Finding:
    """route.forbid: named partners, whatever runs in the named places, or whose own terms ask for at least an age.

    Without any of these, every route it binds.
    """
    values = rule.values
    named = site.partner.id in values.get("partner", ())
    aged = "least_age" in values and site.partner.from_age >= values["least_age"]
    placed = "runs_in" in values and not runs_in(site, values["runs_in"], operator).objection
    if named or aged or placed or not values:
        return Finding(rule.duty)
    return FINE


def complete(rule: Rule, facts: Facts, operator: Operator) -> Finding:
    """label.embed: can every field be filled? What only the operator knows must be known before an export."""
    for field, text in rule.values.get("fields", {}).items():
        for gap in _FACT.findall(text):
            if not counts(of_operator(facts, gap), operator):
                return Finding(f"{field} needs {gap}: write it into operator.toml [region.{rule.region}]")
    return FINE


def lifted(rule: Rule, site: Site, facts: Facts) -> bool:
    """Does the rule's `unless` hold for this route?"""
    if rule.unless == "partner.role=entrusted":
        return site.partner.id in facts.entrusted
    if rule.unless == "editor.reviewed":
        return bool(facts.editor) and facts.editor != REHEARSAL
    return False


def counts(value: str, operator: Operator) -> bool:
    """Is this fact held? "rehearsal" counts only while rehearsing."""
    return bool(value) and (value != REHEARSAL or operator.rehearsing)


def of_operator(facts: Facts, fact: str) -> str:
    """The operator's value for a law file's fact name, e.g. cn_registration_no."""
    word = OPERATOR_WORD.get(fact.partition("_")[2], "")
    return str(getattr(facts, word)) if word else ""


def _of_partner(facts: Facts, fact: str, partner: str) -> str:
    return facts.filing.get(partner, "") if fact.endswith("_filing_no") else ""


def _say(places: Iterable[str]) -> str:
    """Places for a person, each once."""
    return ", ".join("anywhere" if place == EVERYWHERE else place for place in dict.fromkeys(places))
