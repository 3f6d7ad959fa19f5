"""The closed form: GPUs, megawatts and money in milliseconds.

    GPUs = queries a second at the worst quarter hour, where law lets them go
           x (tokens in, not cached / prefill + tokens out / decode) / utilisation

Every other number is that one times a figure of data/. Each assumption is moved to both ends of its range on its
own; the error bar joins those swings as independent ones (root of the sum of squares of their logarithms).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil, exp, log, sqrt

from isthmus.planner.answer import (
    Answer,
    DeviceRow,
    EnginePlan,
    Headline,
    Input,
    Range,
    Regime,
    RegionPlan,
    SitePlan,
    Swing,
)
from isthmus.planner.catalogue import Figure, efficiency, figure, hardware, model, tables
from isthmus.planner.demand import SLOTS, curve
from isthmus.planner.house import SERVER, House, Knobs, knobs
from isthmus.planner.lawful import KINDS
from isthmus.planner.provision import Provision, peak
from isthmus.planner.roofline import Layout
from isthmus.planner.scenario import Scenario

REGIMES = ("free", "lawful", "mainland apart", "pinned")
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
WORST = {"high": 0, "medium": 1, "low": 2}


def plan(scenario: Scenario, day: date) -> Answer:
    """The closed form's answer to `scenario` under the law of `day`. Raises Refusal usage when it cannot be planned."""
    house = House(scenario, day)
    at = knobs(scenario)
    spare = scenario.spare
    found = house.provision("lawful", at, spare)
    bare = house.provision("lawful", at, "none")
    swings = sensitivity(house, at, spare)
    bar = _bar(swings, sum(house.gpus(found, at).values()))
    sites = _sites(house, at, found)
    load = house.groups("lawful", at)
    chips = sorted(set(house.chip.values()))
    return Answer(
        name=scenario.name,
        queries=scenario.queries * scenario.growth,
        model=model(scenario.model).title,
        date=day.isoformat(),
        spare=spare,
        seed=scenario.seed,
        law=house.law.digest,
        tokens_in=house.lengths.mean_in,
        tokens_out=house.lengths.mean_out,
        peak_qps=peak([group.load for group in load]),
        headline=_headline(house, at, sites, bar),
        without_spare=_headline(house, at, _sites(house, at, bare), bar),
        regions=tuple(_region(house, region, at) for region in house.regions),
        sites=sites,
        engines=tuple(_engine(house, chip, at) for chip in chips),
        residency=tuple(regime for level in ("none", "site") for regime in _residency(house, at, level)),
        device=tuple(_device(house, at, share) for share in SHARES),
        sensitivity=swings,
        waterfall=_waterfall(house, at),
        inputs=_inputs(house, at, chips),
        notes=_notes(house, at, chips),
    )


def sensitivity(house: House, at: Knobs, spare: str) -> tuple[Swing, ...]:
    """GPUs when one assumption moves to either end of its range, the widest swing first."""
    found = []
    for name in Knobs._fields:
        own: Figure = getattr(at, name)
        if own.low is None and own.high is None:
            continue
        ends = [own.value if end is None else end for end in (own.low, own.high)]
        gpus = []
        for end in ends:
            moved = at._replace(**{name: Figure(end, own.source)})
            gpus.append(sum(house.gpus(house.provision("lawful", moved, spare), moved).values()))
        if abs(gpus[0] - gpus[1]) > 1e-6 * gpus[0]:
            found.append(Swing(name, ends[0], ends[1], gpus[0], gpus[1]))
    return tuple(sorted(found, key=lambda each: -abs(each.gpus_high - each.gpus_low)))


def _bar(swings: Sequence[Swing], gpus: float) -> tuple[float, float]:
    """Factors below and above the answer."""
    down = sqrt(sum(min(0.0, log(s.gpus_low / gpus), log(s.gpus_high / gpus)) ** 2 for s in swings))
    up = sqrt(sum(max(0.0, log(s.gpus_low / gpus), log(s.gpus_high / gpus)) ** 2 for s in swings))
    return exp(-down), exp(up)


def _sites(house: House, at: Knobs, found: Provision) -> tuple[SitePlan, ...]:
    plans = []
    needed = house.gpus(found, at)
    for site in house.sites:
        chip = hardware(house.chip[site.name])
        gpus = ceil(needed[site.name] / SERVER - 1e-9) * SERVER
        mw = gpus * chip.watts.value * figure("sites.toml", site.region, "pue").value / 1e6
        plans.append(
            SitePlan(
                site.name,
                site.region,
                site.place,
                house.chip[site.name],
                gpus,
                mw,
                gpus * chip.usd_hour.value * 24,
                capex(gpus, house.chip[site.name], mw),
                found.capacity[site.name],
            )
        )
    return tuple(plans)


