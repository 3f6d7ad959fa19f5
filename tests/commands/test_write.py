"""`isthmus write`: its options reach the feature, its answer the person."""

from __future__ import annotations

import json

TEXT = "Thank the neighbours for watering the plants."
SAID = "Dear neighbours, thank you for watering our plants!"


def test_the_answer_is_printed_and_its_options_reached_the_model(isthmus):
    code, out, _ = isthmus("write", TEXT, "--tone", "formal", "--length", "medium", says=(SAID,))
    assert (code, out) == (0, f"{SAID}\n")
    told = isthmus.voice.seen[0].messages[0]["content"]
    assert "formal" in told
    assert "6 sentences" in told


def test_json_is_one_document(isthmus):
    code, out, _ = isthmus("write", TEXT, "--json", says=(SAID,))
    assert (code, json.loads(out)["text"]) == (0, SAID)


def test_a_wrong_word_is_told_with_the_right_ones(isthmus):
    code, _, err = isthmus("write", TEXT, "--tone", "angry")
    assert code == 2
    assert "formal, neutral, casual" in err
