import datetime as dt

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.operator import Operator
from isthmus.policy import duties
from isthmus.policy.duties import DECIDED, ORDER, Duty
from isthmus.policy.house import House
from isthmus.regions.schema import VERBS

HOUSE = House(Operator(), FakeClock(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)), {}, {})
ROUTE = Route("p/m", "p", "m", "partner", "openai_chat", "h", 1, False, "/", "m", "", True, "b", "t")


def owed(verb):
    return Obligation(verb, {}, "XX", "r", "d", (), dt.date(2026, 1, 1))


def duty(name, *verbs):
    return Duty(name, frozenset(verbs), lambda obligations, route, house: Stage(f"{name}:{len(obligations)}"))


def test_every_verb_has_a_duty_file_or_a_reason_why_none_is_needed():
    met = {verb for found in duties.discover() for verb in found.verbs}
    assert set(VERBS) - met == set(DECIDED)
    assert not met & set(DECIDED)
    assert all(DECIDED.values())


def test_no_duty_file_claims_a_verb_that_the_schema_does_not_have():
    assert {verb for found in duties.discover() for verb in found.verbs} <= set(VERBS)


def test_the_order_is_data_and_the_receipt_is_last():
    names = ["receipt", "label", "odd", "privacy", "moderation", "minors", "consent", "also"]
    ordered = [found.name for found in duties.in_order([duty(name) for name in names])]
    assert ordered == ["minors", "moderation", "privacy", "consent", "also", "odd", "label", "receipt"]
    assert ORDER[-1] == "receipt"


def test_a_persons_words_are_read_before_they_are_masked_and_an_answer_before_it_is_labelled():
    names = [found.name for found in duties.discover()]
    assert names.index("moderation") < names.index("privacy") < names.index("label")


def test_a_suspended_person_is_turned_away_before_another_question_is_read():
    names = [found.name for found in duties.discover()]
    assert names.index("strikes") < names.index("moderation")


def test_a_stage_gets_the_obligations_of_its_verbs_only():
    built = duties.stages([duty("one", "scan"), duty("two", "mask")], [owed("scan"), owed("scan")], ROUTE, HOUSE)
    assert [stage.name for stage in built] == ["one:2"]


def test_a_duty_that_owes_nothing_on_this_route_has_no_stage():
    nothing = Duty("one", frozenset(("scan",)), lambda obligations, route, house: None)
    assert duties.stages([nothing], [owed("scan")], ROUTE, HOUSE) == ()


def test_a_verb_that_no_duty_knows_stays_an_obligation():
    assert duties.stages([duty("one", "scan")], [owed("channel.offer")], ROUTE, HOUSE) == ()
