"""A day of scaling, minute by minute, with the fleet's own rule (fleet.scale) as its only decision.

Load flows as in the gateway: each class of questions to its lawful sites in order, to the next when one is as full as a
fleet may run. What is ordered serves after its start-up time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from isthmus.fleet.scale import DAY, DayCurve, Rules, Seen, Steady, ahead, wanted
from isthmus.planner.catalogue import figure
from isthmus.planner.demand import SLOTS, curve
from isthmus.planner.events import Loop
from isthmus.planner.house import SERVER, House, Knobs
from isthmus.planner.world import World, start_s

MINUTE = 60.0
CALM_S = 600.0
HEADROOM = 0.1


class Scaled(NamedTuple):
    """Per site: replicas that serve in each quarter hour, and that were bought. `short` are minutes of any site in
    which the load was more than a fleet can carry for some time; `orders` how many replicas were ordered in the day.
    """

    serving: tuple[tuple[float, ...], ...]
    bought: tuple[int, ...]
    short: int
    orders: int

    @property
    def hours_share(self) -> float:
        """Replica-hours that ran, of those that were bought."""
        bought = sum(self.bought) * SLOTS
        return sum(map(sum, self.serving)) / bought if bought else 0.0


def flows(house: House, at: Knobs, world: World, capacity: dict[str, float]) -> list[list[float]]:
    """Queries a second per site in each quarter hour."""
    loads = {region: curve(house.scenario, region, at.peak) for region in house.regions}
    kept = {r: 1 - at.device.value * house.device_share(r) * at.device_length.value for r in house.regions}
    found = [[0.0] * SLOTS for _ in world.sites]
    for slot in range(SLOTS):
        room = [capacity[site.name] * most_use(at) for site in world.sites]
        for ask in world.asks:
            if ask.decision is None:
                continue
            load = ask.weight * loads[ask.region][slot] * kept[ask.region]
            order = [world.number[plan.route.name] for plan in ask.decision.plans]
            for site in order:
                part = min(load, room[site])
                room[site] -= part
                found[site][slot] += part
                load -= part
            found[order[0]][slot] += load
    return found


def most_use(at: Knobs) -> float:
    """What a fleet can carry for some time, over what it is planned for."""
    return max(1.0, figure("traffic.toml", "failover", "hot").value / at.utilisation.value)


def scale(house: House, at: Knobs, world: World, capacity: dict[str, float]) -> Scaled:
    """The second of two equal days, so that it starts as a day in the middle of a week does."""
    serving, bought, short, orders = [], [], 0, 0
    for site, load in zip(world.sites, flows(house, at, world, capacity), strict=True):
        each = SERVER / house.gpu_seconds(house.chip[site.name], at)
        count = ceil(capacity[site.name] / each - 1e-9)
        bought.append(count)
        row, missed, ordered = _pool(load, each, count, most_use(at))
        serving.append(row)
        short += missed
        orders += ordered
    return Scaled(tuple(serving), tuple(bought), short, orders)


def _pool(load: Sequence[float], each: float, most: int, hot: float) -> tuple[tuple[float, ...], int, int]:
    """One site's pool: mean replicas serving per quarter hour, minutes too few, replicas ordered; of the second day."""
    if not most:
        return (0.0,) * SLOTS, 0, 0
    rules = Rules(least=1, most=most, rate=each, tokens=0.0, start_s=start_s(), calm_s=CALM_S, headroom=HEADROOM)
    forecast = DayCurve(tuple(sum(load[h * 4 : h * 4 + 4]) / 4 for h in range(24)))
    steady = Steady(CALM_S)
    ready = 1
    coming: list[tuple[float, int]] = []
    row, short, orders = [0.0] * SLOTS, 0, 0
    for minute in range(2 * int(DAY / MINUTE)):
        now = minute * MINUTE
        ready += sum(count for due, count in coming if due <= now)
        coming = [(due, count) for due, count in coming if due > now]
        slot = int(now % DAY // (DAY / SLOTS))
        need = load[slot] / each
        # A pool that is short shows it in its delay, which the rule answers beside the forecast.
        seen = Seen(serving=ready, ttft_s=rules.ttft_s * need / ready if need > ready else 0.0)
        number = steady.settle(now, wanted(rules, seen, max(load[slot], ahead(rules, forecast, now))))
        more = number - ready - sum(count for _, count in coming)
        if more > 0:
            coming.append((now + rules.start_s, more))
        elif number < ready:
            ready = number
        if now >= DAY:
            row[slot] += ready
            short += need > ready * hot + 1e-9
            orders += max(0, more)
    return tuple(value / (DAY / SLOTS / MINUTE) for value in row), short, orders


class Hand:
    """Scales sites while events run: a `tick` of events.Loop. What it orders serves after the start-up time."""

    def __init__(self, world: World) -> None:
        self._rules = [
            Rules(least=1, most=max(1, count), ttft_s=1.0, tokens=float(speed.calm), start_s=start_s(), calm_s=CALM_S)
            for count, speed in zip(world.replicas, world.speed, strict=True)
        ]
        self._coming: list[tuple[float, int, int]] = []

    def __call__(self, now: float, loop: Loop) -> None:
        for due, site, count in self._coming:
            if due <= now:
                loop.counts[site] += count
        self._coming = [order for order in self._coming if order[0] > now]
        for site, rules in enumerate(self._rules):
            serving = loop.counts[site]
            if not serving or (now >= loop.loss.at and site in loop.loss.sites):
                continue
            mine = range(loop.first[site], loop.first[site] + serving)
            wait = sum(max(0.0, loop.ready[r] - now) for r in mine) / serving
            seen = Seen(serving=serving, ttft_s=wait, tokens=float(sum(loop.inside[r] for r in mine)))
            more = wanted(rules, seen) - serving - sum(count for _, at, count in self._coming if at == site)
            if more > 0:
                self._coming.append((now + rules.start_s, site, more))
