"""The production picker on the simulation's own requests."""

import pytest

from isthmus.planner import picked
from isthmus.planner.world import Speed

pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")


def test_the_picker_and_the_short_rule_agree_while_there_is_room(house, at, world):
    found = picked.compare(house, at, world)
    assert found.refused == 0
    for one, two in zip(found.picker, found.rule, strict=True):
        assert one == pytest.approx(two, rel=0.15)


def test_the_picker_spreads_what_comes_at_once(world, arrivals):
    drawn = arrivals(400)
    together = drawn._replace(times=[0.001 * n for n in range(len(drawn.times))])
    speed = Speed(reads=20_000, alone=20_000, step=0.01, slope=0.0, calm=100, slots=200)
    alone, _ = picked.run(world, together, speed, 1, 0.0)
    spread, refused = picked.run(world, together, speed, 8, 0.0)
    assert refused == 0
    assert sum(spread) / len(spread) < sum(alone) / max(1, len(alone)) / 3


def test_a_full_pool_refuses_by_its_limit(world, arrivals):
    drawn = arrivals(2000)
    together = drawn._replace(times=[1e-6 * n for n in range(len(drawn.times))])
    speed = Speed(reads=20_000, alone=20_000, step=0.01, slope=0.0, calm=1, slots=2)
    _, refused = picked.run(world, together, speed, 2, 0.0)
    assert refused > 0


def test_nothing_to_pick_is_no_error(world):
    from isthmus.planner.events import Arrivals

    assert picked.run(world, Arrivals([], [], [], [], [], []), world.speed[0], 2, 0.0) == ([], 0)
