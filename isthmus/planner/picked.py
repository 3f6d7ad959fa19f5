"""The full picker beside the event loop's short rule, on the same requests: how far apart are they?

One site, its people's worst quarter hour, one pool. The production Picker (routing.picker) sees every request: pick,
first token, end. It costs more than the rest of the simulation, so it sees a sample; the difference it makes is
reported.
"""

from __future__ import annotations

from heapq import heappop, heappush
from time import process_time

import msgspec

from isthmus.planner.arrivals import Source
from isthmus.planner.demand import curve
from isthmus.planner.events import Arrivals
from isthmus.planner.house import House, Knobs
from isthmus.planner.percentile import percentiles
from isthmus.planner.world import Speed, World
from isthmus.routing.picker import Picker
from isthmus.routing.seat import Replica, Ticket

REQUESTS = 20_000
SHARES = (50.0, 90.0, 99.0)


class Picked(msgspec.Struct, frozen=True):
    """TTFT percentiles (50, 90, 99; seconds) at one site: with the production Picker, with the event loop's rule."""

    site: str
    requests: int
    picker: tuple[float, ...]
    rule: tuple[float, ...]
    refused: int
    requests_s: float


def compare(house: House, at: Knobs, world: World) -> Picked:
    """Both on the site with most replicas, at its own worst quarter hour."""
    site = max(range(len(world.sites)), key=lambda n: world.replicas[n])
    region = world.sites[site].region
    twins = sum(other.region == region for other in world.sites)
    rate = max(curve(house.scenario, region, at.peak)) * world.scale / twins
    source = Source(house.lengths, house.scenario.seed)
    arrivals = source.draw(0.0, REQUESTS / rate if rate else 0.0, [rate])
    speed, count, cache = world.speed[site], world.replicas[site], at.cache.value
    started = process_time()
    with_picker, refused = run(world, arrivals, speed, count, cache)
    spent = process_time() - started
    return Picked(
        world.sites[site].name,
        len(arrivals.times),
        tuple(percentiles(with_picker, SHARES)),
        tuple(percentiles(by_rule(arrivals, speed, count, cache), SHARES)),
        refused,
        len(arrivals.times) / spent if spent else 0.0,
    )


def run(world: World, arrivals: Arrivals, speed: Speed, count: int, cache: float) -> tuple[list[float], int]:
    """TTFT of each request with the production Picker, and how many it refused."""
    clock = world.clock
    clock.at = arrivals.times[0] if arrivals.times else 0.0
    chance = iter([*arrivals.first, *arrivals.second])
    picker = Picker(
        clock,
        [Replica(f"r{n}", room=0, slots=speed.slots, speed=1 / speed.reads) for n in range(count)],
        block=64,
        chance=lambda: next(chance, 0.5),
    )
    ready, inside = [0.0] * count, [0] * count
    coming: list[tuple[float, int, int, Ticket]] = []  # (when, 0 first token or 1 end, request, ticket)
    found, refused = [], 0
    for k, now in enumerate(arrivals.times):
        while coming and coming[0][0] <= now:
            clock.at, kind, _, ticket = heappop(coming)
            if kind:
                picker.done(ticket)
                inside[ticket.number] -= 1
            else:
                picker.first(ticket)
        clock.at = now
        work = arrivals.into[k] * (1 - cache)
        chosen = picker.pick((), int(work) + 1)
        if chosen is None:
            refused += 1
            continue
        r = chosen.number
        begin = max(ready[r], now)
        ready[r] = begin + work / speed.reads
        inside[r] += 1
        step = speed.step + speed.slope * inside[r]
        shown = begin + work / speed.alone + step
        found.append(shown - now)
        heappush(coming, (shown, 0, k, chosen))
        heappush(coming, (shown + arrivals.out[k] * step, 1, k, chosen))
    return found, refused


def by_rule(arrivals: Arrivals, speed: Speed, count: int, cache: float) -> list[float]:
    """TTFT of each request with the event loop's rule: the earlier of two."""
    ready, inside = [0.0] * count, [0] * count
    coming: list[tuple[float, int]] = []
    found = []
    for k, now in enumerate(arrivals.times):
        while coming and coming[0][0] <= now:
            inside[heappop(coming)[1]] -= 1
        a, b = int(arrivals.first[k] * count), int(arrivals.second[k] * count)
        r = min(a, b, key=lambda n: (max(ready[n], now), inside[n], n != a))
        begin = max(ready[r], now)
        work = arrivals.into[k] * (1 - cache)
        ready[r] = begin + work / speed.reads
        inside[r] += 1
        step = speed.step + speed.slope * inside[r]
        shown = begin + work / speed.alone + step
        found.append(shown - now)
        heappush(coming, (shown + arrivals.out[k] * step, r))
    return found
