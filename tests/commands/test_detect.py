"""`isthmus detect`, as a person and as a script call it."""

from __future__ import annotations

import io
import json
import sys

import pytest

from isthmus import cli
from isthmus.core.clock import SystemClock
from isthmus.ledger.prints import Printed
from isthmus.ledger.receipt import Receipt
from isthmus.ledger.segments import Ledger
from isthmus.policy import fingerprint

SAID = " ".join(f"the {each}th word of an answer" for each in range(40))


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus detect` with words: exit code, standard output."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))

    def isthmus(*words, command="detect"):
        with pytest.raises(SystemExit) as end:
            cli.main([command, *map(str, words)])
        return int(end.value.code or 0), capsys.readouterr().out

    return isthmus


@pytest.fixture
def produced(tmp_path):
    """SAID was produced here: its receipt."""
    ledger = Ledger.open(tmp_path / "home" / "ledger", "w0", SystemClock())
    words = ("k", "t", ("EU",), "write", "text", "answer", "adult", "none", "ordinary", "d", "serve", "answered", "")
    made = Receipt(ledger.next_id(), 1_795_334_017_031, *words, "local/default")
    ledger.append(Printed(made, lambda: fingerprint.numbers(SAID)))
    ledger.close()
    return made.id


def test_a_text_is_known_again_with_when_and_which_route(call, produced):
    code, out = call(SAID.replace("word", "WORD"), "--json")
    verdict = json.loads(out)
    assert code == 0
    assert verdict["produced_here"] == "yes"
    assert (verdict["by"], verdict["receipt"], verdict["route"]) == ("fingerprint", produced, "local/default")
    assert verdict["at"] == "2026-11-22T07:53:37+00:00"
    assert "local/default" in call(SAID)[1]


def test_a_file_and_standard_input_are_read(call, produced, tmp_path, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><html><body><p>{SAID}</p></body></html>")
    assert json.loads(call(page, "--json")[1])["receipt"] == produced
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SAID.encode())))
    assert json.loads(call("-", "--json")[1])["receipt"] == produced


def test_strangers_and_short_texts_are_told_apart(call, produced):
    stranger = " ".join(f"other{each}" for each in range(100))
    assert json.loads(call(stranger, "--json")[1])["produced_here"] == "unlikely"
    assert "Nothing like it" in call(stranger)[1]
    assert json.loads(call("hello there", "--json")[1])["produced_here"] == "too_short"
    assert "Too short" in call("hello there")[1]


def test_a_file_that_we_marked_is_known_by_its_mark(call, tmp_path):
    note = tmp_path / "note.md"
    note.write_text("short\n")
    call("add", note, "--region", "CN", command="label")
    verdict = json.loads(call(note, "--json")[1])
    assert (verdict["produced_here"], verdict["by"], verdict["receipt"]) == ("yes", "mark", "cli-1-1")
    assert "by its mark" in call(note)[1]


def test_a_picture_without_our_mark_is_not_known(call, tmp_path):
    from PIL import Image

    Image.new("RGB", (90, 90)).save(tmp_path / "x.png")
    assert json.loads(call(tmp_path / "x.png", "--json")[1])["produced_here"] == "unlikely"


def test_a_text_too_long_for_a_file_name_is_a_text(call):
    assert json.loads(call("word " * 5000, "--json")[1])["produced_here"] == "too_short"
