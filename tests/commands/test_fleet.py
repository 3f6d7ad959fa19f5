"""`isthmus fleet` where no cell runs: it says so, and starts nothing without a token."""

import io
import json
import socket
from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console

from isthmus import cli
from isthmus.commands.fleet import Row, table
from isthmus.core.clock import FakeClock
from isthmus.gateway.replica_measures import file_of, write
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Board, Listed
from isthmus.routing.seat import Replica


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
    fleet("token")
    (tmp_path / "fleet.toml").write_text('[pool.a]\nengine = "abacus"\nprogram = "/p"\n')
    code, out = fleet("up")
    assert code == 2
    assert "abacus" in out.err


def test_a_pool_without_its_program_is_refused(fleet, tmp_path):
    fleet("token")
    (tmp_path / "fleet.toml").write_text('[pool.a]\nengine = "vllm"\nmodel = "/m"\n')
    code, out = fleet("up")
    assert code == 2
    assert "program" in out.err


def test_a_model_that_is_not_here_is_refused(fleet, tmp_path):
    fleet("token")
    code, out = fleet("up", "--model", str(tmp_path / "none.gguf"))
    assert code == 2
    assert "none.gguf" in out.err


def test_without_a_token_nothing_starts_whatever_else_is_missing(fleet):
    code, out = fleet("up", "--model", "no such model")
    assert code == 4
    assert "isthmus fleet token" in out.err


@pytest.fixture
def shown(fleet, tmp_path):
    """A board of one replica whose engine is silent, and what a gateway worker saw of it."""
    where = tmp_path / "run" / "fleet"
    where.mkdir(parents=True)
    port = unused_port()
    listed = Listed(name="local-1", pool="local", host="127.0.0.1", port=port, model="m.gguf", engine="llama_cpp")
    board = Board(cell="here", jurisdiction="DE", replicas=(listed,))
    (where / "board.json").write_bytes(msgspec.json.encode(board))
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    picker = Picker(clock, [Replica("local-1"), Replica("local-2")])
    for _ in range(2):
        ticket = picker.pick([1, 2, 3], 2000, without=["local-2"])
        clock.advance(0.5)
        picker.first(ticket)
    write(file_of(where / "board.json"), picker.seats())
    return fleet


def unused_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_status_shows_what_engines_say_and_what_the_gateway_saw(shown):
    code, out = shown("status", "--json")
    (row,) = json.loads(out.out)
    assert (code, row["state"], row["inside"], row["hit"], row["ttft"]) == (0, "silent", 2, 0.5, 0.5)


def test_status_is_a_table_for_people(shown):
    code, out = shown("status")
    assert code == 0
    assert "local-1" in out.out


def test_tokens_a_second_are_what_came_since_the_last_look():
    row = Row("r", "m", "127.0.0.1:1", "serving", 1, 0, 0.5, 10.0, 130.0, 1, 0.25, 0.4)
    console = Console(width=80, file=io.StringIO())
    console.print(table([row], {"r": 100.0}, 2.0))
    text = console.file.getvalue()
    assert "15.0" in text
    assert "25%" in text


@pytest.mark.parametrize("address", ["0.0.0.0:9002", "8.8.8.8:9002", "example.org:9002"])
def test_the_endpoint_picker_listens_where_no_stranger_is(fleet, address):
    pytest.importorskip("grpc")
    pytest.importorskip("envoy.service.ext_proc.v3")
    code, out = fleet("endpoint-picker", "--listen", address)
    assert code == 2
    assert "--listen" in out.err


def test_the_endpoint_picker_says_what_it_needs(fleet, monkeypatch):
    monkeypatch.setattr("isthmus.commands.fleet.find_spec", lambda name: None)
    code, out = fleet("endpoint-picker")
    assert code == 2
    assert "extproc" in out.err
