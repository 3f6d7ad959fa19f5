"""Retries are a fifth of traffic: they spend what requests bring in."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.clock import FakeClock
from isthmus.routing.budget import RESERVE, SHARE, WINDOW_S, RetryBudget


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 9, 1, tzinfo=UTC))


@pytest.fixture
def budget(clock):
    return RetryBudget(clock)


def taken(budget, wanted):
    return sum(budget.take() for _ in range(wanted))


def test_a_worker_with_little_traffic_may_fail_over_too(budget):
    budget.requests += 1
    assert taken(budget, 100) == RESERVE


def test_a_worker_with_much_traffic_may_use_a_fifth_of_it(budget):
    budget.requests += 1000
    assert taken(budget, 1000) == 1000 * SHARE


def test_a_window_that_is_over_is_forgotten_step_by_step(budget, clock):
    budget.requests += 1000
    assert taken(budget, 200) == 200
    clock.advance(WINDOW_S)
    assert not budget.take()
    clock.advance(WINDOW_S / 2)
    assert not budget.take()
    clock.advance(WINDOW_S / 2)
    assert budget.take()


def test_after_a_long_quiet_time_only_the_mean_of_it_counts(budget, clock):
    budget.requests += 1000
    clock.advance(100 * WINDOW_S)
    assert taken(budget, 100) == RESERVE


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.floats(0.05, 3.0))
def test_in_no_window_are_there_more_retries_than_allowed(traffic, step):
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    budget = RetryBudget(clock)
    history = []
    for requests in traffic:
        budget.requests += requests
        history.append((clock.monotonic(), requests, taken(budget, 100)))
        clock.advance(step)
    everything = sum(requests for _, requests, _ in history)
    windows = history[-1][0] // WINDOW_S + 1 - history[0][0] // WINDOW_S
    assert sum(retries for _, _, retries in history) <= SHARE * everything + RESERVE * (windows + 1)
