"""Proofread: the corrected text, and where and what each correction is."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.device import gate
from isthmus.device.device import make_task
from isthmus.device.features.proofread import FEATURE, Proofread, differences, kind_of, none_dropped, none_left
from isthmus.device.voice import Said


def applied(source: str, corrections) -> str:
    at, made = 0, ""
    for each in corrections:
        made += source[at : each.start_index] + each.correction
        at = each.end_index
    return made + source[at:]


@pytest.mark.parametrize(("source", "corrected"), [
    ("I has a apple", "I have an apple."), ("他跑的很快", "他跑得很快。"), ("  lead and tail  ", "Lead and tail."),
    ("same", "same"), ("a b c", "c b a"),
    ("One. Too. Three!\nFour", "One. Two! Three.\n\nFive. Six"), ("他来了。我去在。", "他来了，我再去。"), (". . .", "."),
])  # fmt: skip
def test_corrections_turn_the_source_into_the_corrected_text(task, source: str, corrected: str) -> None:
    value = FEATURE.parse(task("proofread", source), corrected)
    assert applied(source, value.corrections) == value.corrected_input
    assert value.corrected_input.strip() == corrected


def test_a_long_text_is_compared_sentence_by_sentence() -> None:
    source = " ".join(f"The roof of house {number} leaks." for number in range(2000)) + " She recieved it. Nobody knew."
    (found,) = differences(source, source.replace("recieved", "received"))
    assert source[found.start_index : found.end_index] == "recieved"


def test_a_word_is_the_smallest_correction() -> None:
    found = differences("She recieved it", "She received it")
    assert [(each.start_index, each.end_index, each.correction) for each in found] == [(4, 12, "received")]


@pytest.mark.parametrize(("before", "after", "kind"), [
    ("recieved", "received", "spelling"), ("monday", "Monday", "capitalization"), ("", ".", "punctuation"), ("dont", "don't", "punctuation"),
    ("has a", "have an", "grammar"), ("go", "went", "grammar"), ("的", "得", "spelling"), ("", "the", "grammar"),
])  # fmt: skip
def test_each_correction_has_its_kind(before: str, after: str, kind: str) -> None:
    assert kind_of(before, after) == kind


def test_kinds_and_explanations_come_when_asked_for_and_in_the_webs_names(task) -> None:
    plain = FEATURE.parse(task("proofread", "on monday"), "on Monday")
    assert msgspec.to_builtins(plain) == {
        "correctedInput": "on Monday",
        "corrections": [{"startIndex": 3, "endIndex": 9, "correction": "Monday"}],
    }
    asked = task("proofread", "on monday", includeCorrectionTypes=True, includeCorrectionExplanations=True)
    (each,) = FEATURE.parse(asked, "on Monday").corrections
    assert each.types == ["capitalization"]
    assert each.explanation


def test_the_prompt_shows_worked_examples_in_the_language_of_the_text(task) -> None:
    asked = task("proofread", "我门明天去。")
    prompt = FEATURE.render(asked)
    assert prompt.messages[-1]["content"] == "我门明天去。"
    assert "校对" in prompt.messages[0]["content"]
    assert FEATURE.show(asked, FEATURE.parse(asked, "我们明天去。")) == "我们明天去。"


def test_a_mistake_that_every_reader_sees_is_not_let_through():
    def left(text, corrected):
        task = make_task("proofread", text, {})
        return none_left(task, Proofread(corrected, []))

    assert left("I recieve it on monday.", "I receive it on monday.") == "1 known mistakes are left"
    assert left("他以经走了。", "他以经走了。") != ""
    assert left("I recieve it on monday.", "I receive it on Monday.") == ""


@pytest.mark.parametrize(
    "right",
    [
        "You and I are friends. Does she have time, or did it work?", "Let it go; she let him go.",
        "Your right hand and your late father's watch.", "A bit more then. Since the days of old.",
        "I told him and he was glad.", "十二个人坐在一起，第二个是我。", "大象一家很高兴的样子。", "就象征意义来说，曾经长大的地方非常长。",
        "我写的很多书都在一次会议上送人了。", "认真的学生有认真的看法。", "但事情还应改为明天。",
    ],
)  # fmt: skip
def test_a_right_text_holds_no_known_mistake(right):
    assert none_left(make_task("proofread", right, {}), Proofread(right, [])) == ""


def test_an_answer_with_a_word_that_the_model_was_torn_over_is_doubtful(task) -> None:
    asked = task("proofread", "Please bring your pasport.")
    value = FEATURE.parse(asked, "Please bring your passport.")
    assert gate.examine(asked, value, Said(logprobs=[-0.1, -0.7, -0.1])) == []
    (reason,) = gate.examine(asked, value, Said(logprobs=[-0.01] * 30 + [-1.2]))
    assert reason.startswith(gate.TORN)


@pytest.mark.parametrize(("source", "corrected", "whole"), [
    ("我下个月要出差。", "我下个月出差。", False), ("吃个便饭。", "吃个饭。", False), ("忘在车了上。", "忘在车上了。", True), ("我们要爱户它。", "我们要爱护它。", True),
    ("他跑的的很快。", "他跑得很快。", True), ("他来", "他来了。", True), ("The the end", "The end.", True),
])  # fmt: skip
def test_a_correction_leaves_no_word_out(task, source: str, corrected: str, whole: bool) -> None:
    asked = task("proofread", source)
    assert (none_dropped(asked, FEATURE.parse(asked, corrected)) == "") is whole


def test_free_writing_may_choose_among_words(task) -> None:
    asked = task("rewrite", "Send me the report.")
    assert gate.examine(asked, "Please send me the report.", Said(logprobs=[-0.01] * 30 + [-1.2])) == []
