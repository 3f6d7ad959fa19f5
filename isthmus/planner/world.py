"""A small world in proportion: sites with replicas and gateways, on a clock of its own.

Rules of this file. A share `scale` of every site and of all traffic is simulated; cells of a site are alike and share
nothing, so a sample of them waits as the whole does. What cannot be cut into whole replicas is made up by their
speed, so that capacity stays exact. Law and route order are the gateway's own: one compiled table, one Chooser and
one set of breakers per gateway, all on this clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from isthmus.core.decision import Decision, Question
from isthmus.planner import lawful, roofline
from isthmus.planner.catalogue import efficiency, figure, hardware, model
from isthmus.planner.house import House, Knobs
from isthmus.planner.lawful import Site
from isthmus.policy.compile import Table
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser

GPUS = 8  # of one replica: its share of a prefill pool and of a decode pool


class SimClock:
    """The simulation's time; it meets core.clock.Clock. `at` is set by the event loop."""

    __slots__ = ("_start", "at")

    def __init__(self, day: date) -> None:
        self.at = 0.0
        self._start = datetime.combine(day, datetime.min.time(), UTC)

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.at)

    def epoch_ms(self) -> int:
        return int(self.now().timestamp() * 1000)


class Speed(NamedTuple):
    """How fast one replica of a site is.

    It reads `reads` tokens a second in all, one prompt at most at `alone`; a token takes `step + slope x inside`
    seconds while `inside` requests are there; from `calm` on others are asked first, more than `slots` are not taken.
    """

    reads: float
    alone: float
    step: float
    slope: float
    calm: int
    slots: int


class Gateway(NamedTuple):
    """One site's door: `share` of its region's people come here. It decides and chooses as in production."""

    site: Site
    share: float
    table: Table
    chooser: Chooser
    breakers: Breakers


class Ask(NamedTuple):
    """One class of requests at one gateway: all `questions` with the same routes. `decision` is None where law refuses.

    `weight` is its share of the region's traffic.
    """

    gateway: int
    region: str
    decision: Decision | None
    weight: float
    questions: tuple[Question, ...]


class World(NamedTuple):
    """Everything a run needs. `replicas` and `speed` by site number, `delay` in seconds by gateway and site."""

    clock: SimClock
    scale: float
    sites: tuple[Site, ...]
    replicas: tuple[int, ...]
    speed: tuple[Speed, ...]
    delay: tuple[tuple[float, ...], ...]
    gateways: tuple[Gateway, ...]
    asks: tuple[Ask, ...]
    number: dict[str, int]


def build(house: House, at: Knobs, capacity: Mapping[str, float], replicas: int) -> World:
    """A world for `capacity` (queries a second per site), with about `replicas` replicas over all sites."""
    each = {site.name: GPUS / house.gpu_seconds(house.chip[site.name], at) for site in house.sites}
    # A site that holds anything holds a server: replicas are not bought in parts.
    whole = {name: max(1.0, qps / each[name]) if qps > 0 else 0.0 for name, qps in capacity.items()}
    scale = min(1.0, replicas / max(1e-9, sum(whole.values())))
    counts = tuple(max(1, round(whole[site.name] * scale)) if whole[site.name] else 0 for site in house.sites)
    clock = SimClock(house.day)
    gateways = tuple(_gateway(house, site, clock) for site in house.sites)
    speed = tuple(
        _speed(house, at, house.chip[site.name], whole[site.name] * scale / count if count else 1.0)
        for site, count in zip(house.sites, counts, strict=True)
    )
    return World(
        clock,
        scale,
        house.sites,
        counts,
        speed,
        tuple(tuple(lawful.delay_ms(one, other) / 1000 for other in house.sites) for one in house.sites),
        gateways,
        tuple(_asks(house, gateways)),
        {f"{site.name}/model-{site.name}": number for number, site in enumerate(house.sites)},
    )


def fresh(world: World, day: date) -> World:
    """The same world on a new clock: nothing has failed yet."""
    clock = SimClock(day)
    gateways = []
    for gateway in world.gateways:
        breakers = Breakers(clock)
        gateways.append(gateway._replace(breakers=breakers, chooser=Chooser(breakers, gateway.table.models())))
    return world._replace(clock=clock, gateways=tuple(gateways))


def _gateway(house: House, site: Site, clock: SimClock) -> Gateway:
    twins = sum(other.region == site.region for other in house.sites)
    table = lawful.table(house.sites, house.regions, house.day, site.name)
    breakers = Breakers(clock)
    return Gateway(site, 1 / twins, table, Chooser(breakers, table.models()), breakers)


def _asks(house: House, gateways: Sequence[Gateway]) -> list[Ask]:
    """Every class of question at every gateway of its region; classes with the same decision there are one."""
    found: dict[tuple[int, tuple[str, ...]], Ask] = {}
    for number, gateway in enumerate(gateways):
        for asked in house.asked:
            if asked.region != gateway.site.region:
                continue
            decision = gateway.table.decide(asked.question)
            routes = tuple(plan.route.name for plan in decision.plans)
            weight = asked.share * gateway.share
            old = found.get((number, routes))
            if old is not None:
                more = (*old.questions, asked.question)
                found[number, routes] = old._replace(weight=old.weight + weight, questions=more)
            else:
                found[number, routes] = Ask(
                    number, asked.region, decision if routes else None, weight, (asked.question,)
                )
    return list(found.values())


def _speed(house: House, at: Knobs, chip: str, part: float) -> Speed:
    """One replica on `chip`; `part` slows or quickens it (see the head)."""
    found, h = house.engine(chip, at), hardware(chip)
    # Pools are cut for the hour after a loss, when a part of the questions finds no cache.
    cold = figure("traffic.toml", "failover", "cold").value if house.scenario.spare != "none" else 0.0
    read, write = found.seconds(house.lengths.mean_in, house.lengths.mean_out, at.cache.value * (1 - cold))
    reading = GPUS * read / (read + write)
    writing = GPUS - reading
    factor = at.roofline.value * part
    layout, context = found.decode_layout, house.lengths.mean_context
    few = roofline.decode_at(h, model(found.model), efficiency(h.family), layout, found.batch / 4, context)
    slope = (found.step - few.step) / (found.batch * 0.75)
    step, per = (found.step - slope * found.batch) / at.roofline.value, slope / writing / factor
    full = found.batch * writing * part
    # In step with Little's law: inside = hot x (what it does at most) x (step + per x inside).
    most = figure("traffic.toml", "failover", "hot").value * full / (step + per * full)
    return Speed(
        reads=found.prefill * reading * factor,
        alone=found.prefill * found.prefill_layout.tp * at.roofline.value,
        step=step,
        slope=per,
        calm=max(1, int(most * step / (1 - most * per))),
        slots=max(1, int(full * 1.25)),
    )


def start_s() -> float:
    """Seconds from ordering a replica to its first answer."""
    return figure("traffic.toml", "failover", "start_s").value
