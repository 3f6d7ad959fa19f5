"""`isthmus partners`: what there is, and the conformance set, run against the stand-in on each wire."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from isthmus import cli
from isthmus.commands import _partner_check

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn

PATHS = {
    "openai_chat": "/v1/chat/completions", "openai_loose": "/v1/chat/completions", "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages", "gemini": "/v1beta/models",
    "dashscope": "/api/v1/services/aigc/text-generation/generation",
}  # fmt: skip
FILE = """\
id = "played"
title = "Played"
dialect = "{dialect}"
key_env = "PLAYED_API_KEY"
[endpoint.main]
host = "{host}"
port = {port}
tls = false
path = "{path}"
region = "SG"
inference = ["SG"]
storage = ["SG"]
end_users = ["SG"]
[model.wire-model]
default = true
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def isthmus(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus` with words."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        return Done(int(end.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def service():
    with StandIn() as answers:
        yield answers


@pytest.fixture
def folder(tmp_path, service, monkeypatch):
    def write(dialect, port=None):
        host, real = service.address
        text = FILE.format(dialect=dialect, host=host, port=port or real, path=PATHS[dialect])
        (tmp_path / "played.toml").write_text(text, "utf-8")
        return str(tmp_path)

    monkeypatch.setenv("PLAYED_API_KEY", "secret-key")
    return write


def test_every_partner_is_listed_and_no_key_is_shown(isthmus, monkeypatch):
    monkeypatch.setenv("ARK_API_KEY", "secret-key")
    rows = {row["id"]: row for row in json.loads(isthmus("partners", "list", "--json").out)}
    assert rows["doubao"]["key"] == "set"
    assert rows["anthropic"]["dialect"] == "anthropic"
    assert rows["qwen"]["embedding"] == ["text-embedding-v4"]
    said = isthmus("partners", "list").out
    assert "doubao" in said
    assert "secret-key" not in said


def test_one_partner_is_shown_whole(isthmus):
    shown = json.loads(isthmus("partners", "show", "deepseek", "--json").out)
    assert shown["habits"]["reasoning_back"]
    assert "api.deepseek.com" in isthmus("partners", "show", "deepseek").out


@pytest.mark.parametrize("dialect", PATHS)
def test_the_conformance_set_passes_on_every_wire(isthmus, folder, service, dialect):
    done = isthmus("partners", "check", "played", "--partners", folder(dialect), "--json")
    ((route, findings),) = json.loads(done.out).items()
    assert [each for each in findings if not each["ok"]] == []
    assert (route, len(findings), done.code) == ("played/wire-model", 7, 0)
    assert any("secret-key" in value for value in service.heads[-1].values())


@pytest.mark.parametrize(("habit", "field"), [("", None), ("partial", "partial"), ("prefix", "prefix")])
def test_a_model_that_continues_an_answer_is_asked_to_do_so_in_its_own_words(
    isthmus, folder, tmp_path, service, habit, field
):
    where = folder("openai_chat")
    file = tmp_path / "played.toml"
    own = file.read_text("utf-8").replace("[endpoint", f'habits = {{prefill="{habit}"}}\n[endpoint', 1)
    file.write_text(f"{own.rstrip()}\nprefill = true\n", "utf-8")
    done = isthmus("partners", "check", "played", "--partners", where, "--json")
    (findings,) = json.loads(done.out).values()
    assert (findings[-1]["check"], findings[-1]["ok"], len(findings)) == ("continued", True, 8)
    last = service.seen[-1]["messages"][-1]
    assert (last["role"], last.get(field)) == ("assistant", True if field else None)


def test_a_model_that_begins_anew_does_not_continue():
    said = _partner_check.Said(200, text="1, 2, 3", finish="stop", prompt=1, completion=1, done=True)
    assert "anew" in _partner_check._continued(said)
    assert not _partner_check._continued(msgspec.structs.replace(said, text="4, 5"))
    assert _partner_check._continued(msgspec.structs.replace(said, text=""))


def test_a_service_that_is_not_there_fails_each_check(isthmus, folder):
    done = isthmus("partners", "check", "played", "--partners", folder("anthropic", 1))
    assert done.code == 5
    assert done.out.count("FAIL") == 7


def test_a_service_of_another_wire_fails_and_says_where(isthmus, folder, tmp_path):
    where = folder("anthropic")
    file = tmp_path / "played.toml"
    file.write_text(file.read_text("utf-8").replace('"/v1/messages"', '"/v1/embeddings"'), "utf-8")
    done = isthmus("partners", "check", "played", "--partners", where)
    assert done.code == 5


def test_without_a_key_nothing_is_asked(isthmus, folder, monkeypatch, service):
    where = folder("gemini")
    monkeypatch.delenv("PLAYED_API_KEY")
    before = service.calls
    done = isthmus("partners", "check", "played", "--partners", where)
    assert (done.code, service.calls) == (2, before)
    assert "PLAYED_API_KEY" in done.err


@pytest.mark.parametrize(
    "words", [("check", "nobody"), ("show", "nobody"), ("check", "doubao", "--model", "none")], ids=" ".join
)
def test_a_name_that_does_not_exist_is_told(isthmus, words):
    assert isthmus("partners", *words).code == 2
