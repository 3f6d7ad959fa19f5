"""What planner tests share: a house under a fixed law, and a small world of it."""

from datetime import date

import pytest

from isthmus.planner.house import House, knobs
from isthmus.planner.scenario import Scenario

DAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def house():
    """The default scenario, a billion queries a day."""
    return House(Scenario(), DAY)


@pytest.fixture(scope="session")
def at(house):
    return knobs(house.scenario)


@pytest.fixture(scope="session")
def capacity(house, at):
    return house.provision("lawful", at, "region").capacity


@pytest.fixture(scope="session")
def first(house, at, capacity):
    from isthmus.planner import world

    return world.build(house, at, capacity, 32)


@pytest.fixture
def world(first):
    """A world of about 32 replicas on a clock of its own."""
    from isthmus.planner.world import fresh

    return fresh(first, DAY)


@pytest.fixture
def arrivals(house, at, world):
    """A function that draws `count` requests (about) at one quarter hour."""
    pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
    from isthmus.planner.arrivals import Source
    from isthmus.planner.demand import curve

    def draw(count, slot=27, seed=1, more=1.0):
        rates = [a.weight * curve(house.scenario, a.region, at.peak)[slot] * world.scale * more for a in world.asks]
        return Source(house.lengths, seed).draw(0.0, count / sum(rates), rates)

    return draw
