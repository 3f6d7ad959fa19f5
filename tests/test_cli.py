"""The `isthmus` command: quick to ask for help, plain when it refuses, and the same codes as the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from isthmus import __version__, cli
from isthmus.core.errors import TABLE, Refusal

JSON_ALREADY = {"schema", "openapi"}  # these print a JSON document and nothing else
# These run in the foreground until they are stopped; `fleet status --json` tells what a script asks.
RUNS = {("fleet", "up"), ("fleet", "endpoint-picker")}


def refusing(*_: object, **__: object) -> None:
    raise Refusal("not_running", url="http://127.0.0.1:8080")


def ends(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(arguments)
    return int(end.value.code or 0)


def test_help_lists_every_command_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, command in cli.discover().items():
        assert name in shown
        assert command.summary.split()[0] in shown


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from isthmus import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "found = [name for name in sys.modules if name.startswith(('isthmus.commands.', 'isthmus.gateway', 'isthmus.device'))]\n"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(["--version"]) == 0
    assert capsys.readouterr().out == f"isthmus {__version__}\n"


def test_without_words_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends([]) in {0, 2}
    assert "Usage: isthmus" in "".join(capsys.readouterr())


def test_a_word_that_is_almost_a_command_is_wrong_usage_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(["modles"]) == 2
    assert "models" in capsys.readouterr().err


def test_a_group_shows_its_own_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert ends(["models", "--help"]) == 0
    assert "pull" in capsys.readouterr().out


def test_a_refusal_is_one_sentence_on_standard_error_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(refusing, ["ask", "hello"]) == TABLE["not_running"].exit == 7
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Nothing answers at http://127.0.0.1:8080. Start it with `make up` or `isthmus up`.\n"


def test_with_json_a_refusal_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(refusing, ["ask", "hello", "--json"]) == 7
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["code"] == "not_running"
    assert err == ""


def test_a_command_that_returns_is_done() -> None:
    assert cli.run(lambda *_, **__: None, []) == 0


def test_python_m_isthmus_is_the_same_command() -> None:
    done = subprocess.run([sys.executable, "-m", "isthmus", "--version"], capture_output=True, text=True, check=False)
    assert done.stdout == f"isthmus {__version__}\n"


def test_a_file_in_the_folder_is_a_command_named_by_its_constant_or_itself(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text('"""First line.\n\nMore."""\nimport nowhere\nOTHER = 1\nNAME = "first-one"\n')
    (tmp_path / "two.py").write_text("x, NAME.y = 1, 2\n")
    (tmp_path / "_hidden.py").write_text("")
    assert cli.discover(tmp_path) == {
        "first-one": cli.Command("isthmus.commands.one", "First line."),
        "two": cli.Command("isthmus.commands.two", ""),
    }


@pytest.mark.parametrize("name", list(cli.discover()))
def test_every_command_can_be_loaded_has_a_line_of_help_and_offers_json(name: str) -> None:
    assert cli.discover()[name].summary.endswith(".")
    app = cli.build(lambda word: word == name)
    options = option_names(typer.main.get_command(app), name)
    assert options
    silent = {leaf for leaf, found in options.items() if "--json" not in found and (name, leaf) not in RUNS}
    assert silent <= JSON_ALREADY


def option_names(command: object, name: str) -> dict[str, set[str]]:
    """Options of each command that can be run below `name`."""
    found = command.commands[name]
    leaves = getattr(found, "commands", None) or {name: found}
    return {leaf: {word for option in each.params for word in option.opts} for leaf, each in leaves.items()}


def test_a_command_that_is_not_asked_for_is_a_stand_in() -> None:
    app = cli.build(lambda _: False)
    assert set(typer.main.get_command(app).commands) == set(cli.discover())
    cli._not_loaded()
