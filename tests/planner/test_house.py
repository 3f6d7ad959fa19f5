"""One scenario with its law."""

from datetime import date

import pytest

from isthmus.planner.catalogue import Figure
from isthmus.planner.house import House, knobs
from isthmus.planner.scenario import Scenario, with_changes

DAY = date(2026, 11, 22)
SPARES = ("none", "site", "region")


def gpus(house, at, regime, spare):
    return sum(house.gpus(house.provision(regime, at, spare), at).values())


def test_law_costs_more_than_pooling_freely_and_less_than_pinning(house, at):
    for spare in ("none", "site"):
        free, lawful, apart, pinned = (
            gpus(house, at, regime, spare) for regime in ("free", "lawful", "mainland apart", "pinned")
        )
        assert free <= lawful * 1.000001 <= apart * 1.00001 <= pinned * 1.0001
        assert pinned > free * 1.2


def test_whatever_may_be_lost_costs_more(house, at):
    found = [gpus(house, at, "lawful", spare) for spare in SPARES]
    assert found == sorted(found)
    assert found[0] < found[2]


def test_questions_of_the_mainland_ask_for_nothing_when_the_mainland_is_lost(house, at):
    lost = {loss.sites: loss.factor for loss in house.losses("region", at)}
    assert frozenset({"cn-north", "cn-east"}) in lost
    groups = house.groups("lawful", at)
    assert all(g.sites == {"cn-north", "cn-east"} for g in groups if g.region == "CN")


def test_who_moves_finds_no_cache_and_who_stays_is_served_in_haste(house, at):
    alone = next(loss for loss in house.losses("site", at) if loss.sites == {"cn-north"})
    assert alone.factor["CN"] > alone.factor["EU"]
    assert alone.factor["EU"] == pytest.approx(0.7 / 0.9)


def test_without_a_cache_a_loss_moves_nothing_that_was_cached(house, at):
    cold = at._replace(cache=Figure(0.0, "asked"))
    alone = next(loss for loss in house.losses("site", cold) if loss.sites == {"cn-north"})
    assert alone.factor["CN"] == pytest.approx(alone.factor["EU"])


def test_demand_in_proportion_takes_gpus_in_proportion(house, at):
    twice = House(with_changes(house.scenario, {"queries": 2e9}), house.day)
    assert gpus(twice, at, "lawful", "none") == pytest.approx(2 * gpus(house, at, "lawful", "none"))


def test_devices_take_work_away_as_far_as_law_lets_them(house, at):
    none = gpus(house, at, "lawful", "none")
    half = at._replace(device=Figure(0.5, "asked"))
    assert gpus(house, half, "lawful", "none") == pytest.approx(none * (1 - 0.5 * 0.5), rel=0.02)


def test_every_region_may_have_its_own_accelerator():
    mixed = House(Scenario(hardware_in={"CN": "h20"}), DAY)
    assert mixed.chip["cn-north"] == "h20"
    assert mixed.chip["eu-west"] == "h800"
    at = knobs(mixed.scenario)
    assert mixed.gpu_seconds("h20", at) > 2 * mixed.gpu_seconds("h800", at)


def test_the_scenario_wins_over_the_file():
    assert knobs(Scenario(cache=0.1)).cache.value == 0.1
    assert knobs(Scenario()).cache.value == 0.563
