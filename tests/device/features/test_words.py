"""How features speak to a model, and how they tidy what it says."""

from __future__ import annotations

import pytest

from isthmus.device.features import _words


@pytest.mark.parametrize(("said", "kept"), [
    ("Sure! Here is the rewritten text: Hello there.", "Hello there."), ("```text\nHello\n```", "Hello"), ('"Hello."', "Hello."),
    ("改写后：你好。", "你好。"), ("好的，以下是翻译：你好", "你好"), ("Translation: Hi", "Hi"), ("  Hello  ", "Hello"),
    ("Here we go: again", "Here we go: again"), ("Summary:", "Summary:"),
])  # fmt: skip
def test_what_models_add_around_an_answer_goes(task, said: str, kept: str) -> None:
    assert _words.tidy(task("rewrite", "Hi you"), said) == kept


def test_what_the_source_has_itself_stays(task) -> None:
    assert _words.tidy(task("rewrite", '"Quoted" is quoted.'), '"Quoted."') == '"Quoted."'
    assert _words.tidy(task("rewrite", "Translation: x"), "Translation: y") == "Translation: y"


def test_an_answer_of_nothing_is_no_answer(task) -> None:
    with pytest.raises(ValueError, match="empty"):
        _words.parse_text(task("rewrite", "Hi"), "  ")


def test_contexts_and_the_language_of_the_answer_are_told(task) -> None:
    asked = task("rewrite", "你好，请来", shared_context="公司内部", context="给老板", output_language="en")
    system = asked.feature.render(asked).messages[0]["content"]
    assert "公司内部" in system
    assert "给老板" in system
    assert "英文" in system
    same = task("rewrite", "Please come to the office")
    assert "Answer in" not in same.feature.render(same).messages[0]["content"]


def test_plain_text_has_no_marks(task) -> None:
    said = "# Plan\n- **One** and `two`\n> three * four"
    assert (
        _words.parse_text(task("write", "Make a plan", format="plain-text"), said) == "Plan\nOne and two\nthree * four"
    )
    assert _words.parse_text(task("write", "Make a plan"), said) == said
