"""Percentiles of plain lists."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.planner.percentile import percentiles


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=200))
def test_they_are_those_of_the_standard_library(values):
    wanted = statistics.quantiles(values, n=100, method="inclusive")
    assert percentiles(values, (1, 50, 99)) == pytest.approx([wanted[0], wanted[49], wanted[98]], abs=1e-6)


def test_nothing_has_no_percentiles_but_zeros():
    assert percentiles([], (50, 99)) == [0.0, 0.0]


def test_the_ends_are_the_least_and_the_most():
    assert percentiles([3.0, 1.0, 2.0], (0, 100)) == [1.0, 3.0]
