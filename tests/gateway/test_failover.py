"""Failover inside the decision: bounded, heeding what partners say, with every token billed once and nothing hidden."""

import os
from datetime import date

import pytest
from corridor_parts import Heard
from killed_parts import KilledNet, agree, kill_streams

from isthmus.core.decision import Question, age_band
from isthmus.core.operator import rehearsal
from isthmus.partners.load import load, read
from isthmus.policy.compile import Table
from isthmus.policy.house import House
from isthmus.regions.load import load as load_regions
from isthmus.routing.budget import RESERVE

DAY = date(2026, 11, 22)


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
    assert found.answered + found.continued + found.interrupted + found.refused == found.receipts == STREAMS
    assert found.billed + found.beside == found.metered
    assert found.counted_here
    assert found.continued
    assert found.calls <= 1.2 * STREAMS


def test_a_usage_count_of_a_route_that_showed_nothing_is_nobodys(partners):
    net, partners._net = partners._net, KilledNet(partners)
    try:
        house = partners.fresh()
        house.net.kill = lambda length: 0 if house.net.meter else 700  # after a first event that has usage, no content
        heard = house.ask(model="doubao", stream=True, isthmus_consent=agree(house), isthmus_age="40")
    finally:
        partners._net = net
    assert heard.status == 502
    assert (house.receipt.usage, house.receipt.cost) == (None, "")
    (first, *_) = house.receipt.attempts
    assert first.spent.usage.total_tokens == house.net.meter[0].tokens > 0
    assert not first.spent.billed


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


OWN = """
id = "newcomer"
title = "Newcomer"
key_env = "NEWCOMER_API_KEY"
{terms}
[endpoint.main]
host = "api.newcomer.example"
path = "/v1/chat/completions"
region = "US"
inference = ["US"]
storage = ["US"]
end_users = ["US"]
[model.newcomer-1]
default = true
"""


@pytest.mark.parametrize(
    ("terms", "refused"),
    [
        ("", set()),
        ("adults_only = true", {"under13", "13", "14-15", "16-17"}),
        ("least_age = 16", {"under13", "13", "14-15"}),
        ("least_age = 14", {"under13", "13"}),
        ("least_age = 13", {"under13"}),
    ],
)
def test_the_least_age_of_an_operators_own_partner_binds(house, terms, refused):
    own = read("newcomer.toml", OWN.format(terms=terms).encode())
    law = House(operator=rehearsal(), clock=house.clock, consents={}, terms={}, minors=frozenset(), allowed={})
    table = Table.build(load_regions(), {**load(), "newcomer": own}, law, {"local": ("h", 1)}, {}, DAY, duties=())
    found = {
        age
        for age in ("under13", "13", "14-15", "16-17", "adult", "unknown")
        if not any(plan.route.partner == "newcomer" for plan in table.decide(Question(("US",), age=age)).plans)
    }
    assert found - {"unknown"} == refused


@pytest.mark.parametrize(("age", "lawful"), [("16", False), ("40", True), ("", True)])
def test_gemini_never_answers_a_known_minor(house, age, lawful):
    decision = house.table.decide(Question(("US",), age=age_band(age)))
    routes = {plan.route.partner for plan in decision.plans}
    out = {each.route.partition("/")[0]: each.rule for each in decision.ruled_out if each.rule == "HOUSE.adults_only"}
    assert ("gemini" in out) is not lawful
    assert not (routes & {"gemini"}) or lawful
