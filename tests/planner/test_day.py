"""A simulated day."""

import pytest

from isthmus.planner import day as days

pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")


@pytest.fixture(scope="module")
def result(house):
    told = []
    found = days.day(house, 40_000, told.append)
    assert told[-1] == 1
    return found


def test_a_day_is_served_at_home_quickly_and_lawfully(result):
    assert result.decisions_broken == 0
    assert result.requests == pytest.approx(40_000, rel=0.05)
    for region in result.regions:
        assert region.shed.value == 0
        assert 0 < region.ttft_p50.value <= region.ttft_p90.value <= region.ttft_p99.value < 2
        assert 0 < region.token_p50.value <= region.token_p99.value <= 0.06


def test_each_percentile_has_its_sampling_error(result):
    for region in result.regions:
        assert 0 <= region.ttft_p50.error < region.ttft_p50.value
        assert region.ttft_p99.error > 0


def test_law_refuses_the_share_that_the_closed_form_says(result, house):
    china = next(region for region in result.regions if region.name == "CN")
    assert china.refused_by_law == pytest.approx(house.refused("CN"), abs=0.003)
    assert china.away == 0


def test_scaling_keeps_a_part_of_what_was_bought_and_every_hour_is_there(result):
    assert 0.3 < result.gpu_hours_share < 1
    assert all(len(hours) == 24 for hours in result.gpus_hourly.values())
    assert sum(count for _, count in result.ttft_histogram) == pytest.approx(result.requests, rel=0.01)


def test_more_requests_make_the_sampling_error_smaller(result, house):
    more = days.day(house, 160_000)
    one, two = (sum(region.ttft_p99.error for region in found.regions) for found in (result, more))
    assert two < one
