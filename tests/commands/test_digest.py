"""`isthmus digest`: lines or a JSON list in, the pressing first."""

from __future__ import annotations

import json

import pytest

SAID = '[{"priority":"later","line":"shoes"},{"priority":"now","line":"Dad waits"}]'
LINES = "Shop · shoes\n\nDad · I wait"


@pytest.mark.parametrize("given", [LINES, '[{"app":"Shop","text":"shoes"},{"title":"Dad","text":"I wait"}]'])
def test_the_pressing_come_first(isthmus, given):
    code, out, _ = isthmus("digest", given, says=(SAID,))
    assert (code, out.splitlines()) == (0, ["! Dad waits", "- shoes"])


def test_json_has_places_and_priorities(isthmus):
    _, out, _ = isthmus("digest", LINES, "--json", says=(SAID,))
    assert json.loads(out)["value"][0] == {"index": 1, "priority": "now", "line": "Dad waits"}


def test_what_is_no_list_is_refused(isthmus):
    code, _, err = isthmus("digest", "[1,", says=(SAID,))
    assert code == 2
    assert "no JSON list" in err
