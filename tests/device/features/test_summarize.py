"""Summarize: four types, three lengths, two formats."""

from __future__ import annotations

import pytest

from isthmus.device.features.summarize import FEATURE

TEXT = (
    "The library is closed from 3 to 10 August. The roof is repaired. Books go to the town hall. Groups meet at school."
    " Children get free tickets for the pool, and the mayor thanks everybody for their patience in these hot weeks."
)


def parsed(task, said, **options):
    return FEATURE.parse(task("summarize", TEXT, **options), said)


def test_key_points_become_a_list_of_at_most_as_many_as_asked(task) -> None:
    said = "1. Closed 3 to 10 August\n2) Roof repaired\n* Books at town hall\n- Groups at school"
    assert parsed(task, said) == "- Closed 3 to 10 August\n- Roof repaired\n- Books at town hall"
    assert parsed(task, said, format="plain-text", length="long").splitlines()[3] == "Groups at school"
    assert parsed(task, "no marks\nat all") == "- no marks\n- at all"


def test_a_headline_is_one_line_without_a_stop(task) -> None:
    assert parsed(task, "# **Library closed in August.**\nmore", type="headline") == "Library closed in August"


def test_a_tldr_has_as_many_sentences_as_asked(task) -> None:
    assert parsed(task, "It is closed. The roof leaks. Go to school.", type="tldr") == "It is closed."
    assert parsed(task, "One is closed. Two leak.", type="teaser", length="medium") == "One is closed. Two leak."
    chinese = task("summarize", "图书馆八月闭馆。屋顶维修。", type="tldr", length="medium")
    assert FEATURE.parse(chinese, "闭馆。维修。") == "闭馆。维修。"


@pytest.mark.parametrize("kind", ["tldr", "headline", "key-points"])
def test_an_empty_answer_is_no_answer(task, kind: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        parsed(task, "  ", type=kind)


@pytest.mark.parametrize(("options", "said", "reason"), [
    ({"type": "headline"}, "word " * 20, "it is too long"), ({}, "- only one 3", "it has too few points"),
    ({"type": "tldr"}, "It is closed.", "no number"), ({"type": "tldr"}, TEXT[:215] + " 3", "it is too long"),
    ({"type": "tldr"}, "Closed until 10 August.", ""), ({"type": "headline"}, "Library closed", ""),
])  # fmt: skip
def test_the_form_is_checked(task, options: dict, said: str, reason: str) -> None:
    found = FEATURE.checks[-1](task("summarize", TEXT, **options), said)
    assert found.startswith(reason) if reason else found == ""


def test_the_prompt_names_the_number_and_the_language(task) -> None:
    asked = task("summarize", TEXT, type="key-points", length="medium", output_language="zh")
    system = FEATURE.render(asked).messages[0]["content"]
    assert "5 most important" in system
    assert "Chinese" in system
    chinese = FEATURE.render(task("summarize", "图书馆闭馆。", type="headline")).messages[0]["content"]
    assert "24个字" in chinese
