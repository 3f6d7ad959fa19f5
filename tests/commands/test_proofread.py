"""`isthmus proofread`, as a person and as a script call it."""

from __future__ import annotations

import io
import json

from rich.console import Console

from isthmus.commands import proofread
from isthmus.device.device import make_task
from isthmus.device.features.proofread import FEATURE


def test_a_script_gets_the_corrected_text_and_the_rest_on_standard_error(isthmus):
    code, out, err = isthmus("proofread", "I has an apple.", says=("I have an apple.",))
    assert (code, out) == (0, "I have an apple.\n")
    assert "answered by  Scripted (on_device, private)" in err
    assert "label        AI" in err
    assert "notice       n" in err
    assert "receipt      r1" in err


def test_json_has_the_webs_names(isthmus):
    code, out, err = isthmus("proofread", "on monday", "--types", "--json", says=("on Monday",))
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["value"]["corrections"] == [
        {"startIndex": 3, "endIndex": 9, "correction": "Monday", "types": ["capitalization"]}
    ]
    assert (found["source"], found["sure"]) == ("on_device", True)
    assert isthmus.opened[0]["ask"] is False


def result(source, corrected):
    task = make_task("proofread", source, {"includeCorrectionTypes": True})
    return FEATURE.parse(task, corrected)


def test_a_terminal_shows_what_goes_and_what_comes():
    painted = proofread.painted("I has it", result("I has it", "I have it."))
    assert painted.plain == "I hashave it."
    assert [str(span.style) for span in painted.spans] == ["red strike", "green", "green"]


def test_on_a_terminal_the_kinds_follow(isthmus, capsys):
    from isthmus.device.result import Result

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=200, color_system=None)
    value = result("on monday", "on Monday")
    shown = Result(value=value, text="on Monday", source="on_device", tier="device", badge="b")
    proofread._show(shown, "on monday", console, types=True)
    assert "capitalization: 'monday' -> 'Monday'" in screen.getvalue()
    proofread._show(shown, "on monday", Console(file=screen, force_terminal=False), types=False)
    assert capsys.readouterr().out == "on Monday\n"
