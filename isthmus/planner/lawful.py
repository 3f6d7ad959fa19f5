"""Which site may serve whom: asked of the very table that the gateway uses (policy.compile), not of a rule of our own.

A site becomes a partner file in memory: its door, its inference and its storage stand in one place, it serves
anybody its law admits, and the operator has recorded what a careful one would (filings, contracts, transfer bases of
sites.toml). Every class of question (feature, age, data) of every region is then decided; those with the same sites
form a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

from isthmus.core.decision import Question
from isthmus.core.operator import Facts, Operator
from isthmus.partners import load as partner_files
from isthmus.partners.schema import Endpoint, Model, Partner
from isthmus.planner.catalogue import figure, tables
from isthmus.policy import supposed
from isthmus.policy.compile import Table
from isthmus.regions import load as region_files
from isthmus.regions.schema import Region

KEY = "SITE_KEY"
KINDS = ("features", "ages", "data")


class Site(NamedTuple):
    """One data-centre site: `place` is what law speaks of, `region` whose people live beside it."""

    name: str
    place: str
    region: str


class Asked(NamedTuple):
    """One class of question with its share of its region's traffic, and who may answer it."""

    question: Question
    region: str
    share: float
    sites: tuple[str, ...]
    device: bool


def sites(regions: Iterable[str]) -> tuple[Site, ...]:
    """The sites beside the people of `regions`."""
    return tuple(
        Site(name, place, region) for region in regions for name, place in tables("sites.toml")[region]["sites"]
    )


def fresh_table(all_sites: Sequence[Site], regions: Iterable[str], day: date, first: str = "") -> Table:
    """The law of `day` over these sites. `first` is the site whose gateway it is: nearest sites come first in its
    routes.
    """
    held = dict(_devices())
    home = next((site for site in all_sites if site.name == first), all_sites[0])
    near = sorted(all_sites, key=lambda site: (site.name != home.name, delay_ms(home, site), site.name))
    for order, site in enumerate(near):
        held[site.name] = _partner(site, order)
    return supposed.table(_files(), held, _operator(all_sites, regions), {KEY: "held"}, day)


@lru_cache(maxsize=64)
def table(all_sites: tuple[Site, ...], regions: tuple[str, ...], day: date, first: str = "") -> Table:
    """The same, compiled once: a table never changes."""
    return fresh_table(all_sites, regions, day, first)


@cache
def _files() -> Mapping[str, Region]:
    return region_files.load()


@cache
def _devices() -> Mapping[str, Partner]:
    return {partner.id: partner for partner in partner_files.load().values() if partner.tier == "device"}


def ask(law: Table, regions: Iterable[str]) -> tuple[Asked, ...]:
    """Every class of question of `regions`, decided. Shares of a region add up to 1."""
    mix = [[(word, entry["value"]) for word, entry in tables("traffic.toml")[kind].items()] for kind in KINDS]
    whole = 1.0
    for kind in mix:
        whole *= sum(share for _, share in kind)
    found = []
    for region, *words in product(regions, *mix):
        (feature, a), (age, b), (data, c) = words
        question = Question((region,), feature, age=age, data=data)
        decision = law.decide(question)
        names = tuple(plan.route.partner for plan in decision.plans)
        found.append(Asked(question, region, a * b * c / whole, names, bool(decision.device)))
    return tuple(found)


def delay_ms(one: Site, other: Site) -> float:
    """Round trip between a person beside `one` and the site `other`."""
    if one.region == other.region:
        return figure("sites.toml", "delay", "here" if one.name == other.name else "twin").value
    known = tables("sites.toml")["delay"]
    for key in (f"{one.region}-{other.region}", f"{other.region}-{one.region}"):
        if key in known:
            return figure("sites.toml", "delay", key).value
    return figure("sites.toml", "delay", "far").value


def _partner(site: Site, order: int) -> Partner:
    here = Endpoint(
        host=f"{site.name}.internal",
        path="/v1/chat/completions",
        region=site.place,
        inference=(site.place,),
        storage=(site.place,),
        end_users=("*",),
    )
    return Partner(
        id=site.name,
        title=site.name,
        endpoint={"here": here},
        model={f"model-{site.name}": Model(default=True)},
        key_env=KEY,
        order=order,
        retention="a receipt without content",
        training="none",
        trains_on_input=False,
    )


def _operator(all_sites: Sequence[Site], regions: Iterable[str]) -> Operator:
    """An operator who holds filings and contracts for every site, and the transfer bases of sites.toml."""
    bases: Mapping[str, Mapping[str, str]] = tables("sites.toml")["transfer"]
    names = tuple(site.name for site in all_sites)
    facts = {}
    for region in regions:
        known = bases.get(region, {})
        facts[region] = Facts(
            market_date="2026-09-01",
            filing=dict.fromkeys((*names, "device"), "supposed"),
            registration="supposed",
            producer_code="supposed",
            representative="supposed",
            entrusted=names,
            transfer={site.name: known[site.place] for site in all_sites if site.place in known},
            log_max_days=400,
        )
    return Operator(
        mode="production",
        name="supposed",
        owner="supposed",
        owner_country="",
        location="",
        accept_drafts=True,
        region=facts,
    )
