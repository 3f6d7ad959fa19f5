"""A day of scaling by the fleet's own rule."""

import pytest

from isthmus.planner import scaling
from isthmus.planner.demand import SLOTS
from isthmus.planner.events import Habits, Loop, Loss


def test_all_that_law_admits_flows_somewhere(house, at, first, capacity):
    flows = scaling.flows(house, at, first, capacity)
    for slot in (0, 27, 55):
        wanted = sum(group.load[slot] for group in house.groups("lawful", at))
        assert sum(row[slot] for row in flows) == pytest.approx(wanted)


def test_what_is_not_needed_at_night_is_given_back_and_never_more_than_was_bought_serves(house, at, first, capacity):
    found = scaling.scale(house, at, first, capacity)
    for row, bought in zip(found.serving, found.bought, strict=True):
        assert len(row) == SLOTS
        assert max(row) <= bought
    china = found.serving[0]
    assert min(china) < 0.6 * max(china)
    assert 0.2 < found.hours_share < 1
    assert found.orders > 0
    assert found.short == 0


def test_a_site_that_holds_nothing_serves_nothing(house, at, first, capacity):
    empty = dict.fromkeys(capacity, 0.0)
    found = scaling.scale(house, at, first, empty)
    assert sum(map(sum, found.serving)) == 0
    assert found.hours_share == 0


def test_replicas_that_are_ordered_serve_after_their_start_and_not_before(world):
    loop = Loop(world, Habits(0.5, 1.0, 2.0, 300.0), Loss(frozenset({1}), 0.0))
    loop.counts[0] = 1
    loop.inside[loop.first[0]] = world.speed[0].slots * 3
    hand = scaling.Hand(world)
    hand(0.0, loop)
    hand(100.0, loop)
    assert loop.counts[0] == 1
    hand(180.0, loop)
    assert 1 < loop.counts[0] <= world.replicas[0]
    assert loop.counts[1] == world.replicas[1]  # nobody scales what is lost
