"""How many replicas: from load, delay and forecast, up at once and down slowly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.fleet.scale import HOUR, DayCurve, Rules, Seen, Steady, ahead, mean_day, wanted

RULES = Rules(least=1, most=20, ttft_s=1.0, tokens=1000.0, rate=2.0, start_s=60.0, idle_s=600.0, headroom=0.2)
QUIET = Seen(serving=1)


def test_a_quiet_pool_keeps_its_least():
    assert wanted(RULES, QUIET) == 1


def test_tokens_in_flight_ask_for_replicas_that_can_carry_them():
    assert wanted(RULES, Seen(serving=1, tokens=3500.0)) == 4


def test_a_late_first_token_asks_for_more_in_proportion():
    assert wanted(RULES, Seen(serving=4, ttft_s=1.5)) == 6


def test_a_very_late_first_token_at_most_doubles():
    assert wanted(RULES, Seen(serving=3, ttft_s=60.0)) == 6


def test_the_forecast_counts_with_headroom():
    assert wanted(RULES, QUIET, expected=8.0) == 5


def test_never_more_than_the_most_nor_less_than_the_least():
    assert wanted(RULES, Seen(serving=1, tokens=1e9)) == 20
    least = Rules(least=3, most=5)
    assert wanted(least, Seen(serving=5, idle_s=1e9)) == 3


def test_a_pool_that_may_go_to_zero_does_so_only_after_nobody_asked_for_long():
    rare = Rules(least=0, most=2, idle_s=600.0)
    assert wanted(rare, Seen(serving=1, idle_s=599.0)) == 1
    assert wanted(rare, Seen(serving=1, idle_s=600.0)) == 0


def test_a_request_that_waits_brings_a_pool_back_from_zero():
    assert wanted(Rules(least=0, most=2), Seen(serving=0, idle_s=1e6, waiting=1)) == 1


def test_a_forecast_brings_a_pool_back_from_zero_before_anybody_asks():
    assert wanted(Rules(least=0, most=2, rate=2.0), Seen(serving=0, idle_s=1e6), expected=1.0) == 1


@given(st.floats(0, 1e7), st.floats(0, 1e3), st.floats(0, 1e4), st.integers(0, 40))
def test_more_load_never_asks_for_fewer(tokens, ttft, expected, serving):
    less = wanted(RULES, Seen(serving=serving, tokens=tokens, ttft_s=ttft), expected)
    more = wanted(RULES, Seen(serving=serving, tokens=tokens * 2, ttft_s=ttft * 2), expected * 2)
    assert RULES.least <= less <= more <= RULES.most


def test_a_forecast_runs_straight_from_hour_to_hour_and_over_midnight():
    curve = DayCurve((10.0, *[0.0] * 22, 20.0))
    assert curve.at(0.5 * HOUR) == 10.0
    assert curve.at(0.0) == pytest.approx(15.0)
    assert curve.at(23.5 * HOUR) == 20.0
    assert curve.at(24.5 * HOUR) == curve.at(0.5 * HOUR)


def test_the_highest_rate_ahead_is_found_between_the_ends_too():
    curve = DayCurve(tuple([0.0] * 12 + [9.0] + [0.0] * 11))
    assert curve.most(12 * HOUR, 13 * HOUR) == 9.0
    assert curve.most(0.0, HOUR) == 0.0


@given(st.lists(st.floats(0, 100), min_size=24, max_size=24), st.floats(0, 48), st.floats(0, 10), st.floats(0, 1))
def test_nothing_on_the_way_is_above_the_highest(hours, begin, length, share):
    curve = DayCurve(tuple(hours))
    start, end = begin * HOUR, (begin + length) * HOUR
    assert curve.at(start + (end - start) * share) <= curve.most(start, end) + 1e-6


def test_replicas_are_ordered_before_the_peak_they_are_for():
    curve = DayCurve(tuple([1.0] * 9 + [16.0] * 3 + [1.0] * 12))
    slow = Rules(least=1, most=20, rate=2.0, start_s=HOUR / 2)
    before = 8.5 * HOUR
    assert wanted(slow, QUIET, ahead(slow, curve, before)) > wanted(slow, QUIET, curve.at(before))


def test_without_a_forecast_nothing_is_expected():
    assert ahead(RULES, None, 0.0) == 0.0


def test_up_counts_at_once_and_down_only_when_it_lasted():
    steady = Steady(100.0)
    assert steady.settle(0.0, 1) == 1
    assert steady.settle(10.0, 5) == 5
    assert steady.settle(20.0, 2) == 5
    assert steady.settle(109.0, 2) == 5
    assert steady.settle(111.0, 2) == 2


def test_the_latest_day_counts_as_much_as_all_before():
    curve = mean_day([[4.0] * 24, [8.0] * 24])
    assert curve.at(0.0) == 6.0
