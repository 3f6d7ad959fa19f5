import datetime as dt

import pytest

from isthmus.core.decision import AGES, Citation, Question
from isthmus.core.errors import Refusal
from isthmus.core.operator import Facts
from isthmus.policy.bind import Bound, boundaries, in_force, index, market_day
from isthmus.regions.schema import Grace, Region, Reviewed, Rule, When

DAY = dt.date(2026, 8, 2)
LEGACY = dt.date(2026, 12, 2)


def rule(**changes):
    law = (Citation("act", "Act", "1", "law", DAY),)
    return Rule(
        **{"region": "XX", "name": "r", "duty": "d", "law": law, "check": "scan", "since": DAY, "values": {}, **changes}
    )


REGION = Region("XX", "X", ("DE",), ("XX",), (), (), Reviewed("", DAY, "draft"), (), (), "")


def bound(facts=Facts(), **changes):  # noqa: B008  # facts are frozen
    return Bound(rule(**changes), REGION, facts)


def binds(when, **words):
    found = index([bound(when=when)])
    return bool(found.taken(found.bits(Question(("XX",), **words))))


def test_a_rule_binds_from_its_first_day_until_the_day_before_its_last():
    law = rule(until=LEGACY)
    assert not in_force(law, DAY - dt.timedelta(days=1), Facts())
    assert in_force(law, DAY, Facts())
    assert in_force(law, LEGACY - dt.timedelta(days=1), Facts())
    assert not in_force(law, LEGACY, Facts())


@pytest.mark.parametrize(
    ("placed", "binding"), [("2026-08-01", False), ("2026-08-02", True), ("", True), ("rehearsal", True)]
)
def test_grace_is_for_services_that_were_on_the_market_before(placed, binding):
    law = rule(grace=Grace(until=LEGACY, placed_before=DAY))
    facts = Facts(market_date=placed)
    assert in_force(law, LEGACY - dt.timedelta(days=1), facts) is binding
    assert in_force(law, LEGACY, facts)


def test_a_market_date_is_a_day_or_unknown():
    assert market_day(Facts(market_date="2026-08-02")) == DAY
    assert market_day(Facts(market_date="rehearsal")) is None


def test_boundaries_are_every_day_on_which_something_begins_or_ends():
    laws = [rule(until=dt.date(2030, 1, 1), grace=Grace(until=LEGACY, placed_before=DAY)), rule()]
    assert boundaries(laws) == [DAY, LEGACY, dt.date(2030, 1, 1)]


def test_words_narrow_together():
    when = When(feature=("assistant",), data=("personal",))
    assert binds(when)
    assert not binds(when, feature="agent")
    assert not binds(when, data="none")


def test_each_exception_lifts_alone():
    found = index([bound(excepted={"feature": ("proofread",), "content": ("source_code",)})])
    assert found.taken(found.bits(Question(("XX",))))
    assert not found.taken(found.bits(Question(("XX",), feature="proofread")))
    assert not found.taken(found.bits(Question(("XX",), content="source_code")))


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [
        ("minor", {"under13": "yes", "13": "yes", "13-15": "yes", "14-15": "no", "adult": "no", "unknown": "yes"}),
        ("adult", {"under13": "yes", "13": "yes", "13-15": "no", "14-15": "no", "adult": "no", "unknown": "no"}),
        ("ask", {"under13": "yes", "13": "yes", "13-15": "ask", "14-15": "no", "adult": "no", "unknown": "ask"}),
    ],
)
def test_a_bracket_that_the_line_cuts_goes_by_the_rules_word_for_unknown_age(unknown, expected):
    found = index([bound(when=When(age_under=14, unknown_age=unknown))])
    for age, says in expected.items():
        taken = found.taken(found.bits(Question(("XX",), age=age)))
        assert ("ask" if taken and taken[0].asks else "yes" if taken else "no") == says, age
        assert len(taken) <= 1


def test_a_rule_without_an_age_binds_every_age():
    assert all(binds(When(), age=age) for age in AGES)


def test_a_word_that_is_not_closed_is_refused():
    with pytest.raises(Refusal) as caught:
        index([]).bits(Question(("XX",), feature="telepathy"))
    assert caught.value.fields["field"] == "feature"


def test_two_rules_meet_only_where_some_question_falls_under_both():
    child, adult = When(age_under=13, unknown_age="adult"), When(data=("none",))
    sensitive = When(data=("sensitive",))
    found = index([bound(when=child), bound(when=adult), bound(when=sensitive)])
    assert found.together(0, 1)
    assert found.together(0, 2)
    assert not found.together(1, 2)