def capex(gpus: float, chip: str, mw: float) -> float:
    """USD to build it: servers at list price, the fabric between them, the hall and its power."""
    servers = gpus * hardware(chip).server_usd.value
    fabric = servers * figure("traffic.toml", "capex", "fabric").value
    return servers + fabric + mw * figure("traffic.toml", "capex", "hall_usd_mw").value


def _headline(house: House, at: Knobs, sites: Sequence[SitePlan], bar: tuple[float, float]) -> Headline:
    gpus, mw = sum(s.gpus for s in sites), sum(s.mw for s in sites)
    usd, queries = sum(s.usd_day for s in sites), house.scenario.queries * house.scenario.growth
    busy = _busy(house, at)
    idle = figure("traffic.toml", "serving", "idle_power").value
    kwh, co2, elastic = 0.0, 0.0, 0.0
    whole = sum(s.gpus for s in sites) or 1
    for site in sites:
        chip = hardware(site.hardware)
        pue = figure("sites.toml", site.region, "pue").value
        part = site.gpus / whole
        hours = site.gpus * 24 * idle + (1 - idle) * busy * part * at.utilisation.value
        energy = hours * chip.watts.value * pue / 1000
        kwh += energy
        co2 += energy * figure("sites.toml", site.region, "carbon").value / 1e6
        elastic += busy * part * chip.usd_hour.value

    def ranged(value: float) -> Range:
        return Range(value, value * bar[0], value * bar[1])

    return Headline(
        gpus=ranged(gpus),
        mw=ranged(mw),
        usd_day=ranged(usd),
        usd_day_elastic=elastic,
        usd_per_1000=ranged(usd / queries * 1000),
        capex_usd=ranged(sum(s.capex_usd for s in sites)),
        wh_per_query=kwh * 1000 / queries,
        co2_t_day=co2,
    )


def _busy(house: House, at: Knobs) -> float:
    """GPU-hours of the day if every quarter hour had just the GPUs it needs."""
    chips = [house.chip[site.name] for site in house.sites]
    each = sum(house.gpu_seconds(chip, at) for chip in chips) / len(chips)
    return sum(sum(group.load) for group in house.groups("lawful", at)) * (24 / SLOTS) * each


def _region(house: House, region: str, at: Knobs) -> RegionPlan:
    load = curve(house.scenario, region, at.peak)
    top = max(range(SLOTS), key=load.__getitem__)
    lawful_sites = sorted({name for sites in house.shares[region] for name in sites})
    return RegionPlan(
        region,
        house.scenario.share(region),
        sum(load) / SLOTS,
        load[top],
        (top + 0.5) * 24 / SLOTS,
        tuple(sum(load[hour * 4 : hour * 4 + 4]) / 4 for hour in range(24)),
        house.refused(region),
        at.device.value * house.device_share(region),
        tuple(lawful_sites),
    )


def _engine(house: House, chip: str, at: Knobs) -> EnginePlan:
    found, h = house.engine(chip, at), hardware(chip)
    used = (h.bandwidth_tbs, h.fp8_tflops, h.link_gbs, h.net_gbs)
    return EnginePlan(
        chip,
        h.title,
        found.prefill * at.roofline.value,
        found.decode * at.roofline.value,
        found.batch,
        found.step * 1000,
        say_layout(found.prefill_layout),
        say_layout(found.decode_layout),
        house.gpu_seconds(chip, at),
        max((each.sure for each in used), key=WORST.__getitem__),
    )


def say_layout(layout: Layout) -> str:
    """A layout in engines' own words."""
    words = [f"TP{layout.tp}" if layout.ep == 1 else f"EP{layout.ep}", f"{layout.weight_bytes:g} B weights"]
    words.append(f"{layout.cache_bytes:g} B cache")
    if layout.drafted:
        words.append(f"MTP {layout.kept:g} a step")
    return ", ".join(words)


def _residency(house: House, at: Knobs, spare: str) -> tuple[Regime, ...]:
    found = []
    base = 0.0
    for regime in REGIMES:
        provisioned = house.provision(regime, at, spare)
        sites = _sites(house, at, provisioned)
        gpus = sum(house.gpus(provisioned, at).values())
        base = base or gpus
        found.append(
            Regime(
                spare,
                regime,
                gpus,
                sum(s.mw for s in sites),
                sum(s.usd_day for s in sites),
                sum(s.capex_usd for s in sites),
                gpus / base - 1,
            )
        )
    return tuple(found)


