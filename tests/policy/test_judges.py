"""Judges: asked in turn, with a deadline, and with a rule for the case that one is silent."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scripted_judge import Scripted

from isthmus.core.errors import Refusal
from isthmus.policy import attacks, judges
from isthmus.policy.attack_model import AttackModel
from isthmus.policy.guards import Guard, Judged
from isthmus.policy.judge import JudgeError, Verdict


@pytest.fixture
def ask(house, route, owed):
    """ask(ex, judge, on_error_of_the_rule, **of_the_guard): run the awaited stage of a house with this judge."""

    def make(ex, judge, rule="block", **own):
        guard = Guard(judge=(Judged("j", **{"deadline_ms": 20, **own}),))
        made = msgspec.structs.replace(house, guards={("", ""): guard}, judges={"j": judge})
        stage = attacks.compile([owed("scan", on_error=rule)], route(), made)
        asyncio.run(stage.awaited(ex))

    return make


def test_a_verdict_to_block_refuses_with_category_and_law(ask, asked):
    ex = asked("secret words", language="en")
    with pytest.raises(Refusal) as refused:
        ask(ex, Scripted([Verdict("hate", "block")]))
    assert refused.value.code == "content_blocked"
    assert ex.blocked == "j.hate"
    assert "PIPL 23" in refused.value.sentence()
    assert "secret" not in refused.value.sentence()


def test_a_verdict_to_flag_is_told_to_the_receipt_once(ask, asked):
    ex = asked("x")
    ask(ex, Scripted([Verdict("hate", "flag"), Verdict("hate", "flag")]))
    assert (ex.met, ex.blocked) == (["flag:j.hate"], "")


def test_the_operator_may_say_otherwise_per_category(ask, asked):
    ex = asked("x")
    ask(ex, Scripted([Verdict("hate", "block"), Verdict("odd", "block")]), actions={"hate": "pass", "odd": "flag"})
    assert ex.met == ["flag:j.odd"]


@pytest.mark.parametrize("said", ["silence", JudgeError("down")])
def test_a_silent_judge_blocks_where_the_rule_says_so_and_passes_where_it_does_not(said, ask, asked):
    with pytest.raises(Refusal) as refused:
        ask(asked("x"), Scripted(said), rule="block")
    assert refused.value.code == "not_judged"
    ex = asked("x")
    ask(ex, Scripted(said), rule="pass")
    assert ex.met == ["unjudged:j"]


def test_the_operators_word_counts_before_the_rules(ask, asked):
    ex = asked("x")
    ask(ex, Scripted("silence"), rule="block", on_error="pass")
    assert ex.met == ["unjudged:j"]
    with pytest.raises(Refusal):
        ask(asked("x"), Scripted("silence"), rule="pass", on_error="block")


def test_a_judge_sees_what_leaves_and_not_the_operators_prompt(ask, asked):
    ex = asked(("system", "own"), [{"type": "text", "text": "call 13812345678"}], "bye", "")
    ex.rewritten = msgspec.json.encode(
        [{"role": "system", "content": "own"}, {"role": "user", "content": [{"type": "text", "text": "call [TELE-1]"}]},
         {"role": "user", "content": "bye"}, {"role": "user", "content": ""}, {"role": "assistant", "content": None}]
    )  # fmt: skip
    judge = Scripted([])
    ask(ex, judge)
    assert judge.seen == [["call [TELE-1]", "bye"]]


def test_who_is_not_guarded_is_not_judged(house, route, owed, asked):
    judge = Scripted([Verdict("x", "block")])
    guards = {("", "another"): Guard(tenant="another", judge=(Judged("j"),))}
    made = msgspec.structs.replace(house, guards=guards, judges={"j": judge})
    asyncio.run(attacks.compile([owed("scan", on_error="block")], route(), made).awaited(asked("x")))
    assert judge.seen == []


def test_the_judges_that_are_named_are_loaded_once(tmp_path):
    guard = Guard(judge=(Judged("attack_model"), Judged("openai")))
    found = judges.load(tmp_path, {("", ""): guard, ("", "a"): guard}, {"OPENAI_API_KEY": "k"})
    assert list(found) == ["attack_model", "openai"]
    assert isinstance(found["attack_model"], AttackModel)


@pytest.mark.parametrize("name", ["nobody", "../openai"])
def test_a_judge_that_there_is_not_is_refused(name, tmp_path):
    with pytest.raises(Refusal) as refused:
        judges.load(tmp_path, {("", ""): Guard(judge=(Judged(name),))}, {})
    assert refused.value.code == "bad_law"


def test_a_judge_of_answers_alone_is_not_asked_about_a_question(ask, asked):
    judge = Scripted([Verdict("hate", "block")])
    ask(asked("x"), judge, of="answer")
    assert judge.seen == []
    with pytest.raises(Refusal):
        ask(asked("x"), judge, of="both")


def test_a_judge_for_another_region_or_feature_is_not_asked(ask, asked):
    judge = Scripted([Verdict("hate", "block")])
    ask(asked("x"), judge, regions=("US",))
    ask(asked("x"), judge, features=("translate",))
    assert judge.seen == []


def test_a_judge_that_may_not_read_here_is_not_asked_and_counts_as_silent(ask, asked, owed, plan):
    judge = Scripted([], places=("US",))

    def asking():
        ex = asked("x")
        ex.plan = msgspec.structs.replace(plan(), obligations=(owed("residency", process=("CN",)),))
        return ex

    with pytest.raises(Refusal) as refused:
        ask(asking(), judge)
    assert refused.value.code == "no_lawful_route"
    assert "US, not in CN" in refused.value.sentence()
    ex = asking()
    ask(ex, judge, on_error="pass")
    assert ex.met == ["unjudged:j"]
    assert judge.seen == []
