"""A breaker per route: who fails again and again rests, and is tried again with one request."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.clock import FakeClock
from isthmus.routing.breaker import FAILURES, LEAST, LONGEST_REST, REST_SECONDS, TRIAL_S, WINDOW_S, Breakers


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 9, 1, tzinfo=UTC))


@pytest.fixture
def breakers(clock):
    return Breakers(clock)


def fail(breakers, times, route="a"):
    for _ in range(times):
        breakers.failed(route)


def test_a_route_nobody_has_heard_of_is_healthy(breakers):
    assert not breakers.is_open("a")
    assert not breakers.any_open


def test_a_few_failures_open_nothing(breakers):
    fail(breakers, FAILURES - 1)
    assert not breakers.is_open("a")
    assert not breakers.any_open


def test_consecutive_failures_make_a_route_rest_and_no_other(breakers):
    fail(breakers, FAILURES)
    assert breakers.is_open("a")
    assert not breakers.is_open("b")
    assert breakers.any_open


def test_an_answer_between_failures_starts_the_count_anew(breakers):
    fail(breakers, FAILURES - 1)
    breakers.answered("a")
    fail(breakers, FAILURES - 1)
    assert not breakers.is_open("a")


def test_after_its_rest_a_route_is_tried_again(breakers, clock):
    fail(breakers, FAILURES)
    clock.advance(REST_SECONDS - 1)
    assert breakers.is_open("a")
    clock.advance(2)
    assert not breakers.is_open("a")


def test_one_more_failure_after_the_rest_opens_it_at_once_and_for_longer(breakers, clock):
    fail(breakers, FAILURES)
    clock.advance(REST_SECONDS + 1)
    breakers.failed("a")
    clock.advance(REST_SECONDS + 1)
    assert breakers.is_open("a")
    clock.advance(REST_SECONDS)
    assert not breakers.is_open("a")


def test_no_rest_is_longer_than_the_longest(breakers, clock):
    fail(breakers, 1000)
    clock.advance(LONGEST_REST + 1)
    assert not breakers.is_open("a")


def test_an_answer_closes_a_breaker_and_when_all_are_closed_nobody_asks_any_more(breakers):
    fail(breakers, FAILURES, "a")
    fail(breakers, FAILURES, "b")
    breakers.answered("a")
    assert not breakers.is_open("a")
    assert breakers.any_open
    breakers.answered("b")
    assert not breakers.any_open


def test_an_answer_of_a_healthy_route_changes_nothing(breakers):
    fail(breakers, FAILURES, "a")
    breakers.answered("b")
    assert breakers.is_open("a")


# -- half-open, rate, throttling, Retry-After ----------------------------------------------------------------


def test_when_the_rest_is_over_one_request_tries_and_the_others_go_elsewhere(breakers, clock):
    fail(breakers, FAILURES)
    clock.advance(REST_SECONDS + 1)
    assert not breakers.is_open("a")
    breakers.begin("a")
    assert breakers.is_open("a")
    breakers.answered("a")
    assert not breakers.is_open("a")
    assert not breakers.any_open


def test_a_trial_that_fails_makes_it_rest_again(breakers, clock):
    fail(breakers, FAILURES)
    clock.advance(REST_SECONDS + 1)
    breakers.begin("a")
    breakers.failed("a")
    clock.advance(REST_SECONDS + 1)
    assert breakers.is_open("a")


def test_a_trial_of_which_nothing_is_heard_does_not_shut_the_route_for_good(breakers, clock):
    fail(breakers, FAILURES)
    clock.advance(REST_SECONDS + 1)
    breakers.begin("a")
    clock.advance(TRIAL_S + 1)
    assert not breakers.is_open("a")


def test_a_healthy_route_has_no_trial(breakers):
    breakers.begin("a")
    breakers.failed("a")
    breakers.begin("a")
    assert not breakers.is_open("a")


def test_every_second_answer_is_too_few_even_if_no_two_failures_are_neighbours(clock):
    breakers = Breakers(clock, lambda: 1.0)
    for _ in range(LEAST // 2):
        breakers.answered("a")
        breakers.failed("a")
    for _ in range(LEAST // 2):
        breakers.failed("a")
        breakers.answered("a")
    assert breakers.is_open("a")
    clock.advance(REST_SECONDS + 1)
    breakers.begin("a")
    breakers.answered("a")
    assert not breakers.is_open("a")


def test_failures_that_are_long_ago_count_for_nothing(clock):
    breakers = Breakers(clock, lambda: 1.0)
    for _ in range(LEAST):
        breakers.failed("a")
        breakers.answered("a")
        clock.advance(WINDOW_S / 4)
    assert not breakers.is_open("a")


def test_a_route_that_fails_more_than_a_third_is_passed_over_by_some(clock):
    chance = [0.0]
    breakers = Breakers(clock, lambda: chance[0])
    for number in range(1, 101):
        (breakers.failed if number % 5 in (0, 3) else breakers.answered)("a")
    assert breakers.any_open
    assert breakers.is_open("a")
    chance[0] = 0.2
    assert not breakers.is_open("a")
    clock.advance(2 * WINDOW_S + 1)
    chance[0] = 0.0
    assert not breakers.is_open("a")


def test_a_route_that_said_when_to_come_back_is_not_asked_before(breakers, clock):
    breakers.failed("a", rest=7.0)
    assert breakers.any_open
    assert breakers.is_open("a")
    assert breakers.told("a") == 7.0
    assert breakers.told("b") == 0.0
    clock.advance(5)
    breakers.answered("a")  # one that was on its way
    assert breakers.told("a") == 2.0
    clock.advance(2)
    assert not breakers.is_open("a")
    assert breakers.told("a") == 0.0


def test_a_shorter_word_does_not_take_a_longer_one_back(breakers):
    breakers.failed("a", rest=60.0)
    breakers.failed("a", rest=1.0)
    assert breakers.told("a") == 60.0


def test_a_route_that_is_well_again_is_forgotten(breakers, clock):
    fail(breakers, 2)
    breakers.answered("a")
    clock.advance(2 * WINDOW_S + 1)
    breakers.answered("a")
    assert not breakers._states


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["fail", "answer", "begin", "rest", "wait"])), max_size=200
    )
)
def test_whatever_happens_every_route_is_asked_again_in_the_end(steps):
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    breakers = Breakers(clock, lambda: 0.0)
    for route, step in steps:
        match step:
            case "fail":
                breakers.failed(route)
            case "answer":
                breakers.answered(route)
            case "begin":
                breakers.begin(route)
            case "rest":
                breakers.failed(route, rest=9.0)
            case "wait":
                clock.advance(7)
        open_ = [name for name in "ab" if breakers.is_open(name)]
        assert breakers.any_open or not open_
    clock.advance(LONGEST_REST + TRIAL_S + 1)
    assert not breakers.is_open("a")
    assert not breakers.is_open("b")
