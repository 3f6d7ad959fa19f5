"""`isthmus ask` as a person and as a script meet it, in front of a whole node."""

import io
import json

import pytest
import typer

from isthmus import cli
from isthmus.commands import ask
from isthmus.core.config import Config
from isthmus.core.errors import TABLE, Refusal


@pytest.fixture
def isthmus(played, monkeypatch, capsys):
    """Runs the command with these words; returns its exit code and what it printed."""
    monkeypatch.setenv("ISTHMUS_HOME", str(played.config.home))
    monkeypatch.setenv("ISTHMUS_PORT", str(played.config.port))
    monkeypatch.delenv("ISTHMUS_KEY", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    def run(*words):
        done = cli.run(cli.build(lambda name: name == "ask"), ["ask", *words])
        return (done, *capsys.readouterr())

    return run


def test_an_answer_comes_with_who_made_it_its_label_and_its_receipt(isthmus):
    done, out, err = isthmus("echo hello", "--region", "CN", "--age", "40")
    assert (done, err) == (0, "")
    assert out.startswith("hello")
    for word in ("answered by", "label", "receipt", "isthmus receipt show"):
        assert word in out


def test_a_streamed_answer_reads_the_same(isthmus):
    done, out, _ = isthmus("echo hello", "--stream", "--age", "40", "--region", "EU")
    assert done == 0
    assert out.startswith("hello")
    assert "answered by" in out


def test_a_script_gets_one_document(isthmus):
    done, out, err = isthmus("echo hello", "--json", "--stream", "--age", "40", "--region", "EU")
    document = json.loads(out)
    assert (done, err) == (0, "")
    assert document["answer"].startswith("hello")
    assert document["finish"] == "stop"
    assert document["isthmus"]["region"] == "EU"
    usage = document["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_every_option_reaches_the_gateway(isthmus, played):
    done, out, _ = isthmus(
        "echo x", "--json", "--region", "EU", "--feature", "translate", "--age", "40", "--data", "none",
        "--language", "de", "--model", "local", "--max-tokens", "7",
    )  # fmt: skip
    assert done == 0
    assert json.loads(out)["isthmus"]["source"] == "private"
    assert played.answers.seen[-1]["max_tokens"] == 7


def test_a_question_may_come_from_standard_input(isthmus, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("echo from a pipe"))
    assert isthmus("-", "--json", "--age", "40")[1].count("from a pipe") == 1


def test_masked_details_are_counted_for_the_person_and_never_reach_the_partner(isthmus, played):
    question = "echo mail a.person@example.org"
    _, out, _ = isthmus(question, "--age", "40", "--region", "CN", "--model", "doubao", "--yes")
    assert "a.person@example.org" in out
    assert "masked" in out
    assert "a.person@example.org" not in str(played.answers.seen[-1])


@pytest.mark.parametrize("how", [["--json"], []])
def test_without_a_person_nobody_agreed_and_the_sheet_is_shown(isthmus, played, how):
    before = played.answers.calls
    done, out, err = isthmus("hi", "--region", "CN", "--age", "40", "--model", "doubao", *how)
    assert done == TABLE["consent_required"].exit
    assert played.answers.calls == before
    assert ("sheet" in json.loads(out)["error"]["isthmus"]) if how else "Doubao" in err


def test_yes_gives_the_consent_for_this_once_and_asks_again(isthmus):
    words = ["echo hello", "--region", "CN", "--age", "40", "--model", "doubao", "--json"]
    done, out, _ = isthmus(*words, "--yes")
    assert done == 0
    assert json.loads(out)["isthmus"]["route"].startswith("doubao/")
    assert isthmus(*words)[0] == TABLE["consent_required"].exit


def test_a_person_who_says_no_is_not_asked_for(isthmus, played, monkeypatch):
    asked = []
    monkeypatch.setattr("sys.stdin", Person(""))
    monkeypatch.setattr(typer, "confirm", lambda words, **_: asked.append(words))
    before = played.answers.calls
    done, _, err = isthmus("hi", "--region", "CN", "--age", "40", "--model", "doubao")
    assert (done, played.answers.calls) == (TABLE["consent_required"].exit, before)
    assert len(asked) == 1
    assert "PIPL" in err or "个人信息保护法" in err


def test_a_person_who_says_yes_gets_the_answer(isthmus, monkeypatch):
    monkeypatch.setattr("sys.stdin", Person(""))
    monkeypatch.setattr(typer, "confirm", lambda words, **_: True)
    done, out, _ = isthmus("echo hello", "--region", "CN", "--age", "40", "--model", "doubao")
    assert done == 0
    assert out.startswith("hello")


class Person(io.StringIO):
    """Somebody sits at the terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--region", "XX"], "unknown_region"),
        (["--age", "young"], "bad_header"),
        (["--model", "gpt-99"], "unknown_model"),
        (["--model", "openai", "--region", "CN"], "no_lawful_route"),
        (["--key", "isk_nobody"], "invalid_key"),
        (["--url", "http://127.0.0.1:9"], "not_running"),
        (["--url", "nowhere"], "usage"),
    ],
)
def test_a_refusal_is_a_sentence_and_an_exit_code(isthmus, words, code):
    done, out, err = isthmus("hi", *words)
    assert done == TABLE[code].exit
    assert out == ""
    assert len(err.splitlines()) == 1


def test_the_key_is_the_given_one_else_the_environments_else_the_houses(tmp_path, monkeypatch):
    config = Config(home=tmp_path)
    monkeypatch.delenv("ISTHMUS_KEY", raising=False)
    with pytest.raises(Refusal, match="not_running"):
        ask.find_key(config, "")
    (tmp_path / "demo.key").write_text("isk_house\n")
    assert ask.find_key(config, "") == "isk_house"
    monkeypatch.setenv("ISTHMUS_KEY", "isk_environment")
    assert ask.find_key(config, "") == "isk_environment"
    assert ask.find_key(config, "isk_given") == "isk_given"


def test_the_sheet_is_asked_for_in_the_language_of_the_terminal():
    assert ask.terminal_language({"LANG": "zh_CN.UTF-8"}) == "zh-CN"
    assert ask.terminal_language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}) == "en"
    assert ask.terminal_language({}) == "en"


def test_placeholders_of_the_rehearsal_are_told_in_one_line():
    notices = ["Model: M, filing number rehearsal", "Complaints: rehearsal", "AI-generated"]
    assert ask.told(notices) == [
        "AI-generated",
        "rehearsal: 2 notices need facts that the operator has not stated yet (isthmus doctor lists them)",
    ]
    assert ask.told(["AI-generated"]) == ["AI-generated"]
