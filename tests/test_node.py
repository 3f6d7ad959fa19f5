"""One node: what it makes in its home, its workers, and who says that it runs."""

import http.client
import os
import signal
import stat
import sys
import threading

import msgspec
import pytest

from isthmus import node as node_room
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device.engine import free_port
from isthmus.ledger.accounts import Accounts
from isthmus.node import Estate, Node, Running, answers, prepare, running, worker_command, write_private


def node(config):
    return Node(config, engine=("127.0.0.1", 9), engine_key="e", model="m")


def get(played, path):
    connection = http.client.HTTPConnection(played.config.host, played.config.port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {played.key}"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_a_fresh_home_gets_what_is_missing_and_only_its_owner_may_look(tmp_path):
    config = Config(home=tmp_path / "home")
    key = prepare(config, SystemClock())
    assert key.startswith("isk_")
    assert config.operator.exists()
    assert (config.home / "demo.key").read_text() == key
    assert stat.S_IMODE((config.home / "demo.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(config.home.stat().st_mode) == 0o700


def test_the_key_stays_the_same_until_it_is_revoked(tmp_path):
    config = Config(home=tmp_path)
    key = prepare(config, SystemClock())
    assert prepare(config, SystemClock()) == key
    accounts = Accounts.open(config.accounts, SystemClock())
    accounts.revoke_key(key.split("_")[1])
    accounts.close()
    assert prepare(config, SystemClock()) != key


def test_what_the_operator_wrote_is_left_alone(tmp_path):
    (tmp_path / "operator.toml").write_text('mode = "rehearsal"\nname = "mine"\n')
    prepare(Config(home=tmp_path), SystemClock())
    assert "mine" in (tmp_path / "operator.toml").read_text()


def test_a_private_file_is_replaced_and_never_readable_by_others(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o666)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")])
def test_the_url_is_one_that_can_be_asked(tmp_path, host, url):
    assert node(Config(home=tmp_path, host=host, port=80)).url == url


def test_a_worker_is_started_as_a_module_with_its_settings(tmp_path):
    assert worker_command(tmp_path / "w0.json")[1:] == ["-m", "isthmus.worker", str(tmp_path / "w0.json")]


def test_a_node_answers_on_its_port(played):
    assert answers(played.config.host, played.config.port)
    assert get(played, "/v1/models")[0] == 200


def test_the_settings_of_a_worker_hold_the_engines_key_and_are_private(played):
    path = played.config.run / "w0.json"
    assert b"engine-key" in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_port_that_is_taken_is_refused_before_anything_is_started(played, tmp_path):
    config = Config(home=tmp_path, port=played.config.port)
    prepare(config, SystemClock())
    with pytest.raises(Refusal) as caught:
        node(config).start()
    assert "ISTHMUS_PORT" in caught.value.sentence()


def test_a_node_says_that_it_runs_and_is_believed_only_while_it_answers(played, tmp_path):
    assert running(played.config) is None
    played.node.announce()
    assert running(played.config) == Running(pid=os.getpid(), url=played.node.url, model="played")
    moved = msgspec.structs.replace(played.config, port=free_port())
    assert running(moved) is None
    (played.config.run / "up.json").write_bytes(b"{")
    assert running(played.config) is None
    (played.config.run / "up.json").unlink()


def test_where_nobody_or_somebody_else_listens_nothing_answers():
    assert not answers("127.0.0.1", free_port())


def test_a_worker_that_cannot_start_is_named_with_its_log(tmp_path):
    config = Config(home=tmp_path, port=free_port())
    prepare(config, SystemClock())
    config.operator.write_text('mode = "party"\n')
    broken = node(config)
    broken.start()
    try:
        with pytest.raises(Refusal) as caught:
            broken.wait_ready(timeout_s=20)
    finally:
        broken.stop()
    assert "w0.log" in caught.value.sentence()
    assert "up.json" not in os.listdir(config.run)


def test_a_node_that_stops_answers_no_more_and_leaves_no_claim(tmp_path):
    config = Config(home=tmp_path, port=free_port())
    prepare(config, SystemClock())
    started = node(config)
    started.start()
    started.wait_ready()
    started.announce()
    started.reload()
    assert running(config) is not None
    started.stop()
    assert not answers(config.host, config.port)
    assert running(config) is None
    assert not (config.run / "up.json").exists()


def test_new_workers_take_the_port_and_the_old_ones_end(tmp_path):
    config = Config(home=tmp_path, port=free_port())
    prepare(config, SystemClock())
    started = node(config)
    started.start()
    try:
        started.wait_ready(60)
        started.announce()
        (before,) = started._children
        old = before.pid
        started.upgrade()
        (after,) = started._children
        assert answers(config.host, config.port)
        assert (running(config).generation, running(config).problem) == (1, "")
        assert after.pid not in (None, old)
        assert before.pid is None
        config.operator.write_text('mode = "party"\n')
        started.upgrade(timeout_s=60)
        assert started._children == [after]
        assert running(config).generation == 1
        assert "u0.log" not in running(config).problem
        assert "w0.log" in running(config).problem
    finally:
        started.stop()


# A worker in miniature: it says that it is ready, and writes down which socket it was given when it is called.
WORKER = """
import json, pathlib, signal, sys
path = pathlib.Path(sys.argv[1])
def take(*_):
    given = json.loads(path.read_bytes())
    pathlib.Path(given["home"], "called").write_text(f"{given['shard']} {given.get('spare', False)}")
signal.signal(signal.SIGUSR1, take)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
given = json.loads(path.read_bytes())
pathlib.Path(given["ready"]).touch()
while True:
    signal.pause()
"""


@pytest.fixture
def house(monkeypatch, tmp_path):
    """A node of one worker and a spare one, both played: `node`, and `until`, which waits for something to be true."""
    monkeypatch.setattr(node_room, "worker_command", lambda path: [sys.executable, "-c", WORKER, str(path)])
    (tmp_path / "run").mkdir()
    made = node(Config(home=tmp_path, port=free_port(), spare=True))
    made.start()
    made.wait_ready()
    made.start_spare()
    until(lambda: made.spare_ready)
    yield made
    made.stop()


def until(true):
    pause = threading.Event()
    while not true():
        pause.wait(0.01)


def test_the_spare_worker_takes_the_place_of_one_that_died_and_another_one_waits(house, tmp_path):
    dead, spare = house._children[0], house._spare
    os.kill(dead.pid, signal.SIGKILL)
    until((tmp_path / "called").exists)
    until(lambda: (tmp_path / "called").read_text() == "w1 False")
    assert house._children == [spare]
    until(lambda: house.spare_ready)
    assert house._spare is not spare
    assert sorted(path.name for path in (tmp_path / "run").glob("*.json")) == ["w0.json", "w1.json"]


def test_without_a_ready_spare_worker_the_dead_one_is_started_again(house):
    house.end_spare()
    dead = house._children[0]
    os.kill(dead.pid, signal.SIGKILL)
    until(lambda: dead.restarts == 1 and dead.running)
    assert house._children == [dead]


def test_a_spare_worker_that_dies_is_started_again_and_is_not_ready_meanwhile(house):
    spare = house._spare
    os.kill(spare.pid, signal.SIGKILL)
    until(lambda: spare.restarts == 1)
    until(lambda: house.spare_ready)
    assert house._spare is spare


def test_an_upgrade_replaces_the_workers_and_the_spare_one(house):
    old = (*house._children, house._spare)
    house.upgrade()
    assert not {*house._children, house._spare} & {*old}
    assert not any(child.running for child in old)
    assert [house._shard[child] for child in house._children] == ["u0"]
    until(lambda: house.spare_ready)
    assert sorted(path.stem for path in house.config.run.glob("*.ready")) == ["u0", "u1"]


def test_a_generation_that_does_not_start_leaves_the_old_one(house, monkeypatch):
    old = house._children
    monkeypatch.setattr(node_room, "worker_command", lambda path: [sys.executable, "-c", "raise SystemExit(1)"])
    house.upgrade(0.2)
    assert house._children is old
    assert "did not start" in msgspec.json.decode((house.config.run / "up.json").read_bytes())["problem"]


def test_a_new_supervisor_inherits_the_sockets(house, tmp_path):
    estate = house.estate
    heir = Node(
        house.config, engine=("127.0.0.1", 9), engine_key="e", model="m",
        estate=Estate([os.dup(each) for each in estate.sockets], -1, estate.generation),
    )  # fmt: skip
    heir.start()
    try:
        heir.wait_ready()
        house.stop(leaves=False)
        assert answers("127.0.0.1", house.config.port)
        assert [heir._shard[child] for child in heir._children] == ["u0"]
    finally:
        heir.stop()
    assert not answers("127.0.0.1", house.config.port)
