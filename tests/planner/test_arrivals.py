"""Requests by chance."""

import importlib

import pytest

from isthmus.core.errors import Refusal
from isthmus.planner import arrivals, lengths

numpy = pytest.importorskip("numpy", reason="NumPy is not installed (extra planner)")


def test_requests_come_in_order_at_the_rate_and_with_the_shares_that_were_asked_for():
    found = arrivals.Source(lengths.load("chat"), 1).draw(100.0, 200.0, [90.0, 0.0, 10.0])
    assert list(found.times) == sorted(found.times)
    assert 100 <= found.times[0] <= found.times[-1] <= 200
    assert len(found.times) == pytest.approx(10_000, rel=0.05)
    assert found.asks.count(1) == 0
    assert found.asks.count(0) / len(found.asks) == pytest.approx(0.9, abs=0.02)
    assert sum(found.into) / len(found.into) == pytest.approx(1155, rel=0.1)
    assert all(0 <= number < 1 for number in (*found.first, *found.second))


def test_equal_seeds_draw_equal_requests_and_others_do_not():
    one, two, three = (arrivals.Source(lengths.load("chat"), seed).draw(0, 10, [50.0]) for seed in (1, 1, 2))
    assert one == two
    assert one != three


def test_no_rate_draws_nothing():
    assert arrivals.Source(lengths.load("chat"), 1).draw(0, 10, [0.0]).times == []


def test_without_numpy_a_person_is_told_what_to_install(monkeypatch):
    def missing(name, *_):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(Refusal) as refused:
        arrivals.numpy()
    assert "isthmus[planner]" in refused.value.sentence()
