"""What the feature commands share: the text, the model at hand, the words about a result."""

from __future__ import annotations

import io
import sys

import pytest

from isthmus import node
from isthmus.commands import _features
from isthmus.core import config
from isthmus.core.errors import Refusal

SHEET = {"title": "Send?", "reason": "Because.", "buttons": {"yes": "Yes", "no": "No"}}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.delenv("ISTHMUS_KEY", raising=False)
    (tmp_path / "demo.key").write_text("sk_a_b")
    return config.load()


def test_a_text_is_words_or_a_file_or_standard_input(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.txt"
    path.write_text("from a file", "utf-8")
    monkeypatch.setattr(sys, "stdin", piped(b"from stdin"))
    assert [_features.read(text) for text in ("words", str(path), "-")] == ["words", "from a file", "from stdin"]
    assert _features.read("long " * 400).startswith("long")
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(Refusal) as refused:
        _features.read(str(path))
    assert refused.value.code == "usage"


def piped(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")


def refused(text: str) -> str:
    with pytest.raises(Refusal) as found:
        _features.read(text)
    assert found.value.code == "usage"
    return found.value.sentence()


def test_what_is_no_text_is_refused_wherever_it_comes_from(tmp_path, monkeypatch) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    assert "cannot be read as UTF-8 text" in refused(str(path))
    path.write_bytes(b"a\0b")
    assert "cannot be read as UTF-8 text" in refused(str(path))
    monkeypatch.setattr(sys, "stdin", piped(b"\xff\xfe"))
    assert "Standard input" in refused("-")


def test_the_mark_that_editors_put_first_is_no_part_of_the_text(tmp_path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("你好", "utf-8-sig")
    assert _features.read(str(path)) == "你好"


def test_a_file_that_is_not_there_is_no_text(tmp_path) -> None:
    assert "There is no file" in refused(str(tmp_path / "minutes.md"))
    assert _features.read("Please open minutes.txt") == "Please open minutes.txt"
    assert _features.read("example.com") == "example.com"


def settings(**given):
    with _features.open_device(**{"mode": "prefer_on_device", "region": "CN", **given}) as device:
        return device._settings


def test_a_running_node_lends_its_model_and_leads_to_partners(home, monkeypatch) -> None:
    running = node.Running(pid=1, url="http://127.0.0.1:8080", model="m")
    monkeypatch.setattr(node, "running", lambda config: running)
    found = settings(age="30", ask=False)
    assert (found.url, found.key, found.model) == ("http://127.0.0.1:8080", "sk_a_b", "partner")
    assert (found.voice.model, found.voice.tier, found.voice.source, found.voice.own) == (
        "private",
        "private",
        "on_device",
        False,
    )
    assert found.agree is None


def test_without_a_node_the_device_stands_alone_or_goes_to_the_gateway_that_is_named(home) -> None:
    assert (settings(ask=False).url, settings(ask=False).voice) == ("", None)
    named = settings(url="http://gateway.test:80", ask=False)
    assert (named.url, named.key, named.model, named.voice) == ("http://gateway.test:80", "sk_a_b", "auto", None)


@pytest.mark.parametrize(("yes", "answer", "scope"), [(True, False, "once"), (False, True, "once"), (False, False, "")])
def test_consent_is_a_persons_or_given_beforehand(home, monkeypatch, yes: bool, answer: bool, scope: str) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(_features, "agreed", lambda sheet: answer)
    assert settings(yes=yes).agree(SHEET) == scope
