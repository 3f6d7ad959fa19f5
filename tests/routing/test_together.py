"""Requests of one moment: who would lose most by its second choice chooses first."""

from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Load
from isthmus.routing.seat import Ask, Replica
from isthmus.routing.together import MOST, together

BLOCK = 100


@pytest.fixture
def picker():
    replicas = [Replica(name, room=50, speed=0.001) for name in "abc"]
    picker = Picker(FakeClock(datetime(2026, 9, 1, tzinfo=UTC)), replicas, block=BLOCK)
    for name in "abc":
        picker.heard(name, Load())
    return picker


def placed(picker, asks):
    return {at: ticket and ticket.name for at, ticket in together(picker, asks)}


def test_one_request_is_simply_picked(picker):
    picker.stored("b", [1, 2])
    assert placed(picker, [Ask([1, 2], 200)]) == {0: "b"}


def test_nobody_is_nobody(picker):
    assert together(picker, []) == []


def test_a_warm_request_keeps_its_replica_though_cold_ones_came_before_it(picker):
    for name in "abc":
        picker.stored(name, [9])
    picker.stored("a", [1, 2, 3, 4])
    asks = [Ask([at], 300) for at in (20, 21, 22)] + [Ask([1, 2, 3, 4], 500)]
    order = together(picker, asks)
    assert order[0][0] == 3
    assert order[0][1].name == "a"
    assert order[0][1].hit == 4


def test_cold_requests_spread(picker):
    assert sorted(placed(picker, [Ask([at], 300) for at in range(3)]).values()) == ["a", "b", "c"]


def test_every_request_is_answered_once_however_many_come(picker):
    asks = [Ask([at], 10) for at in range(2 * MOST + 3)]
    assert sorted(at for at, _ in together(picker, asks)) == list(range(len(asks)))


def test_whoever_just_failed_is_left_out(picker):
    names = placed(picker, [Ask([at], 300, without=("a", "b")) for at in range(2)])
    assert set(names.values()) == {"c"}


def test_when_no_replica_may_take_them_all_hear_so(picker):
    for name in "abc":
        picker.drain(name)
    assert placed(picker, [Ask([1], 10), Ask([2], 10)]) == {0: None, 1: None}


def test_a_pool_of_one_serves_all():
    picker = Picker(FakeClock(datetime(2026, 9, 1, tzinfo=UTC)), [Replica("only")])
    assert placed(picker, [Ask([], 10), Ask([], 10)]) == {0: "only", 1: "only"}
