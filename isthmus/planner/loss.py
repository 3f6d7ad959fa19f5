"""A site or a whole region is gone at the worst hour of its people: who is still served, and is anything unlawful?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import process_time

import msgspec

from isthmus.core.errors import Refusal
from isthmus.planner import scaling
from isthmus.planner import world as worlds
from isthmus.planner.arrivals import Source
from isthmus.planner.audit import Audit
from isthmus.planner.catalogue import figure
from isthmus.planner.demand import SLOTS, curve
from isthmus.planner.events import LAW, NOWHERE, SHED, Habits, Loop, Loss, Outcome
from isthmus.planner.house import House, Knobs, knobs
from isthmus.planner.percentile import percentiles

REPLICAS = 64  # of the sample, over all sites
FEWER = 16  # where minutes of start-up must be seen, and not only the first
AFTER_S = 90.0  # seen after what was ordered at the loss serves
BEFORE_S = 30.0
TICK_S = 10.0
Progress = Callable[[float], None]


class LossResult(msgspec.Struct, frozen=True):
    """One loss. Shares are of requests after the loss. `servable` had a lawful site that stands; `first_try` were
    served without their stream breaking; `served` include those that asked again. Times in seconds, of what was
    served after it.
    """

    lost: str
    kind: str
    hour_utc: float
    requests: int
    servable: float
    served: float
    first_try: float
    shed: float
    broken_streams: int
    refused_by_law: int
    nothing_lawful_left: int
    ttft_p50: float
    ttft_p99: float
    ttft_p50_before: float
    ttft_p99_before: float
    decisions_broken: int


class LossReport(msgspec.Struct, frozen=True):
    """All losses. `requests_s` is simulated requests per second of one core's time."""

    results: tuple[LossResult, ...]
    warm: bool
    requests: int
    decisions_broken: int
    least_served: float
    requests_s: float
    seconds: float
    sample: float
    seed: int


def habits(at: Knobs) -> Habits:
    """What a loss costs, from data/traffic.toml."""
    return Habits(
        at.cache.value, *(figure("traffic.toml", "failover", key).value for key in ("detect_s", "retry_s", "warm_s"))
    )


def lose(
    house: House, which: Iterable[str], requests: int, progress: Progress = lambda _: None, *, warm: bool = True
) -> LossReport:
    """Lose each of `which` (sites or regions) on its own, each at its people's worst hour, with `requests` in all.

    `warm`: all that was bought serves at that hour. Else only as much as scaling left running, and more must start.
    """
    at = knobs(house.scenario)
    capacity = house.provision("lawful", at, house.scenario.spare).capacity
    lost = [_named(house, word) for word in which]
    results, spent, count = [], 0.0, 0
    first = worlds.build(house, at, capacity, REPLICAS if warm else FEWER)
    scaled = None if warm else scaling.scale(house, at, first, capacity)
    for number, (word, region, sites) in enumerate(lost):
        world = worlds.fresh(first, house.day)
        load = curve(house.scenario, region, at.peak)
        slot = max(range(SLOTS), key=load.__getitem__)
        rates = [ask.weight * curve(house.scenario, ask.region, at.peak)[slot] * world.scale for ask in world.asks]
        kept = [1 - at.device.value * house.device_share(ask.region) * at.device_length.value for ask in world.asks]
        rates = [rate * part for rate, part in zip(rates, kept, strict=True)]
        source = Source(house.lengths, house.scenario.seed * 1000 + number)
        until = max(2 * BEFORE_S, requests / len(lost) / max(1e-9, sum(rates)))
        if not warm:
            until = min(until, BEFORE_S + worlds.start_s() + AFTER_S)
        arrivals = source.draw(0.0, until, rates)
        gone = frozenset(n for n, site in enumerate(world.sites) if site.name in sites)
        loop = Loop(world, habits(at), Loss(gone, BEFORE_S))
        tick = None
        if scaled is not None:
            tick = scaling.Hand(world)
            for site, bought in enumerate(scaled.bought):
                share = scaled.serving[site][slot] / bought if bought else 0.0
                loop.counts[site] = max(1, round(world.replicas[site] * share)) if world.replicas[site] else 0
        started = process_time()
        outcome = loop.run(arrivals, tick, TICK_S)
        spent += process_time() - started
        count += len(arrivals.times)
        audit = Audit(house, world)
        audit.add(arrivals, outcome)
        kind = "region" if word in house.regions else "site"
        results.append(_result(word, kind, (slot + 0.5) * 24 / SLOTS, arrivals.times, outcome, audit.broken()))
        progress((number + 1) / len(lost))
    return LossReport(
        tuple(results),
        warm,
        count,
        sum(result.decisions_broken for result in results),
        min(result.served for result in results),
        count / spent if spent else 0.0,
        spent,
        first.scale,
        house.scenario.seed,
    )


def everything(house: House) -> list[str]:
    """Every region and every site, in order."""
    return [*house.regions, *(site.name for site in house.sites)]


def _named(house: House, word: str) -> tuple[str, str, frozenset[str]]:
    """A region or a site by name, with the region whose hour counts and the sites that are gone."""
    if word.upper() in house.regions:
        region = word.upper()
        return region, region, frozenset(site.name for site in house.sites if site.region == region)
    for site in house.sites:
        if site.name == word.lower():
            return site.name, site.region, frozenset((site.name,))
    known = ", ".join(everything(house))
    raise Refusal("usage", reason=f"{word!r} is neither a region nor a site of this plan. Known: {known}, or each.")


def _result(word: str, kind: str, hour: float, times: Sequence[float], outcome: Outcome, broken: int) -> LossResult:
    after = [k for k, at in enumerate(times) if at >= BEFORE_S]
    concerned = {*after, *outcome.broken}
    again = set(outcome.again)
    sites = outcome.site
    law = sum(sites[k] == LAW for k in concerned)
    nowhere = sum(sites[k] == NOWHERE for k in concerned)
    shed = sum(sites[k] == SHED for k in concerned)
    servable = len(concerned) - law - nowhere
    unbroken = sum(1 for k in concerned if sites[k] >= 0 and k not in again)
    done = [outcome.ttft[k] for k in after if sites[k] >= 0]
    early = set(range(len(times))) - concerned
    before = [outcome.ttft[k] for k in early if sites[k] >= 0]
    p50, p99 = percentiles(done, (50, 99))
    q50, q99 = percentiles(before, (50, 99))
    return LossResult(
        lost=word,
        kind=kind,
        hour_utc=hour,
        requests=len(times),
        servable=servable / max(1, len(concerned)),
        served=1 - shed / max(1, servable),
        first_try=unbroken / max(1, servable),
        shed=shed / max(1, servable),
        broken_streams=len(outcome.broken),
        refused_by_law=law,
        nothing_lawful_left=nowhere,
        ttft_p50=p50,
        ttft_p99=p99,
        ttft_p50_before=q50,
        ttft_p99_before=q99,
        decisions_broken=broken,
    )
