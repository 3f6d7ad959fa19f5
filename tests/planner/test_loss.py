"""Losing a region or a site at its people's worst hour."""

import os

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner import loss
from isthmus.planner.house import House
from isthmus.planner.scenario import with_changes

pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")
LONG = bool(os.environ.get("ISTHMUS_LONG"))


def test_any_region_may_be_lost_and_everybody_who_may_be_served_is(house):
    """A million requests with ISTHMUS_LONG, a few otherwise."""
    report = loss.lose(house, house.regions, 1_200_000 if LONG else 60_000)
    assert report.decisions_broken == 0
    assert report.least_served >= 0.999
    by = {result.lost: result for result in report.results}
    assert by["CN"].nothing_lawful_left > 0
    assert by["EU"].nothing_lawful_left == 0
    assert by["EU"].broken_streams > 0
    assert by["EU"].served >= by["EU"].first_try


def test_a_site_is_lost_alone(house):
    report = loss.lose(house, ["cn-north"], 20_000)
    result = report.results[0]
    assert (result.kind, result.nothing_lawful_left, result.decisions_broken) == ("site", 0, 0)
    assert result.served >= 0.999


def test_spare_that_does_not_run_comes_too_late(house):
    cold = loss.lose(house, ["cn-north"], 30_000, warm=False)
    assert not cold.warm
    assert cold.decisions_broken == 0
    assert cold.results[0].served < 0.999


def test_without_spare_a_loss_is_felt(house):
    bare = House(with_changes(house.scenario, {"spare": "none"}), house.day)
    assert loss.lose(bare, ["cn-north"], 30_000).least_served < 0.9


def test_equal_seeds_give_equal_answers(house):
    one, two = (loss.lose(house, ["KR"], 5000).results for _ in range(2))
    assert one == two


def test_progress_is_told(house):
    told = []
    loss.lose(house, ["KR", "kr-south"], 4000, told.append)
    assert told == [0.5, 1.0]


def test_a_word_that_is_no_site_is_refused_with_those_that_are(house):
    with pytest.raises(Refusal) as refused:
        loss.lose(house, ["atlantis"], 1000)
    assert "cn-north" in refused.value.sentence()


def test_each_means_every_region_and_every_site(house):
    assert loss.everything(house) == [*house.regions, *(site.name for site in house.sites)]
