"""The quality gate: what a small model gets wrong is caught, what it gets right passes."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.device import gate
from isthmus.device.voice import Said


@pytest.fixture
def rewrite(task):
    return lambda text, **options: task("rewrite", text, **options)


def reasons(task, answer, **said):
    return gate.examine(task, answer, Said(text=answer, finish="stop", **said))


def test_a_good_answer_passes(rewrite) -> None:
    assert reasons(rewrite("Send me the 3 reports by Friday."), "Please send me the 3 reports by Friday.") == []


@pytest.mark.parametrize(("answer", "reason"), [
    ("", "it is empty"), ("I'm sorry, but I can't assist with that.", "the model declined"),
    ("Send Anna the 3 reports by Friday!", "it is a copy of the source"), ("Please send Anna the reports soon.", "2 numbers"),
    ("Please send Anna the 3 reports by Friday at 10.", "1 numbers"), ("Please send the 3 reports by Friday.", "1 names"),
    ("Dear Anna and Bob, please send the 3 reports by Friday.", "1 names are not"),
    ("请在周五之前把3份报告发给Anna。", "not in the language"), ("Please. " * 40 + "Anna 3 Friday", "it repeats itself"),
])  # fmt: skip
def test_a_bad_answer_fails_with_its_reason(rewrite, answer: str, reason: str) -> None:
    found = reasons(rewrite("Send Anna the 3 reports by Friday."), answer)
    assert any(reason in each for each in found), found


def test_reasons_hold_no_content(rewrite) -> None:
    found = reasons(rewrite("Tell Zebulon 4471."), "Tell Xerxes 9982.")
    assert len(found) >= 3
    assert not any(word in reason for reason in found for word in ("Zebulon", "Xerxes", "4471", "9982"))


def test_an_answer_cut_off_or_unsure_fails(rewrite) -> None:
    asked = rewrite("Send me the report.")
    assert gate.examine(asked, "Please send it.", Said(finish="length")) == ["it was cut off at its longest length"]
    assert "not sure" in reasons(asked, "Please send me the report.", logprobs=[-3.0, -4.0])[0]


def test_confidence_is_between_nothing_and_one_and_falls_with_the_worst_stretch() -> None:
    assert gate.confidence(Said()) is None
    assert gate.confidence(Said(logprobs=[0.0, 0.0])) == 1.0
    even = gate.confidence(Said(logprobs=[-0.5] * 32))
    broken = gate.confidence(Said(logprobs=[-0.1] * 24 + [-1.7] * 8))
    assert broken < even < 1


def test_a_loop_is_seen_in_any_language(rewrite) -> None:
    asked = rewrite("说说天气。")
    assert gate.no_loop(asked, "今天天气很好很好。" * 3)
    assert gate.no_loop(asked, "很好" * 100)
    assert not gate.no_loop(asked, "今天天气很好，适合去公园走走，也适合在家看书。")


def test_short_answers_and_mixed_ones_are_not_judged_by_language(task) -> None:
    asked = task("translate", "你好", target_language="en")
    assert gate.right_language(asked, "Hi") == ""
    assert gate.right_language(asked, "42") == ""
    assert gate.right_language(asked, "Wir kommen morgen nicht, und das ist schade.")
    nowhere = msgspec.structs.replace(asked, target="und")
    assert gate.right_language(nowhere, "Wir kommen morgen nicht, und das ist schade.") == ""


def test_lengths_are_held_against_the_source(rewrite) -> None:
    asked = rewrite("word " * 40)
    assert gate.length_between(0.5, 1.5, 0)(asked, "word") == "it is too short"
    assert gate.length_between(0.5, 1.5, 0)(asked, "word " * 80) == "it is too long"
    assert gate.shorter_than(0.5)(asked, "word " * 39) == "it is too long"
    assert gate.close_to_source(0.6)(asked, "other text") == "it changes more than mistakes"


def test_a_summary_without_any_fact_of_its_source_says_too_little(task) -> None:
    asked = task("summarize", "The library is closed from 3 to 10 August.", type="tldr")
    assert gate.some_facts_kept(asked, "The library is closed.")
    assert not gate.some_facts_kept(asked, "Closed until 10 August.")
    assert not gate.some_facts_kept(task("summarize", "The library is closed."), "Closed.")


def test_a_word_left_in_the_other_script_is_not_translated(task) -> None:
    asked = task("translate", "I lost my suitcase, write to jo@mail.example or Anna.", target_language="zh")
    assert gate.all_translated(asked, "我丢了 suitcase。") == "1 words are not translated"
    assert gate.all_translated(asked, "我丢了箱子，写信给 jo@mail.example 或 Anna。") == ""
    assert gate.all_translated(task("translate", "Bonjour", target_language="en"), "bonjour") == ""
