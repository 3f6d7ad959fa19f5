"""One scenario with its law: its demand, who may serve it, and what capacity that takes. What the closed form and the
simulation share.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import NamedTuple

from isthmus.planner import lawful, lengths
from isthmus.planner.catalogue import Figure, figure, hardware
from isthmus.planner.demand import curve
from isthmus.planner.engine import Engine, engine
from isthmus.planner.lengths import Lengths
from isthmus.planner.provision import Group, Loss, Provision, provision
from isthmus.planner.scenario import Scenario, checked

SERVER = 8  # GPUs are bought by the server
APART = "CN"  # in the reading "mainland apart", its sites serve its own people and nobody else


class Knobs(NamedTuple):
    """The assumptions that can be moved. Ratios and seconds as in data/traffic.toml; `price` and `power` multiply."""

    peak: Figure
    utilisation: Figure
    cache: Figure
    token_ms: Figure
    roofline: Figure
    device: Figure
    device_length: Figure
    home: Figure


def knobs(scenario: Scenario) -> Knobs:
    """The scenario's assumptions, from itself or from data/traffic.toml."""
    return Knobs(
        scenario.figure("day", "peak", scenario.peak),
        scenario.figure("serving", "utilisation", scenario.utilisation),
        scenario.figure("serving", "cache", scenario.cache),
        scenario.figure("serving", "token_ms", scenario.token_ms),
        figure("traffic.toml", "serving", "roofline"),
        scenario.figure("device", "share", scenario.device),
        figure("traffic.toml", "device", "length"),
        scenario.figure("serving", "home", scenario.home),
    )


class House:
    """One scenario with its law: what does not change while assumptions move."""

    def __init__(self, scenario: Scenario, day: date) -> None:
        self.scenario = checked(scenario, "the scenario")
        self.day = day
        self.regions = tuple(scenario.regions)
        self.sites = lawful.sites(self.regions)
        self.law = lawful.table(self.sites, self.regions, day)
        self.asked = lawful.ask(self.law, self.regions)
        known = (
            Lengths(scenario.classes, scenario.source, "high") if scenario.classes else lengths.load(scenario.lengths)
        )
        self.lengths = known.scaled(scenario.tokens_in, scenario.tokens_out)
        self._means = (self.lengths.mean_in, self.lengths.mean_out, self.lengths.mean_context)
        self._seconds: dict[tuple[str, Knobs], float] = {}
        self.chip = {site.name: scenario.hardware_in.get(site.region, scenario.hardware).lower() for site in self.sites}

    @cached_property
    def shares(self) -> dict[str, dict[frozenset[str], float]]:
        """Per region: share of its questions by the sites that may answer; the empty set is what law refuses."""
        found: dict[str, dict[frozenset[str], float]] = {region: {} for region in self.regions}
        for each in self.asked:
            sites = frozenset(each.sites)
            mine = found[each.region]
            mine[sites] = mine.get(sites, 0.0) + each.share
        return found

    def device_share(self, region: str) -> float:
        """Share of this region's questions that a device may lawfully answer."""
        return sum(each.share for each in self.asked if each.region == region and each.device)

    def refused(self, region: str) -> float:
        """Share of this region's questions that nobody may answer."""
        return self.shares[region].get(frozenset(), 0.0)

    def groups(self, regime: str, at: Knobs) -> list[Group]:
        """Load (queries a second of full length) by who may serve it, under one reading of residency."""
        everywhere = frozenset(site.name for site in self.sites)
        mainland = frozenset(site.name for site in self.sites if site.region == APART)
        found: list[Group] = []
        for region in self.regions:
            own = frozenset(site.name for site in self.sites if site.region == region)
            kept = self._kept(region, at)
            load = curve(self.scenario, region, at.peak)
            narrow = self._narrow(region)
            for sites, share in self.shares[region].items():
                if sites:
                    apart = own if region == APART else (narrow or sites) - mainland or sites
                    where = {"free": everywhere, "pinned": own, "lawful": narrow or sites, "mainland apart": apart}[
                        regime
                    ]
                    found.append(Group(region, where, [value * share * kept for value in load]))
        return found

    def _narrow(self, region: str) -> frozenset[str]:
        """Sites that may serve all of this region's questions; each set's own where none may.

        Gateways send every question to its nearest lawful site, so that one which could go further takes no less room
        there. Capacity is therefore planned as if none could.
        """
        sets = [sites for sites in self.shares[region] if sites]
        return frozenset.intersection(*sets) if sets else frozenset()

    def engine(self, chip: str, at: Knobs) -> Engine:
        """The engine of this scenario's model on `chip`."""
        into, _, context = self._means
        return engine(chip, self.scenario.model.lower(), into, context, at.token_ms.value / 1000)

    def gpu_seconds(self, chip: str, at: Knobs) -> float:
        """GPU-seconds of one query on `chip`, idle share included."""
        found = self._seconds.get((chip, at))
        if found is None:
            into, out, _ = self._means
            whole = sum(self.engine(chip, at).seconds(into, out, at.cache.value))
            found = self._seconds[chip, at] = whole / at.utilisation.value / at.roofline.value
        return found

    def losses(self, spare: str, at: Knobs) -> list[Loss]:
        """What may be lost: nothing, any one site, or any one region (and any one site).

        Whoever moves finds no cache, so that a query costs more until caches grow again; for those minutes a fleet
        may run hotter than at its daily peak. A lost site is half of its region, or one part of as many as stand there.
        """
        alone = [frozenset((site.name,)) for site in self.sites]
        whole = [frozenset(s.name for s in self.sites if s.region == region) for region in self.regions]
        wanted = {"none": [], "site": alone, "region": [*alone, *whole]}[spare]
        haste = at.utilisation.value / max(at.utilisation.value, figure("traffic.toml", "failover", "hot").value)
        found = []
        for lost in wanted:
            factor = {}
            for region in self.regions:
                own = [site.name for site in self.sites if site.region == region]
                moved = sum(name in lost for name in own) / len(own)
                factor[region] = (1 + moved * (self._cold(region, at) - 1)) * haste
            found.append(Loss(lost, factor))
        return found

    def _cold(self, region: str, at: Knobs) -> float:
        """How much more a query costs without any cache."""
        into, out, _ = self._means
        chip = self.scenario.hardware_in.get(region, self.scenario.hardware).lower()
        warm, cold = (sum(self.engine(chip, at).seconds(into, out, cache)) for cache in (at.cache.value, 0.0))
        return cold / warm

    def provision(self, regime: str, at: Knobs, spare: str) -> Provision:
        """The cheapest lawful capacities in queries a second; cost is USD per hour."""
        cost = {
            site.name: self.gpu_seconds(self.chip[site.name], at) * hardware(self.chip[site.name]).usd_hour.value
            for site in self.sites
        }
        floors: dict[frozenset[str], float] = {}
        for region in self.regions:
            own = [site.name for site in self.sites if site.region == region]
            least = at.home.value * self._kept(region, at) * max(curve(self.scenario, region, at.peak)) / len(own)
            floors |= dict.fromkeys((frozenset((name,)) for name in own), least)
        return provision(self.groups(regime, at), cost, self.losses(spare, at), floors)

    def _kept(self, region: str, at: Knobs) -> float:
        """Share of a region's token work that does not stay on devices."""
        return 1 - at.device.value * self.device_share(region) * at.device_length.value

    def gpus(self, found: Provision, at: Knobs) -> dict[str, float]:
        """GPUs per site."""
        return {name: qps * self.gpu_seconds(self.chip[name], at) for name, qps in found.capacity.items()}
