"""`isthmus reply`: three replies, one a line."""

from __future__ import annotations

import json

SAID = '{"agree":"Yes.","decline":"No.","ask":"Why?"}'


def test_three_replies_are_printed(isthmus):
    code, out, _ = isthmus("reply", "Will you come?", says=(SAID,))
    assert (code, out.splitlines()) == (0, ["Yes.", "No.", "Why?"])


def test_json_has_them_as_a_list_and_the_language_is_asked_for(isthmus):
    _, out, _ = isthmus("reply", "Will you come?", "--json", "--output-language", "zh", says=(SAID,))
    assert json.loads(out)["value"] == ["Yes.", "No.", "Why?"]
    assert "Chinese" in isthmus.voice.seen[0].messages[0]["content"]
