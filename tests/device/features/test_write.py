"""Write: what was described, and not more than was asked for."""

from __future__ import annotations

from isthmus.device.features.write import FEATURE


def test_tone_and_length_stand_in_the_prompt(task) -> None:
    system = FEATURE.render(task("write", "Thank Anna for the scarf.", tone="formal", length="medium")).messages[0][
        "content"
    ]
    assert "formal and polite" in system
    assert "about 6 sentences" in system


def test_an_answer_without_end_is_too_long(task) -> None:
    fits = FEATURE.checks[-1]
    asked = task("write", "Thank Anna for the scarf.")
    assert fits(asked, "Thank you, Anna. " * 60) == "it is too long"
    assert fits(asked, "Dear Anna, thank you for the scarf.") == ""
