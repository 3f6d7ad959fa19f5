"""`isthmus up`: everything is started in order, told once, and ended together. The engine is played; the node is real."""

import json
import signal
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from isthmus import cli
from isthmus.commands import up
from isthmus.core.errors import Refusal
from isthmus.device.engine import free_port
from isthmus.node import answers


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A home of its own, a model that needs no fetching, an engine that only remembers; ends as soon as it is told."""
    seen = SimpleNamespace(engine=[], waited=[], port=free_port(), home=tmp_path)
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("ISTHMUS_PORT", str(seen.port))
    monkeypatch.delenv("ISTHMUS_HOST", raising=False)
    monkeypatch.delenv("ISTHMUS_WORKERS", raising=False)

    @contextmanager
    def engine(path, *, log, name, **_):
        seen.engine.append((str(path), name))
        yield SimpleNamespace(address=("127.0.0.1", 9), key="engine-key", wait_ready=lambda: None)
        seen.engine.append("ended")

    monkeypatch.setattr(up, "LocalEngine", engine)
    monkeypatch.setattr(up, "ready_model", lambda *_, **__: SimpleNamespace(path=tmp_path / "m.gguf", name="tiny"))
    monkeypatch.setattr(up, "wait_for_the_end", lambda *_, **__: seen.waited.append(answers("127.0.0.1", seen.port)))
    return seen


def run(*words):
    return cli.run(cli.build(lambda name: name == "up"), ["up", *words])


def test_everything_is_started_told_and_ended_again(house, capsys):
    assert run("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["url"] == f"http://127.0.0.1:{house.port}"
    assert told["key"] == (house.home / "demo.key").read_text()
    assert (told["model"], told["home"]) == ("tiny", str(house.home))
    assert house.waited == [True]
    assert house.engine == [(str(house.home / "m.gguf"), "tiny"), "ended"]
    assert not answers("127.0.0.1", house.port)


def test_options_win_over_the_environment(house, capsys):
    house.port = free_port()
    assert run("--json", "--port", str(house.port)) == 0
    assert json.loads(capsys.readouterr().out)["url"].endswith(f":{house.port}")
    assert house.waited == [True]


def test_a_person_is_told_the_address_the_key_and_three_things_to_try(house, capsys):
    assert run() == 0
    said = capsys.readouterr().out
    for word in ("Isthmus is ready", (house.home / "demo.key").read_text(), "Rehearsal", "curl ", " ask ", " explain "):
        assert word in said
    assert [f"  {number}. " in said for number in (1, 2, 3)] == [True] * 3


def test_a_second_start_tells_of_the_one_that_runs_and_starts_nothing(played, monkeypatch, capsys):
    monkeypatch.setenv("ISTHMUS_HOME", str(played.config.home))
    monkeypatch.setenv("ISTHMUS_PORT", str(played.config.port))
    monkeypatch.setattr(up, "LocalEngine", None)
    played.node.announce()
    try:
        assert run("--json") == 0
    finally:
        (played.config.run / "up.json").unlink()
    told = json.loads(capsys.readouterr().out)
    assert (told["url"], told["key"], told["model"]) == (played.node.url, played.key, "played")


def test_a_worker_that_does_not_start_ends_the_engine_too(house, monkeypatch, capsys):
    def never(*_, **__):
        raise Refusal("usage", reason="A worker did not start.")

    monkeypatch.setattr(up.Node, "wait_ready", never)
    assert run("--json") == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
    assert house.waited == []
    assert not answers("127.0.0.1", house.port)


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_it_waits_until_somebody_asks_it_to_end(monkeypatch, name):
    handlers = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    waiting = threading.Thread(target=up.wait_for_the_end, args=(SimpleNamespace(reload=None),), daemon=True)
    waiting.start()
    while name not in handlers:
        waiting.join(0.01)
    assert waiting.is_alive()
    handlers[name](name, None)
    waiting.join(10)
    assert not waiting.is_alive()


class Played:
    """A node and an heir's line, as far as `up` meets them; remembers in which order."""

    def __init__(self):
        self.seen = []
        self.config = SimpleNamespace(admin_port=1)

    def __getattr__(self, name):
        return lambda *_: self.seen.append(name)


def test_an_heir_starts_its_console_when_the_old_one_has_ended_and_then_says_so():
    played = Played()
    up.follow(played, played)
    assert played.seen == ["ready", "start_control", "wait_control", "announce", "done"]


def test_the_next_supervisor_gets_the_arguments_of_the_first():
    assert up.without_heir(["up", "--port", "9"]) == ["up", "--port", "9"]
    assert up.without_heir(["up", "--heir", "7", "--json"]) == ["up", "--json"]


@pytest.mark.parametrize(("works", "fleet"), [(True, False), (False, False), (False, True)])
def test_it_hands_over_when_asked_and_stays_when_that_does_not_work(monkeypatch, works, fleet):
    handlers, asked = {}, []
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    monkeypatch.setattr(up, "hand_over", lambda *_: asked.append("new supervisor") or (works or None))
    node = SimpleNamespace(reload=None, upgrade=lambda: asked.append("new workers"))
    ended = []
    waiting = threading.Thread(
        target=lambda: ended.append(up.wait_for_the_end(node, can_hand_over=not fleet)), daemon=True
    )
    waiting.start()
    while signal.SIGUSR1 not in handlers:
        waiting.join(0.01)
    handlers[signal.SIGUSR2](signal.SIGUSR2, None)
    while not asked:
        waiting.join(0.01)
    if not works:
        handlers[signal.SIGTERM](signal.SIGTERM, None)
    waiting.join(10)
    assert ended == [works or None]
    assert asked == ["new workers" if fleet else "new supervisor"]
