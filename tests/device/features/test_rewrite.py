"""Rewrite: tone and length reach the prompt, and the answer's length is held against them."""

from __future__ import annotations

import pytest

from isthmus.device.features.rewrite import FEATURE

LONG = "I am writing to you because I wanted to tell you that the chairs will be delivered on Thursday."


@pytest.mark.parametrize(("options", "word"), [
    ({"tone": "more-formal"}, "formal"), ({"tone": "more-casual"}, "casual"), ({"length": "shorter"}, "shorter"),
    ({"length": "longer"}, "longer"), ({}, "clearly"),
])  # fmt: skip
def test_the_wish_stands_in_the_prompt(task, options: dict, word: str) -> None:
    asked = task("rewrite", LONG, **options)
    assert word in FEATURE.render(asked).messages[0]["content"]


def test_a_shorter_text_must_be_shorter(task) -> None:
    fits = FEATURE.checks[-1]
    asked = task("rewrite", LONG, length="shorter")
    assert fits(asked, LONG + " Really.") == "it is too long"
    assert fits(asked, "The chairs come on Thursday.") == ""
    assert fits(task("rewrite", LONG, length="longer"), "Short.") == "it is too short"
