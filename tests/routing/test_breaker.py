"""A breaker per route: who fails again and again rests, and is tried again with one request."""

from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.routing.breaker import FAILURES, LONGEST_REST, REST_SECONDS, Breakers


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
