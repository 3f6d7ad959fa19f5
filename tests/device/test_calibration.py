"""Calibration: a belief becomes a likelihood by the model's own curve, and stays what it is where none was measured."""

import pytest

from isthmus.device import calibration
from isthmus.device.calibration import Curve, curves, likely, odds


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(calibration, "curves", lambda: {"m": Curve(1.0, 0.5, 100)})


def test_every_measured_model_has_a_rising_curve():
    assert all(curve.slope > 0 for curve in curves().values())


def test_a_higher_belief_is_never_less_likely(measured):
    found = [likely(step / 20, "m") for step in range(21)]
    assert found == sorted(found)
    assert all(0 < each < 1 for each in found)


def test_the_curve_is_a_sigmoid_over_the_odds(measured):
    assert odds(0.5) == 0
    assert likely(0.5, "m") == pytest.approx(0.7311, abs=1e-4)


def test_without_a_curve_the_belief_stands(measured):
    assert likely(0.4, "another") == 0.4
    assert likely(None, "m") is None
