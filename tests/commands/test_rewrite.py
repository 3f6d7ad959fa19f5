"""`isthmus rewrite`: its options reach the feature, its answer the person."""

from __future__ import annotations

import json

TEXT = "Send it now."
SAID = "Send it."


def test_the_answer_is_printed_and_its_options_reached_the_model(isthmus):
    code, out, err = isthmus("rewrite", TEXT, *["--tone", "more-formal", "--length", "shorter"], says=(SAID,))
    assert (code, out) == (0, f"{SAID}\n")
    assert "why          mode prefer_on_device; no gateway is set; gate: passed" in err
    assert "formal" in isthmus.voice.seen[0].messages[0]["content"]


def test_json_is_one_document(isthmus):
    code, out, _ = isthmus(
        "rewrite",
        TEXT,
        *["--tone", "more-formal", "--length", "shorter"],
        "--json",
        "--mode",
        "only_on_device",
        says=(SAID,),
    )
    found = json.loads(out)
    assert code == 0
    assert (found["text"], found["receipt"]) == (SAID, "r1")
    assert found["why"][0] == "mode only_on_device"


def test_a_wrong_word_ends_with_its_exit_code(isthmus):
    code, _, err = isthmus(
        "rewrite", TEXT, *["--tone", "more-formal", "--length", "shorter"], "--mode", "nowhere", says=(SAID,)
    )
    assert code == 2
    assert "prefer_on_device" in err
