"""`isthmus fleet` where no cell runs: it says so, and starts nothing without a token."""

import json

import pytest

from isthmus import cli


@pytest.fixture
def fleet(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.delenv(name, raising=False)

    def call(*words):
        code = cli.run(cli.build(lambda name: name == "fleet"), ["fleet", *words])
        return code, capsys.readouterr()

    return call


@pytest.mark.parametrize("words", [("status",), ("scale", "local", "2"), ("drain", "x"), ("roll", "local", "m")])
def test_where_nothing_runs_it_says_how_to_start(fleet, words):
    code, out = fleet(*words)
    assert code == 5
    assert "isthmus fleet up" in out.err


def test_down_where_nothing_runs_is_no_error(fleet):
    code, out = fleet("down", "--json")
    assert (code, json.loads(out.out)) == (0, {"stopped": False, "leftovers": 0})


def test_a_token_is_made_once(fleet):
    _, first = fleet("token", "--json")
    _, second = fleet("token", "--json")
    assert json.loads(first.out) == json.loads(second.out)


def test_a_cell_of_an_unknown_engine_is_refused(fleet, tmp_path):
    (tmp_path / "fleet.toml").write_text('[pool.a]\nengine = "abacus"\nprogram = "/p"\n')
    code, out = fleet("up")
    assert code == 2
    assert "abacus" in out.err


def test_a_pool_without_its_program_is_refused(fleet, tmp_path):
    (tmp_path / "fleet.toml").write_text('[pool.a]\nengine = "vllm"\nmodel = "/m"\n')
    code, out = fleet("up")
    assert code == 2
    assert "program" in out.err


def test_a_model_that_is_not_here_is_refused(fleet, tmp_path):
    code, out = fleet("up", "--model", str(tmp_path / "none.gguf"))
    assert code == 2
    assert "none.gguf" in out.err
