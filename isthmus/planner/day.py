"""A simulated day: each quarter hour by a window of real events, with the replicas that scaling left serving.

A window stands for its quarter hour: the clock jumps between windows, what is in flight stays. Several runs with
seeds of their own give each percentile its sampling error (two standard errors of their mean).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from math import sqrt
from time import process_time

import msgspec

from isthmus.planner import picked, scaling
from isthmus.planner import world as worlds
from isthmus.planner.arrivals import Source
from isthmus.planner.audit import Audit
from isthmus.planner.demand import SECONDS, SLOTS, curve
from isthmus.planner.events import LAW, SHED, Loop, Outcome
from isthmus.planner.house import House, knobs
from isthmus.planner.loss import habits
from isthmus.planner.percentile import percentiles

REPLICAS = 64
RUNS = 4
SHARES = (50.0, 90.0, 99.0)
SLOT_S = SECONDS / SLOTS
BINS = tuple(0.02 * 1.25**n for n in range(32))  # seconds, for the picture of delays


class Measured(msgspec.Struct, frozen=True):
    """A value of the sample and its sampling error (two standard errors)."""

    value: float
    error: float


class RegionDay(msgspec.Struct, frozen=True):
    """One region's day, times in seconds: to the first token, per token; shares of its requests."""

    name: str
    requests: int
    ttft_p50: Measured
    ttft_p90: Measured
    ttft_p99: Measured
    token_p50: Measured
    token_p99: Measured
    shed: Measured
    refused_by_law: float
    away: float


class DayResult(msgspec.Struct, frozen=True):
    """The whole day. `gpus_hourly` are GPUs serving at each site; `sample` is the share of the fleet that was
    simulated; `requests_s` simulated requests per second of one core's time in the event loop.
    """

    regions: tuple[RegionDay, ...]
    requests: int
    requests_s: float
    seconds: float
    sample: float
    window_s: float
    runs: int
    seed: int
    decisions_broken: int
    gpus_hourly: dict[str, tuple[float, ...]]
    gpu_hours_share: float
    usd_day_scaled: float
    minutes_short: int
    replicas_ordered: int
    ttft_histogram: tuple[tuple[float, int], ...]
    picker: picked.Picked


def day(house: House, requests: int, progress: Callable[[float], None] = lambda _: None) -> DayResult:
    """Simulate one day with `requests` in all (about)."""
    at = knobs(house.scenario)
    provisioned = house.provision("lawful", at, house.scenario.spare)
    first = worlds.build(house, at, provisioned.capacity, REPLICAS)
    scaled = scaling.scale(house, at, first, provisioned.capacity)
    loads = {region: curve(house.scenario, region, at.peak) for region in house.regions}
    kept = {r: 1 - at.device.value * house.device_share(r) * at.device_length.value for r in house.regions}
    rates = [
        [ask.weight * loads[ask.region][slot] * kept[ask.region] * first.scale for ask in first.asks]
        for slot in range(SLOTS)
    ]
    window = min(SLOT_S, requests / RUNS / max(1e-9, sum(map(sum, rates))))
    audit = Audit(house, first)
    tallies, spent, count = [], 0.0, 0
    for run in range(RUNS):
        world = worlds.fresh(first, house.day)
        loop = Loop(world, habits(at))
        source = Source(house.lengths, house.scenario.seed * 1000 + run)
        tally = _Tally(house)
        for slot in range(SLOTS):
            for site, bought in enumerate(scaled.bought):
                share = scaled.serving[site][slot] / bought if bought else 0.0
                loop.counts[site] = max(1, round(world.replicas[site] * share)) if world.replicas[site] else 0
            begin = slot * SLOT_S
            arrivals = source.draw(begin, begin + window, rates[slot])
            started = process_time()
            outcome = loop.run(arrivals)
            loop.skip(SLOT_S - window)
            spent += process_time() - started
            count += len(arrivals.times)
            audit.add(arrivals, outcome)
            tally.add(world, arrivals.asks, outcome)
            progress((run * SLOTS + slot + 1) / (RUNS * SLOTS))
        tallies.append(tally)
    return DayResult(
        regions=tuple(_region(name, tallies) for name in house.regions),
        requests=count,
        requests_s=count / spent if spent else 0.0,
        seconds=spent,
        sample=first.scale,
        window_s=window,
        runs=RUNS,
        seed=house.scenario.seed,
        decisions_broken=audit.broken(),
        gpus_hourly={
            site.name: tuple(sum(row[h * 4 : h * 4 + 4]) / 4 * worlds.GPUS for h in range(24))
            for site, row in zip(house.sites, scaled.serving, strict=True)
        },
        gpu_hours_share=scaled.hours_share,
        usd_day_scaled=scaled.hours_share * provisioned.cost * 24,
        minutes_short=scaled.short,
        replicas_ordered=scaled.orders,
        ttft_histogram=_histogram(tallies),
        picker=picked.compare(house, at, worlds.fresh(first, house.day)),
    )


class _Tally:
    """What one run saw, by region."""

    def __init__(self, house: House) -> None:
        self.home = [site.region for site in house.sites]
        self.ttft: dict[str, list[float]] = {name: [] for name in house.regions}
        self.token: dict[str, list[float]] = {name: [] for name in house.regions}
        self.counts: dict[str, dict[str, int]] = {
            name: dict.fromkeys(("all", "shed", "law", "away"), 0) for name in house.regions
        }

    def add(self, world: worlds.World, asks: Sequence[int], outcome: Outcome) -> None:
        regions = [ask.region for ask in world.asks]
        for ask, site, ttft, token in zip(asks, outcome.site, outcome.ttft, outcome.token, strict=True):
            name = regions[ask]
            counts = self.counts[name]
            counts["all"] += 1
            if site >= 0:
                self.ttft[name].append(ttft)
                self.token[name].append(token)
                counts["away"] += self.home[site] != name
            elif site == LAW:
                counts["law"] += 1
            elif site == SHED:
                counts["shed"] += 1


def _region(name: str, tallies: list[_Tally]) -> RegionDay:
    ttft = [percentiles(tally.ttft[name], SHARES) for tally in tallies]
    token = [percentiles(tally.token[name], (50.0, 99.0)) for tally in tallies]
    counts = [tally.counts[name] for tally in tallies]
    whole = sum(each["all"] for each in counts) or 1
    return RegionDay(
        name,
        whole,
        ttft_p50=_measured([row[0] for row in ttft]),
        ttft_p90=_measured([row[1] for row in ttft]),
        ttft_p99=_measured([row[2] for row in ttft]),
        token_p50=_measured([row[0] for row in token]),
        token_p99=_measured([row[1] for row in token]),
        shed=_measured([each["shed"] / (each["all"] or 1) for each in counts]),
        refused_by_law=sum(each["law"] for each in counts) / whole,
        away=sum(each["away"] for each in counts) / whole,
    )


def _measured(values: list[float]) -> Measured:
    mean = sum(values) / len(values)
    spread = sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)
    return Measured(mean, 2 * sqrt(spread / len(values)))


def _histogram(tallies: list[_Tally]) -> tuple[tuple[float, int], ...]:
    """How many answers began within each bin: (upper end in seconds, count)."""
    counts = [0] * (len(BINS) + 1)
    for tally in tallies:
        for values in tally.ttft.values():
            for value in values:
                counts[bisect_left(BINS, value)] += 1
    return tuple(zip((*BINS, BINS[-1] * 1.25), counts, strict=True))
