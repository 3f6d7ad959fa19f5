"""Consent: what counts as one, what is asked without one."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from isthmus.core.consent import Consent
from isthmus.core.decision import Question, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.policy import consent


@pytest.fixture
def given(house, clock):
    """given(**changes): a consent of acme's to doubao, in the house's index."""

    def make(**changes):
        fields = {
            "id": "c1", "tenant": "acme", "kind": "separate", "recipient": "doubao", "region": "CN", "feature": "*",
            "scope": "always", "subject": "", "language": "zh-CN", "given_at": clock.now(),
            "until": clock.now() + timedelta(days=180),
        }  # fmt: skip
        made = Consent(**{**fields, **changes})
        house.consents[made.id] = made
        return made

    return make


@pytest.fixture
def separate(owed):
    return owed("consent.require", kind="separate", names="recipient")


def test_a_matching_consent_lets_the_request_pass(house, route, separate, given, asked):
    given()
    ex = asked()
    ex.consent_id = "other, c1"
    consent.compile([separate], route(), house).on_request(ex)
    assert ex.met == ["consent"]


def test_a_consent_that_stands_for_the_key_counts(house, route, separate, given, asked):
    given()
    ex = asked()
    ex.caller.consents = ("gone", "c1")
    consent.compile([separate], route(), house).on_request(ex)
    assert ex.met == ["consent"]


@pytest.mark.parametrize(
    "change",
    [{"tenant": "other"}, {"kind": "sensitive"}, {"recipient": "qwen"}, {"region": "EU"}, {"feature": "rewrite"},
     {"subject": "someone"}, {"withdrawn": True}, {"used": True}, {"until": "past"}],
)  # fmt: skip
def test_a_consent_for_something_else_does_not_count(change, house, route, separate, given, asked, clock):
    made = given()
    for name, value in change.items():
        setattr(made, name, clock.now() if value == "past" else value)
    ex = asked(subject="me")
    ex.consent_id = "c1"
    with pytest.raises(RouteSkipped) as skipped:
        consent.compile([separate], route(), house).on_request(ex)
    assert skipped.value.refusal.code == "consent_required"
    assert ex.met == []


def test_a_consent_for_once_is_spent_by_the_first_request_only(house, route, separate, given, asked):
    made = given(scope="once")
    stage = consent.compile([separate], route(), house)
    first, second = asked(), asked()
    first.consent_id = second.consent_id = "c1"
    stage.on_request(first)
    assert made.used
    stage.on_request(first)  # failover: the same request tries another route
    with pytest.raises(RouteSkipped):
        stage.on_request(second)


def test_the_sheet_says_who_gets_what_for_how_long_under_which_law(house, route, separate, asked):
    chosen = route(rehearsal=True, facts={"retention_days": 30, "trains_on_input": False, "contact": "privacy@x.cn"})
    with pytest.raises(RouteSkipped) as skipped:
        consent.compile([separate], chosen, house).on_request(asked(language="en"))
    error = skipped.value.refusal.body()["error"]
    sheet = error["isthmus"]["sheet"]
    assert sheet["title"] == "Send this question to Doubao?"
    assert sheet["who"] == "Who gets it: Volcano Engine Ltd. privacy@x.cn"
    assert sheet["purpose"] == "What for: this answer only. Not for training."
    assert sheet["retention"].startswith("How long: 30 days there.")
    assert sheet["withdraw"].endswith("PIPL 23")
    assert sheet["rehearsal"] == "Rehearsal: a local stand-in plays Doubao. Nothing leaves this server."
    assert sheet["always"] == "Always use Doubao for this, for 180 days"
    assert sheet["buttons"] == {"yes": "Allow once", "no": "Not now"}
    assert sheet["consent"] == {"kind": "separate", "recipient": "doubao", "region": "CN"}
    assert sheet["masked"] == "No personal details found. Please look once more."
    assert "PIPL 23" in error["message"]
    assert msgspec.json.decode(skipped.value.refusal.encode())["error"]["code"] == "consent_required"


def test_what_the_partner_does_not_state_is_said_to_be_not_stated(house, route, separate, asked):
    with pytest.raises(RouteSkipped) as skipped:
        consent.compile([separate], route(legal_name=""), house).on_request(asked())
    sheet = skipped.value.refusal.extra["sheet"]
    assert sheet["title"] == "把这个问题交给Doubao？"
    assert sheet["who"] == "谁接收：Doubao。联系方式：对方没有说明"
    assert sheet["retention"].startswith("存多久：对方没有说明")
    assert "没有说明" in sheet["purpose"]
    assert "rehearsal" not in sheet


@pytest.mark.parametrize("question", [Question(("CN",), data="sensitive"), Question(("CN",), age="16-17")])
def test_no_standing_consent_is_offered_for_sensitive_details_or_minors(question, house, route, separate, asked):
    ex = asked(question=question)
    ex.masks = {"phone": 2}
    with pytest.raises(RouteSkipped) as skipped:
        consent.compile([separate], route(), house).on_request(ex)
    sheet = skipped.value.refusal.extra["sheet"]
    assert "always" not in sheet
    assert sheet["masked"] == "遮住 2 处，只留在本机"


@pytest.mark.parametrize("kind", ["sensitive", "label_duty"])
def test_a_consent_without_recipient_covers_every_route(kind, house, route, owed, given, asked):
    stage = consent.compile([owed("consent.require", kind=kind)], route(), house)
    ex = asked()
    with pytest.raises(RouteSkipped) as skipped:
        stage.on_request(ex)
    assert skipped.value.refusal.extra["sheet"]["consent"]["recipient"] == ""
    given(kind=kind, recipient="")
    ex.consent_id = "c1"
    stage.on_request(ex)


def test_a_child_needs_a_guardian(house, route, owed, given, asked):
    stage = consent.compile([owed("consent.require", kind="guardian", unknown_age="ask")], route(), house)
    ex = asked(question=Question(("CN",), age="13"), language="en")
    with pytest.raises(Refusal) as refused:
        stage.on_request(ex)
    assert refused.value.code == "guardian_required"
    assert refused.value.extra["sheet"]["title"] == "Under 14: a guardian must agree"
    given(kind="guardian", recipient="")
    ex.consent_id = "c1"
    stage.on_request(ex)
    assert ex.met == ["consent"]


def test_an_unknown_age_is_noted_and_not_asked(house, route, owed, asked):
    ask = owed("consent.require", kind="guardian", unknown_age="ask", ask_age=True)
    stage = consent.compile([ask], route(), house)
    ex = asked()
    stage.on_request(ex)
    stage.on_request(ex)
    assert ex.notices == ["没有说明年龄；未适用儿童规则（PIPL 23）。"]


def test_a_service_for_minors_must_state_the_age(house, route, owed, asked):
    ask = owed("consent.require", kind="guardian", unknown_age="ask", ask_age=True)
    stage = consent.compile([ask], route(), msgspec.structs.replace(house, minors=frozenset({"acme"})))
    with pytest.raises(Refusal) as refused:
        stage.on_request(asked())
    assert refused.value.code == "age_required"


def test_an_age_bracket_that_the_line_cuts_must_be_stated_more_exactly(house, route, owed, asked):
    ask = owed("consent.require", kind="guardian", unknown_age="ask", ask_age=True)
    with pytest.raises(Refusal) as refused:
        consent.compile([ask], route(), house).on_request(asked(question=Question(("CN",), age="13-15")))
    assert refused.value.code == "age_required"
