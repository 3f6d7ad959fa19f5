"""Lines of the log: fields of one table, and nothing that anybody wrote."""

from __future__ import annotations

import ast
import json
import re
import typing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from isthmus.core import log
from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal

PACKAGE = Path(log.__file__).parents[1]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
CANARY = "秘密 canary-7f3a: my card is 4111"
SPEAKERS = {"say", "say_error", "say_refusal"}
# Rooms that speak to a person at a terminal, not to a log.
TERMINAL = ("cli.py", "commands/")
NODES = [
    (path, node) for path in sorted(PACKAGE.rglob("*.py")) for node in ast.walk(ast.parse(path.read_text("utf-8")))
]
CALLS = [
    (path, node)
    for path, node in NODES
    if isinstance(node, ast.Call)
    and isinstance(node.func, ast.Attribute)
    and ast.unparse(node.func).startswith("log.say")
]


def test_a_line_says_when_what_and_the_fields_it_was_given():
    clock = FakeClock(NOW)
    said = json.loads(log.line("chore_broke", clock, chore="keep_law", then="again"))
    assert said == {
        "at": "2026-11-22T09:00:00.000Z",
        "event": "chore_broke",
        "says": log.EVENTS["chore_broke"],
        "chore": "keep_law",
        "then": "again",
    }


def test_events_fields_and_shapes_are_one_table():
    assert set(typing.get_args(log.Event)) == set(log.EVENTS)
    assert set(typing.get_type_hints(log.Fields)) == set(log.SHAPES)
    assert all(sentence.endswith(".") for sentence in log.EVENTS.values())


@pytest.mark.parametrize("field", [name for name in log.SHAPES if name != "reason"])
def test_a_field_that_is_given_a_persons_words_writes_none_of_them(field):
    for words in (CANARY, CANARY.encode(), [CANARY], "canary\n7f3a", "x" * 5000):
        said = log.line("unhandled", FakeClock(NOW), **{field: words})
        assert json.loads(said)[field] == "-"


def test_an_error_is_told_by_class_and_place_and_its_message_is_not(capsys):
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        log.say_error("unhandled", error)
    said = capsys.readouterr().err
    assert json.loads(said)["error"] == "ValueError"
    assert json.loads(said)["place"].startswith("test_log.py:")
    assert "canary" not in said


def test_a_refusals_sentence_is_told_only_where_it_is_about_the_operators_files(capsys):
    log.say_refusal("law_not_reloaded", Refusal("bad_law", reason="xx.toml: rule 3 has no date."))
    log.say_refusal("law_not_reloaded", Refusal("content_blocked", category="x", reason=CANARY))
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first["reason"] == "xx.toml: rule 3 has no date."
    assert second == second | {"code": "content_blocked"}
    assert "reason" not in second


def test_every_line_that_is_written_anywhere_uses_listed_events_and_fields():
    assert CALLS
    for path, call in CALLS:
        place = f"{path}:{call.lineno}"
        assert call.func.attr in SPEAKERS, place
        assert isinstance(call.args[0], ast.Constant), place
        assert call.args[0].value in log.EVENTS, place
        assert {keyword.arg for keyword in call.keywords} <= set(log.SHAPES), place


def test_every_event_is_written_somewhere():
    assert {call.args[0].value for _, call in CALLS} == set(log.EVENTS)


# Telemetry takes over a library's logger, so that the library's words go nowhere.
PRINTS = {"web/telemetry.py": 1}
LOGGERS = ("logging.getLogger", "warnings.warn", "traceback.print_exc")


def test_the_page_about_measures_lists_every_event_and_every_field():
    page = (PACKAGE.parent / "docs" / "measures.md").read_text("utf-8").partition("## Logs")[2]
    assert {f"`{event}`" for event in log.EVENTS} | {f"`{field}`" for field in log.SHAPES} <= set(
        re.findall(r"`\w+`", page)
    )


def test_nothing_else_writes_to_standard_error_or_to_a_logger_of_its_own():
    found: dict[str, int] = {}
    for path, node in NODES:
        name = path.relative_to(PACKAGE).as_posix()
        if name.startswith(TERMINAL) or name == "core/log.py" or not isinstance(node, ast.Attribute | ast.Call):
            continue
        words = ast.unparse(node.func if isinstance(node, ast.Call) else node)
        if words in ("sys.stderr", "sys.stdout") or (isinstance(node, ast.Call) and words in LOGGERS):
            found[name] = found.get(name, 0) + 1
    assert {name: count for name, count in found.items() if count > PRINTS.get(name, 0)} == {}