def _device(house: House, at: Knobs, share: float) -> DeviceRow:
    none, some = (at._replace(device=Figure(value, "asked")) for value in (0.0, share))
    before = sum(house.gpus(house.provision("lawful", none, house.scenario.spare), none).values())
    provisioned = house.provision("lawful", some, house.scenario.spare)
    sites = _sites(house, some, provisioned)
    gpus = sum(house.gpus(provisioned, some).values())
    answered = sum(house.scenario.share(region) * house.device_share(region) for region in house.regions) * share
    return DeviceRow(share, answered, gpus, sum(s.mw for s in sites), sum(s.usd_day for s in sites), 1 - gpus / before)


def _waterfall(house: House, at: Knobs) -> tuple[tuple[str, float], ...]:
    """USD a day, step by step: the mean load, its peak pooled freely, a spare site, what law adds, a spare region."""
    chips = [house.chip[site.name] for site in house.sites]
    usd = sum(house.gpu_seconds(chip, at) * hardware(chip).usd_hour.value * 24 for chip in chips) / len(chips)
    flat = sum(sum(group.load) for group in house.groups("free", at)) / SLOTS * usd
    steps = [("mean load", flat)]
    free = house.provision("free", at, "none").cost * 24
    steps.append(("peak of the day", free - flat))
    if house.scenario.spare == "none":
        return (*steps, ("law", house.provision("lawful", at, "none").cost * 24 - free))
    spare = house.provision("free", at, "site").cost * 24
    law = house.provision("lawful", at, "site").cost * 24
    steps += [("any site may be lost", spare - free), ("law", law - spare)]
    if house.scenario.spare == "region":
        steps.append(("or any region", house.provision("lawful", at, "region").cost * 24 - law))
    return tuple(steps)


def _inputs(house: House, at: Knobs, chips: Sequence[str]) -> tuple[Input, ...]:
    found = [Input(name, each.value, each.source, each.sure, each.where) for name, each in at._asdict().items()]
    own = house.lengths
    where = (
        "the scenario" if house.scenario.classes else f"isthmus/planner/data/lengths.toml [{house.scenario.lengths}]"
    )
    found.append(Input("tokens_in", own.mean_in, own.source, own.sure, where))
    found.append(Input("tokens_out", own.mean_out, own.source, own.sure, where))
    described: list[tuple[str, Mapping[str, object]]] = [(chip, _fields(hardware(chip))) for chip in chips]
    described.append((house.scenario.model, _fields(model(house.scenario.model))))
    described += [
        (f"site {region}", {key: figure("sites.toml", region, key) for key in ("clock", "pue", "carbon")})
        for region in house.regions
    ]
    described.append(("capex", {key: figure("traffic.toml", "capex", key) for key in ("hall_usd_mw", "fabric")}))
    for family in sorted({hardware(chip).family for chip in chips}):
        described.append((f"{family} chips", _fields(efficiency(family))))
    kinds = {"serving": ("idle_power",), "failover": ("hot", "cold"), "day": ("trough", "peak_hour")}
    kinds |= {kind: tuple(tables("traffic.toml")[kind]) for kind in KINDS}
    for kind, keys in kinds.items():
        described.append((kind, {key: figure("traffic.toml", kind, key) for key in keys}))
    for owner, fields in described:
        for name, each in fields.items():
            if isinstance(each, Figure):
                found.append(Input(f"{owner} {name}", each.value, each.source, each.sure, each.where))
    return tuple(found)


def _fields(of: object) -> dict[str, object]:
    return {name: getattr(of, name) for name in of.__struct_fields__}  # type: ignore[attr-defined]


def _notes(house: House, at: Knobs, chips: Sequence[str]) -> tuple[str, ...]:
    notes = [
        f"Cache hits {at.cache.value:.0%} and utilisation {at.utilisation.value:.0%}: the same for each accelerator.",
        "Throughput is a roofline sum with fitted efficiencies; `isthmus plan validate` prints its error per point.",
    ]
    notes += [
        f"{hardware(chip).title}: no published point fits its family, it borrows Hopper's efficiency."
        for chip in chips
        if hardware(chip).family in ("cdna3", "ada", "cpu")
    ]
    notes += [
        f"{region}: law refuses {house.refused(region):.1%} of the supposed questions."
        for region in house.regions
        if house.refused(region) > 0.0005
    ]
    return tuple(notes)
