from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from corridor_parts import exchange, plan, route

from isthmus.core import measures
from isthmus.core.clock import FakeClock
from isthmus.core.decision import Obligation, Plan
from isthmus.core.wire import Usage
from isthmus.gateway import measured
from isthmus.gateway.measured import BREAKER, WORKER, Meter
from isthmus.ledger.segments import Ledger
from isthmus.routing.breaker import FAILURES, Breakers


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 11, 22, tzinfo=UTC))


@pytest.fixture
def meter(tmp_path, clock):
    made = Meter(tmp_path, "w0", clock)
    yield made
    made.close()


def answered(chosen, **fields):
    ex = exchange(chosen, **fields)
    ex.outcome = "answered"
    return ex


def row(tmp_path, meter, *labels):
    meter.write()
    return measures.read_all(tmp_path)[labels]


def test_an_answer_is_counted_by_region_route_and_outcome_with_its_times_and_tokens(tmp_path, meter):
    ex = answered(plan())
    ex.first_at = 0.25
    ex.usage = Usage(10, 20, 30)
    ex.masks = {"phone": 2, "name": 1}
    meter.count(ex, 0.5)
    meter.count(ex, 0.5)
    found = row(tmp_path, meter, "answers", "CN", "local/m", "private", "answered", "")
    assert found[measures.COUNT] == 2
    assert found[measures.WHOLE_US] == 1_000_000
    assert found[measures.FIRST_US] == 500_000
    assert (found[measures.TOKENS_IN], found[measures.TOKENS_OUT], found[measures.MASKED]) == (20, 40, 6)
    assert found[measures.STREAMED] == 2
    assert 0.32 <= measures.quantile(found[measures.WHOLE : measures.WHOLE + measures.BUCKETS], 0.5) <= 0.64


def test_a_refusal_names_no_route_but_its_code(tmp_path, meter):
    ex = exchange(plan())
    ex.plan, ex.outcome, ex.refusal_code, ex.blocked = None, "refused", "content_blocked", "cn31_1"
    meter.count(ex, 0.001)
    assert row(tmp_path, meter, "answers", "CN", "", "", "refused", "content_blocked")[measures.BLOCKED] == 1


def test_a_refusal_before_the_decision_counts_for_the_keys_own_region(tmp_path, meter):
    ex = exchange(plan())
    ex.plan = ex.decision = None
    ex.outcome, ex.refusal_code = "refused", "bad_json"
    meter.count(ex, 0.0)
    assert row(tmp_path, meter, "answers", "CN", "", "", "refused", "bad_json")[measures.COUNT] == 1


def test_a_wait_beyond_every_bound_is_counted_in_the_last_bucket(tmp_path, meter):
    meter.count(answered(plan()), 9_999.0)
    found = row(tmp_path, meter, "answers", "CN", "local/m", "private", "answered", "")
    assert found[measures.WHOLE + measures.BUCKETS - 1] == 1


def test_an_answer_without_the_label_it_owes_is_counted(tmp_path, meter):
    owed = Obligation("label.show", {}, "CN", "label", "Label it.", (), date(2025, 9, 1))
    ex = answered(Plan(route(), (owed,), (), (), (), (), ()))
    meter.count(ex, 0.1)
    ex.label = "内容由AI生成"
    meter.count(ex, 0.1)
    assert row(tmp_path, meter, "answers", "CN", "local/m", "private", "answered", "")[measures.UNLABELLED] == 1


def test_plans_that_come_and_go_are_forgotten_but_never_confused(tmp_path, meter, monkeypatch):
    monkeypatch.setattr(measured, "_KNOWN", 4)
    for number in range(40):
        meter.count(answered(plan(at=route(f"local/m{number}"))), 0.1)
    meter.write()
    found = measures.read_all(tmp_path)
    assert len(found) == 40
    assert {cells[measures.COUNT] for cells in found.values()} == {1}


def test_a_worker_says_that_it_lives_and_what_waits_for_the_disk(tmp_path, meter, clock):
    ledger = Ledger.open(tmp_path / "ledger", "w0", clock)
    meter.observe(Breakers(clock), ledger)
    found = row(tmp_path, meter, WORKER, "w0")
    assert found[measured.BEAT_MS] == clock.epoch_ms()
    assert (found[measured.QUEUE], found[measured.BEHIND], found[measured.FAILED]) == (0, 0, 0)
    ledger.close()
    meter.observe(Breakers(clock), ledger)
    assert row(tmp_path, meter, WORKER, "w0")[measured.FAILED] == 1


def test_a_route_that_rests_is_seen_and_seen_again_when_it_is_back(tmp_path, meter, clock):
    ledger = Ledger.open(tmp_path / "ledger", "w0", clock)
    breakers = Breakers(clock)
    for _ in range(FAILURES):
        breakers.failed("doubao/pro")
    meter.observe(breakers, ledger)
    meter.observe(breakers, ledger)
    assert row(tmp_path, meter, BREAKER, "doubao/pro")[measured.OPEN] == 1
    assert row(tmp_path, meter, BREAKER, "doubao/pro")[measured.TIMES] == 1
    breakers.answered("doubao/pro")
    meter.observe(breakers, ledger)
    assert row(tmp_path, meter, BREAKER, "doubao/pro")[measured.OPEN] == 0
    ledger.close()
