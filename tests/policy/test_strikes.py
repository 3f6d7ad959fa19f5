"""Strikes: three in a row or five a day, then a day's rest."""

from __future__ import annotations

import pytest

from isthmus.core.errors import Refusal
from isthmus.policy import moderation, strikes


@pytest.fixture(autouse=True)
def nobody_known(monkeypatch):
    monkeypatch.setattr(strikes, "_records", type(strikes._records)())


@pytest.fixture
def stage(house, route, owed):
    return strikes.compile([owed("user.strike", in_a_row=3, per_day=5)], route(), house)


def strike(asked, clock, times=1, subject="p1"):
    for _ in range(times):
        strikes.struck(asked(subject=subject), clock.now())


def test_the_third_strike_in_a_row_suspends_for_a_day(stage, asked, clock):
    strike(asked, clock, 2)
    ex = asked(subject="p1")
    stage.on_request(ex)
    stage.on_request(ex)
    assert ex.met == ["strikes"]
    strike(asked, clock)
    with pytest.raises(Refusal) as refused:
        stage.on_request(asked(subject="p1"))
    assert refused.value.code == "suspended"
    assert "2026-11-23T12:00" in refused.value.sentence()
    clock.advance(86_400)
    stage.on_request(asked(subject="p1"))
    stage.on_request(asked(subject="p1"))


def test_a_question_that_passes_breaks_the_row(stage, asked, clock):
    strike(asked, clock, 2)
    strikes.passed(asked(subject="p1"))
    strikes.passed(asked(subject="unknown"))
    strike(asked, clock, 2)
    stage.on_request(asked(subject="p1"))
    strikes.passed(asked(subject="p1"))
    strike(asked, clock)
    with pytest.raises(Refusal):
        stage.on_request(asked(subject="p1"))


def test_a_new_day_begins_a_new_count(stage, asked, clock):
    strike(asked, clock, 2)
    strikes.passed(asked(subject="p1"))
    strike(asked, clock, 2)
    strikes.passed(asked(subject="p1"))
    clock.advance(86_400)
    strike(asked, clock)
    stage.on_request(asked(subject="p1"))


def test_nobody_without_a_name_is_struck(stage, asked, clock):
    strike(asked, clock, 9, subject="")
    strikes.passed(asked())
    ex = asked()
    stage.on_request(ex)
    assert ex.met == []


def test_memory_of_people_is_bounded(stage, asked, clock, monkeypatch):
    monkeypatch.setattr(strikes, "_PEOPLE", 1)
    strike(asked, clock, 3, "a")
    strike(asked, clock, 3, "b")
    stage.on_request(asked(subject="a"))
    with pytest.raises(Refusal):
        stage.on_request(asked(subject="b"))


def test_a_rule_with_one_limit_only(house, route, owed, asked, clock):
    stage = strikes.compile([owed("user.strike", per_day=2)], route(), house)
    strike(asked, clock, 1)
    stage.on_request(asked(subject="p1"))
    strike(asked, clock, 1)
    with pytest.raises(Refusal):
        stage.on_request(asked(subject="p1"))


def test_moderation_reports_strikes(house, route, owed, asked, stage):
    scan = moderation.compile([owed("scan", side=["input"], taxonomy="csam", on_error="block")], route(), house)
    for _ in range(3):
        with pytest.raises(Refusal):
            scan.on_request(asked("child porn", subject="p1"))
    with pytest.raises(Refusal) as refused:
        stage.on_request(asked(subject="p1"))
    assert refused.value.code == "suspended"
    scan.on_request(asked("hello", subject="p1"))
    stage.on_request(asked(subject="p1"))
