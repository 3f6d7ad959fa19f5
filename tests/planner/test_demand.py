"""Curves of the day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.planner.catalogue import Figure
from isthmus.planner.demand import SECONDS, SLOTS, curve, shape
from isthmus.planner.scenario import Scenario

PEAK = Figure(1.6, "asked")


@given(st.floats(1.05, 3), st.floats(0.3, 0.95), st.floats(0, 24), st.floats(-12, 14))
def test_a_shape_has_mean_one_and_its_peak_where_it_is_said(peak, trough, hour, offset):
    found = shape(peak, trough, hour, offset)
    assert sum(found) / SLOTS == pytest.approx(1)
    assert max(found) == pytest.approx(peak, rel=0.03)
    top = (found.index(max(found)) + 0.5) * 24 / SLOTS
    away = abs((top + offset - hour + 12) % 24 - 12)
    assert away <= 0.26


def test_a_flat_day_is_flat():
    assert max(shape(1.0, 0.6, 15, 0)) == pytest.approx(1.0)


def test_a_region_gets_its_share_of_all_queries():
    asked = Scenario(queries=1e9, growth=2.0)
    found = curve(asked, "EU", PEAK)
    assert sum(found) / SLOTS * SECONDS == pytest.approx(0.2 * 2e9)


def test_people_of_different_clocks_peak_at_different_hours():
    asked = Scenario()
    tops = {name: curve(asked, name, PEAK).index(max(curve(asked, name, PEAK))) for name in ("CN", "EU", "US")}
    assert tops["CN"] < tops["EU"] < tops["US"]


def test_ones_own_hours_replace_the_shape():
    hours = tuple(float(n == 3) + 0.5 for n in range(24))
    found = curve(Scenario(curve=hours), "CN", PEAK)
    assert found.index(max(found)) in (13, 14)
    assert sum(found) / SLOTS * SECONDS == pytest.approx(0.55 * 1e9)
