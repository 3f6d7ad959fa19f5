"""Failover inside the decision: bounded, heeding what partners say, with every token billed once and nothing hidden."""

import os

import pytest
from corridor_parts import Heard
from killed_parts import KilledNet, agree, kill_streams

from isthmus.core.decision import Question, age_band
from isthmus.partners.load import load
from isthmus.regions.load import load as load_regions
from isthmus.routing.budget import RESERVE


class Still:
    """A clock that stands: all requests come within one window."""

    def monotonic(self):
        return 0.0

    def advance(self, seconds):
        pass


STREAMS = 10_000 if os.environ.get("ISTHMUS_LONG") else 60


def test_killed_streams_end_in_words_and_are_billed_once_to_the_token(partners):
    net = partners._net
    try:
        found = kill_streams(partners, STREAMS, seed=7)
    finally:
        partners._net = net
    assert not found.bad
    assert found.answered + found.interrupted + found.refused == found.receipts == STREAMS
    assert found.billed == found.metered
    assert found.calls <= 1.2 * STREAMS


def test_a_usage_count_of_a_route_that_showed_nothing_is_nobodys(partners):
    net, partners._net = partners._net, KilledNet(partners.loop, partners.clock)
    try:
        house = partners.fresh()
        house.net.kill = lambda length: 0 if house.net.meter else 700  # after a first event that has usage, no content
        heard = house.ask(model="doubao", stream=True, isthmus_consent=agree(house), isthmus_age="40")
    finally:
        partners._net = net
    assert heard.status == 502
    assert (house.receipt.usage, house.receipt.cost) == (None, "")


def test_when_everybody_fails_calls_stay_within_a_fifth_of_the_requests(house, monkeypatch):
    consents = agree(house)
    house.net.script = ["failing"] * 9999
    monkeypatch.setattr(house.net, "_clock", Still())
    for _ in range(100):
        house.ask(isthmus_consent=consents, isthmus_age="40")
    assert len(house.net.asked) <= 100 + max(RESERVE, 20)


def test_a_partner_that_said_when_to_come_back_is_not_asked_before(house):
    consents = agree(house)
    house.net.script = ["busy"]
    house.ask(model="doubao-pro", isthmus_consent=consents, isthmus_age="40")
    before = len(house.net.asked)
    heard = house.ask(model="doubao-pro", isthmus_consent=consents, isthmus_age="40")
    assert (heard.status, heard.json["error"]["code"]) == (429, "upstream_busy")
    assert int(heard.head["retry-after"]) <= 8
    assert len(house.net.asked) == before
    house.clock.advance(8)
    assert house.ask(model="doubao-pro", isthmus_consent=consents, isthmus_age="40").status == 200


def test_a_field_that_a_wire_has_no_word_for_is_told(house):
    consents = agree(house)
    named = house.ask(model="doubao", wishful=1, isthmus_consent=consents, isthmus_age="40").json["isthmus"]
    assert named["dropped"] == ["wishful"]
    told = Heard(house.ask(model="doubao", wishful=1, stream=True, isthmus_consent=consents, isthmus_age="40"))
    assert told.last["isthmus"]["dropped"] == ["wishful"]
    plain = house.ask(model="doubao", isthmus_consent=consents, isthmus_age="40").json["isthmus"]
    assert "dropped" not in plain


def test_every_partner_for_adults_alone_is_named_by_the_house_rule():
    rule = next(rule for rule in load_regions()["HOUSE"].rules if rule.name == "adults_only")
    assert set(rule.values["partner"]) == {name for name, partner in load().items() if partner.adults_only}


@pytest.mark.parametrize(("age", "lawful"), [("16", False), ("40", True), ("", True)])
def test_gemini_never_answers_a_known_minor(house, age, lawful):
    decision = house.table.decide(Question(("US",), age=age_band(age)))
    routes = {plan.route.partner for plan in decision.plans}
    out = {each.route.partition("/")[0]: each.rule for each in decision.ruled_out if each.rule == "HOUSE.adults_only"}
    assert ("gemini" in out) is not lawful
    assert not (routes & {"gemini"}) or lawful
