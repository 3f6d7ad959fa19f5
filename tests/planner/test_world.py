"""A small world in proportion."""

import pytest

from isthmus.core.clock import Clock
from isthmus.planner import world as worlds
from isthmus.planner.world import GPUS, SimClock


def test_capacity_stays_exact_though_replicas_are_whole(house, at, capacity, first):
    each = GPUS / house.gpu_seconds("h800", at)
    for site, count, speed in zip(first.sites, first.replicas, first.speed, strict=True):
        if count:
            part = capacity[site.name] / each * first.scale / count
            whole = worlds.build(house, at, {site.name: count * each for site in house.sites}, 10_000).speed[0]
            assert speed.slope == pytest.approx(whole.slope / part, rel=0.01)


def test_a_site_that_holds_anything_holds_a_whole_server(house, at):
    capacity = {site.name: 1e-6 if site.name in ("cn-north", "eu-west") else 0.0 for site in house.sites}
    small = worlds.build(house, at, capacity, 64)
    by = dict(zip((site.name for site in small.sites), small.replicas, strict=True))
    assert (by["cn-north"], by["eu-west"], by["us-east"]) == (1, 1, 0)
    assert small.speed[0].reads > 1000


def test_every_class_of_question_has_a_gateway_and_all_weights_of_a_region_add_up_to_one(house, first):
    for region in house.regions:
        assert sum(ask.weight for ask in first.asks if ask.region == region) == pytest.approx(1)
    for ask in first.asks:
        assert first.sites[ask.gateway].region == ask.region
        assert (ask.decision is None) == (
            not ask.questions or not first.gateways[ask.gateway].table.decide(ask.questions[0]).plans
        )


def test_a_fresh_world_has_forgotten_what_failed(first, house):
    used = worlds.fresh(first, house.day)
    for _ in range(5):
        used.gateways[0].breakers.failed("cn-east/model-cn-east")
    assert used.gateways[0].breakers.any_open
    assert not worlds.fresh(first, house.day).gateways[0].breakers.any_open


def test_a_replica_calls_for_others_before_it_is_full(first):
    for speed in first.speed:
        assert 0 < speed.calm < speed.slots


def test_the_simulated_clock_is_a_clock(house):
    clock: Clock = SimClock(house.day)
    clock.at = 90.0
    assert clock.monotonic() == 90
    assert clock.now().isoformat() == "2026-11-22T00:01:30+00:00"
    assert clock.epoch_ms() == int(clock.now().timestamp() * 1000)
