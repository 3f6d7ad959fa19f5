"""Who judges an answer, what they are shown of it, and what their verdicts mean."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from scripted_judge import Scripted

from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.policy import judged_answer
from isthmus.policy.guards import Guard, Judged, Pieces
from isthmus.policy.judge import JudgeError, Verdict

BOTH = {"side": ("input", "output"), "on_error": "block"}


@pytest.fixture
def hearing(house, route, owed, asked):
    """hearing(judges, ex=None, rule=..., **of the guard's judges): the exchange after the duty's own moment."""

    def make(judges, ex=None, rule=BOTH, guard=None, **own):
        guard = guard or Guard(judge=tuple(Judged(name, **{"of": "answer", **own}) for name in judges))
        made = msgspec.structs.replace(house, guards={("", ""): guard}, judges=judges)
        stage = judged_answer.compile([owed("scan", **rule)], route(), made)
        ex = ex or asked("x")
        stage.on_request(ex)
        return ex

    return make


def say(ex, **texts):
    return asyncio.run(ex.judged.ask(ex, texts or {"content": "words"}))


def test_a_house_in_which_nobody_judges_answers_has_no_stage(house, route, owed):
    guards = {("", ""): Guard(judge=(Judged("j"),))}
    made = msgspec.structs.replace(house, guards=guards, judges={"j": Scripted([])})
    assert judged_answer.compile([owed("scan", **BOTH)], route(), made) is None
    assert judged_answer.compile([owed("scan", **BOTH)], route(), house) is None


def test_a_caller_whose_answers_nobody_judges_has_no_hearing(house, route, owed, asked):
    guards = {("", "other"): Guard(tenant="other", judge=(Judged("j", of="answer"),))}
    made = msgspec.structs.replace(house, guards=guards, judges={"j": Scripted([])})
    ex = asked("x")
    ex.judged = "of an earlier route"
    judged_answer.compile([owed("scan", **BOTH)], route(), made).on_request(ex)
    assert ex.judged is None


def test_judges_are_asked_in_turn_and_the_first_to_block_ends_it(hearing):
    judges = {"a": Scripted([Verdict("odd", "flag")]), "b": Scripted([Verdict("hate", "block")]), "c": Scripted([])}
    ex = hearing(judges)
    assert say(ex) == "b.hate"
    assert judges["c"].seen == []
    assert ex.met == ["judged_answer", "flag_answer:a.odd"]


def test_the_operator_may_say_otherwise_per_category(hearing):
    verdicts = [Verdict("hate", "block"), Verdict("odd", "block"), Verdict("sad", "flag")]
    ex = hearing({"j": Scripted(verdicts)}, actions={"hate": "pass", "odd": "flag", "sad": "block"})
    assert say(ex) == "j.sad"
    assert ex.met == ["judged_answer", "flag_answer:j.odd"]


@pytest.mark.parametrize("said", ["silence", JudgeError("down")])
@pytest.mark.parametrize(
    ("rule", "on_error", "passes"),
    [
        (BOTH, "", False),
        ({"side": ("output",)}, "", True),
        ({"side": ("input",), "on_error": "block"}, "", True),
        (BOTH, "pass", True),
        ({"side": ("output",)}, "block", False),
    ],
)
def test_a_silent_judge_counts_as_the_operator_or_else_the_rule_for_answers_says(
    said, rule, on_error, passes, hearing
):  # fmt: skip
    ex = hearing({"j": Scripted(said)}, rule=rule, on_error=on_error, deadline_ms=20)
    if passes:
        assert say(ex) == ""
        assert "unjudged_answer:j" in ex.met
    else:
        with pytest.raises(Refusal) as refused:
            say(ex)
        assert refused.value.code == "answer_not_judged"


def test_a_judge_sees_escapes_as_what_they_mean(hearing):
    judge = Scripted([])
    ex = hearing({"j": judge})
    say(ex, **{"content": "a \\u8d4c b \\n", "tool:0": '{"a": "\\u8d4c\\n"}', "reasoning_content": "c"})
    assert judge.seen == [["a 赌 b \\n", '{"a": "赌\n"}', "c"]]


def test_where_details_are_masked_no_judge_sees_those_that_the_partner_brought(hearing):
    judge = Scripted([])
    ex = hearing({"j": judge})
    say(ex, content="call 13812345678")
    ex.met.append("privacy")
    say(ex, content="call 13812345678 for [TELE-4F7K2M9Q]")
    (plain,), (masked,) = judge.seen
    assert plain == "call 13812345678"
    assert masked.startswith("call [TELE-")
    assert masked.endswith("] for [TELE-4F7K2M9Q]")


def test_names_are_masked_for_the_judge_where_they_are_for_the_partner(hearing):
    judge = Scripted([])
    ex = hearing({"j": judge}, guard=Guard(names=True, judge=(Judged("j", of="answer"),)))
    ex.met.append("privacy")
    say(ex, content="My name is John Smith and I live here.")
    assert "Smith" not in judge.seen[0][0]


def test_a_whole_answer_is_judged_in_pieces_until_one_is_blocked(hearing):
    class Bad(Scripted):
        async def judge(self, texts, *, answer=False):
            await super().judge(texts)
            return [Verdict("hate", "block")] if "bad" in texts[0] else []

    judge = Bad([])
    guard = Guard(judge=(Judged("j", of="answer"),), pieces=Pieces(least=1, most=5, whole=10, overlap=0))
    ex = hearing({"j": judge}, guard=guard)
    assert asyncio.run(ex.judged.whole(ex, {"content": "字" * 100})) == ""
    assert len(judge.seen) == 10
    judge.seen.clear()
    assert asyncio.run(ex.judged.whole(ex, {"content": "字" * 20 + "bad" + "字" * 100})) == "j.hate"
    assert len(judge.seen) <= judged_answer.AHEAD
    assert asyncio.run(ex.judged.whole(ex, {})) == ""


def test_a_judge_is_asked_of_the_side_the_region_and_the_feature_it_is_for(hearing, asked):
    one = {"j": Scripted([])}
    assert hearing(one, of="both").judged is not None
    assert hearing(one, asked("x", question=Question(("CN",), "translate")), features=("assistant",)).judged is None
    assert hearing(one, asked("x", question=Question(("CN",), "translate")), features=("translate",)).judged is not None
    assert hearing(one, regions=("US",)).judged is None
    assert hearing(one, regions=("US", "CN")).judged is not None


def test_a_judge_that_may_not_read_here_ends_the_question_or_is_passed_over(hearing, asked, owed, plan):
    abroad = {"j": Scripted([], places=("US",)), "k": Scripted([])}

    def asking():
        ex = asked("x")
        ex.plan = msgspec.structs.replace(plan(), obligations=(owed("residency", process=("CN",)),))
        return ex

    with pytest.raises(Refusal) as refused:
        hearing(abroad, asking())
    assert refused.value.code == "no_lawful_route"
    ex = hearing(abroad, asking(), on_error="pass")
    assert ex.met == ["unjudged_answer:j"]
    assert say(ex) == ""
    assert abroad["j"].seen == []
    assert len(abroad["k"].seen) == 1
    assert hearing({"j": abroad["j"]}, asking(), on_error="pass").judged is None


def test_an_answer_that_was_stopped_ends_as_a_filtered_one_whatever_its_partner_said(house, route, owed, asked):
    guards = {("", ""): Guard(judge=(Judged("j", of="answer"),))}
    made = msgspec.structs.replace(house, guards=guards, judges={"j": Scripted([])})
    stage = judged_answer.compile([owed("scan", **BOTH)], route(), made)
    ex = asked("x")
    ex.finish = "stop"
    stage.on_response(ex)
    assert ex.finish == "stop"
    judged_answer.stop(ex, "j.hate")
    ex.finish = "stop"
    stage.on_response(ex)
    assert (ex.finish, ex.blocked) == ("content_filter", "j.hate")
