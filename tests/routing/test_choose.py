"""Which lawful routes may answer, in order: a caller may narrow the decision, and nothing can widen it."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Citation, Decision, Plan, Question, Route, RuledOut
from isthmus.core.errors import Refusal
from isthmus.routing.breaker import FAILURES, Breakers
from isthmus.routing.choose import Chooser, answers_to, no_lawful_route

CN = Question(("CN",))
LAW = Citation("s", "Interim Measures", "Article 20", "regulation", date(2023, 8, 15))
NAMES = ("local", "doubao", "openai", "doubao-pro", "local/m", "doubao/m-pro", "openai/m-gpt", "m", "m-pro", "m-gpt")


def plan(name, tier="partner", aliases=()):
    partner, _, model = name.partition("/")
    return Plan(
        route=Route(
            name=name, partner=partner, model=model, tier=tier, dialect="openai_chat", host="h", port=1, tls=False,
            path="/", wire_model=model, key_env="", rehearsal=True, badge=partner, title=partner, aliases=aliases,
        ),
        obligations=(), stages=(), on_request=(), awaited=(), on_event=(), on_response=(),
    )  # fmt: skip


LOCAL = plan("local/m", "private")
DOUBAO = plan("doubao/m-pro", aliases=("doubao-pro",))
OPENAI_OUT = RuledOut("openai/m-gpt", "not offered in CN", "CN.route", (LAW, LAW))


def decision(*plans, out=(OPENAI_OUT,), refusal="", digest="d1", question=CN):
    return Decision(question, "serve", plans, out, digest, refusal=refusal)


@pytest.fixture
def breakers():
    return Breakers(FakeClock(datetime(2026, 9, 1, tzinfo=UTC)))


@pytest.fixture
def chooser(breakers):
    return Chooser(breakers, NAMES)


def names(plans):
    return [each.route.name for each in plans]


def test_auto_means_every_lawful_route_in_the_decisions_order(chooser):
    assert chooser.choose(decision(LOCAL, DOUBAO), "auto") == (LOCAL, DOUBAO)


@pytest.mark.parametrize("word", ["doubao", "m-pro", "doubao/m-pro", "doubao-pro", "partner"])
def test_a_partner_a_model_a_route_an_alias_or_a_tier_narrows(chooser, word):
    assert chooser.choose(decision(LOCAL, DOUBAO), word) == (DOUBAO,)
    assert answers_to(DOUBAO, word)
    assert not answers_to(LOCAL, word)


@pytest.mark.parametrize("word", ["openai", "m-gpt", "openai/m-gpt"])
def test_a_route_that_is_not_lawful_here_is_refused_with_its_law(chooser, word):
    with pytest.raises(Refusal) as caught:
        chooser.choose(decision(LOCAL, DOUBAO), word)
    assert caught.value.code == "no_lawful_route"
    assert caught.value.extra == {
        "decision": "d1",
        "law": [{"title": "Interim Measures", "article": "Article 20", "since": "2023-08-15"}],
        "lawful": ["local/m", "doubao/m-pro"],
    }
    assert "openai/m-gpt: not offered in CN" in caught.value.sentence()


def test_a_tier_that_has_no_lawful_route_is_refused_by_law_and_not_as_unknown(chooser):
    with pytest.raises(Refusal) as caught:
        chooser.choose(decision(LOCAL), "partner")
    assert caught.value.code == "no_lawful_route"


@pytest.mark.parametrize(("word", "shown"), [("gpt-99", "gpt-99"), ("a\nb", "-"), ("x" * 65, "-"), ("", "")])
def test_a_word_nobody_knows_is_an_unknown_model_and_shown_only_when_it_is_harmless(chooser, word, shown):
    with pytest.raises(Refusal) as caught:
        chooser.choose(decision(LOCAL), word)
    assert (caught.value.code, caught.value.fields["model"]) == ("unknown_model", shown)


def test_when_nothing_is_lawful_the_decisions_own_sentence_is_given():
    refusal = no_lawful_route(decision(refusal="Nobody may answer."), "auto")
    assert "Nobody may answer." in refusal.sentence()


def test_the_reasons_of_at_most_three_routes_are_told_each_once():
    out = [RuledOut(f"openai/{name}", "reason") for name in "aabcd"]
    assert no_lawful_route(decision(out=out), "auto").fields["reason"] == "openai/a: reason; openai/b: reason"


def test_a_resting_route_goes_to_the_end_and_stays_in_the_list(chooser, breakers):
    for _ in range(FAILURES):
        breakers.failed("local/m")
    assert chooser.choose(decision(LOCAL, DOUBAO), "auto") == (DOUBAO, LOCAL)
    breakers.answered("local/m")
    assert chooser.choose(decision(LOCAL, DOUBAO), "auto") == (LOCAL, DOUBAO)


def test_two_decisions_never_share_their_routes(chooser):
    assert chooser.choose(decision(LOCAL, DOUBAO), "auto") == (LOCAL, DOUBAO)
    assert chooser.choose(decision(LOCAL, question=Question(("EU",))), "auto") == (LOCAL,)
    assert chooser.choose(decision(DOUBAO, digest="d2"), "auto") == (DOUBAO,)


def test_a_flood_of_words_does_not_fill_the_memory(chooser):
    many = tuple(plan(f"p/m{number}", "private") for number in range(2))
    for number in range(5000):
        chooser.choose(decision(*many, digest=str(number)), "auto")
    assert len(chooser._known) <= 4097
    assert chooser.choose(decision(*many), "auto") == many


@given(
    listed=st.lists(st.sampled_from([LOCAL, DOUBAO, plan("openai/m-gpt")]), unique_by=lambda each: each.route.name),
    word=st.sampled_from(("auto", "private", "partner", "device", *NAMES, "gpt-99")),
    failures=st.lists(st.sampled_from(["local/m", "doubao/m-pro", "openai/m-gpt"]), max_size=20),
)
def test_whatever_is_asked_and_whatever_fails_no_route_outside_the_decision_is_chosen(listed, word, failures):
    breakers = Breakers(FakeClock(datetime(2026, 9, 1, tzinfo=UTC)))
    for route in failures:
        breakers.failed(route)
    meant = [each for each in listed if answers_to(each, word)]
    chooser = Chooser(breakers, NAMES)
    if meant:
        assert sorted(names(chooser.choose(decision(*listed), word))) == sorted(names(meant))
    else:
        with pytest.raises(Refusal):
            chooser.choose(decision(*listed), word)
