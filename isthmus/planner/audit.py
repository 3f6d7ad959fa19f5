"""Was anything served where it may not be? Counted from outside, on a table of law compiled anew."""

from __future__ import annotations

from collections import Counter

from isthmus.planner import lawful
from isthmus.planner.events import Arrivals, Outcome
from isthmus.planner.house import House
from isthmus.planner.world import World


class Audit:
    """Counts requests by class and site, and holds each such pair against the law."""

    def __init__(self, house: House, world: World) -> None:
        self._house = house
        self._world = world
        self._seen: Counter[tuple[int, int]] = Counter()

    def add(self, arrivals: Arrivals, outcome: Outcome) -> None:
        """One run's requests."""
        self._seen.update(zip(arrivals.asks, outcome.site, strict=True))

    @property
    def served(self) -> int:
        """Requests that some site answered."""
        return sum(count for (_, site), count in self._seen.items() if site >= 0)

    def broken(self) -> int:
        """Requests that a site answered although some question of their class does not list it, or law refuses it."""
        table = lawful.fresh_table(self._house.sites, self._house.regions, self._house.day)
        found = 0
        for (ask, site), count in self._seen.items():
            if site >= 0:
                name = self._world.sites[site].name
                asked = self._world.asks[ask].questions
                if any(name not in {p.route.partner for p in table.decide(q).plans} for q in asked):
                    found += count
        return found
