"""`isthmus chat`: one message, many from a pipe, or a conversation with its commands."""

from __future__ import annotations

import builtins
import io
import json
import sys

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.session import Session


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def types(monkeypatch):
    """types(*lines): what the person types, and then the end of input."""

    def make(*lines):
        waiting = list(lines)

        def ask(prompt):
            if not waiting:
                raise EOFError
            return waiting.pop(0)

        monkeypatch.setattr(sys, "stdin", Terminal())
        monkeypatch.setattr(builtins, "input", ask)

    return make


def test_one_message_gets_one_answer(isthmus):
    code, out, err = isthmus("chat", "Hi", "--system", "Be short.", says=("Hello there.",))
    assert (code, out) == (0, "Hello there.\n")
    assert "Scripted  AI" in err
    assert isthmus.voice.seen[0].messages[0] == {"role": "system", "content": "Be short."}


def test_a_pipe_gives_one_document_with_all_turns(isthmus, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Hi\n\nAnd you?\n"))
    _, out, _ = isthmus("chat", "--json", says=("Hello there.", "Fine."))
    assert [turn["text"] for turn in json.loads(out)["turns"]] == ["Hello there.", "Fine."]


def test_a_pipe_of_bytes_that_are_no_text_is_refused(isthmus, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), encoding="utf-8"))
    code, _, err = isthmus("chat", says=("Hello there.",))
    assert code == 2
    assert "cannot be read as UTF-8 text" in err


def test_the_conversation_knows_its_commands(isthmus, types):
    types("/why", "Hi", "/why", "/receipt", "/history", "/region us-ca", "", "/help", "/quit", "never said")
    code, out, err = isthmus("chat", says=("Hello there.",))
    assert (code, out) == (0, "Hello there.\n")
    assert "Nothing was answered yet." in err
    assert "why          mode" in err
    assert "r1" in err
    assert "assistant: Hello there." in err
    assert "Region US-CA" in err
    assert err.count("/region ID, /why") == 2
    assert [given["region"] for given in isthmus.opened] == ["", "US-CA"]


def test_the_conversation_goes_on_under_another_region(isthmus, types):
    types("Hi", "/region CN", "And you?")
    isthmus("chat", says=("Hello there.", "Fine."))
    assert [message["content"] for message in isthmus.voice.seen[1].messages] == ["Hi", "Hello there.", "And you?"]


def test_a_refusal_is_told_and_the_conversation_goes_on(isthmus, types, monkeypatch):
    types("Hi", "/quit")

    def refuse(*_, **__):
        raise Refusal("content_blocked", category="x", reason="y")

    monkeypatch.setattr(Session, "stream", refuse)
    code, _, err = isthmus("chat")
    assert code == 0
    assert "cannot be processed here" in err


def test_an_answer_that_is_replaced_begins_anew(isthmus, monkeypatch):
    from isthmus.device.result import Draft, Result

    def stream(self, said):
        yield Draft(text="Wro")
        result = Result(value="Right", text="Right", source="in_cloud", tier="partner", badge="b")
        yield Draft(text="Right", source="in_cloud", result=result)

    monkeypatch.setattr(Session, "stream", stream)
    assert isthmus("chat", "Hi")[1] == "Wro\n(asked further)\nRight\n"
