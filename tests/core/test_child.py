"""A supervised child: what it prints, how it comes back, how it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from isthmus.core import child as child_room
from isthmus.core.child import BoundedLog, Child
from isthmus.core.clock import FakeClock
from isthmus.core.leash import EXIT_NOT_STARTED

Start = Callable[..., Child]


def until(true: Callable[[], bool]) -> None:
    """Come back as soon as `true` is."""
    pause = threading.Event()
    while not true():
        pause.wait(0.005)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children = []

    def begin(script: str, **settings: object) -> Child:
        settings.setdefault("delays_s", (3600.0,))
        child = Child(["/bin/sh", "-c", script], log=tmp_path / "child.log", **settings)
        children.append(child)
        child.start()
        return child

    yield begin
    for child in children:
        child.stop()


def words(tmp_path: Path) -> str:
    return (tmp_path / "child.log").read_text()


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_what_it_prints_goes_to_the_log(start: Start, tmp_path: Path, mode: str) -> None:
    start("echo out; echo err >&2; exec sleep 600", leash_mode=mode)
    until(lambda: words(tmp_path) == "out\nerr\n")


def test_it_sees_the_environment_it_was_given_and_no_other(start: Start, tmp_path: Path) -> None:
    start("echo $WORD/$HOME/; exec sleep 600", environ={"WORD": "yes"})
    until(lambda: words(tmp_path) == "yes//\n")


def test_the_first_restart_is_immediate_and_the_next_one_waits(start: Start, tmp_path: Path) -> None:
    child = start("echo life; exit 3", delays_s=(0.0, 3600.0))
    until(lambda: child.exit_codes == [3, 3])
    assert child.restarts == 1
    assert child.pid is None
    assert not child.running
    assert words(tmp_path) == "life\nlife\n"


def test_a_child_that_stayed_up_starts_again_with_an_empty_record(start: Start, tmp_path: Path) -> None:
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    child = start("echo life; exec sleep 600", delays_s=(0.0, 3600.0), clock=clock)
    for life in range(1, 5):
        until(lambda life=life: words(tmp_path).count("life") == life)
        clock.advance(child_room.STEADY_S)
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: words(tmp_path).count("life") == 5)
    assert child.restarts == 4


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_stopping_asks_first(start: Start, tmp_path: Path, mode: str) -> None:
    child = start("trap 'echo bye; exit 0' TERM; echo on; while :; do sleep 0.01; done", leash_mode=mode)
    until(lambda: words(tmp_path) == "on\n")
    child.stop()
    assert words(tmp_path) == "on\nbye\n"
    assert child.exit_codes == [0]


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_stopping_insists_on_a_child_that_will_not_end(start: Start, tmp_path: Path, mode: str) -> None:
    child = start("trap '' TERM; echo on; while :; do sleep 0.01; done", leash_mode=mode)
    until(lambda: words(tmp_path) == "on\n")
    child.stop(grace_s=0.01)
    assert child.exit_codes == [-signal.SIGKILL]
    assert not child.running


def test_stopping_between_two_lives_does_not_wait_for_the_next(start: Start) -> None:
    child = start("exit 1", delays_s=(3600.0,))
    until(lambda: child.exit_codes == [1])
    child.stop()
    child.stop()
    assert child.restarts == 0


def test_a_child_that_starts_while_being_stopped_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    child = start("exit 1", delays_s=(3600.0,))
    until(lambda: child.exit_codes == [1])
    child._stopping.set()
    child._command = ["/bin/sleep", "600"]
    child._live_once()
    assert child.exit_codes == [1, -signal.SIGKILL]


def test_a_child_whose_health_is_refused_three_times_is_started_again(start: Start) -> None:
    answers = iter([True, False, False, True, False, False, False])
    child = start("exec sleep 600", delays_s=(0.0,), healthy=lambda: next(answers, True), health_every_s=0.001)
    until(lambda: child.restarts == 1 and child.running)
    assert child.exit_codes == [-signal.SIGKILL]
    assert next(answers, None) is None


def test_a_program_that_cannot_be_started_counts_as_a_death(tmp_path: Path) -> None:
    child = Child(["/no/such/program"], log=tmp_path / "child.log", delays_s=(3600.0,))
    child.start()
    until(lambda: bool(child.exit_codes))
    child.stop()
    assert child.exit_codes == [EXIT_NOT_STARTED]


def test_a_child_is_started_once(start: Start) -> None:
    child = start("exec sleep 600")
    with pytest.raises(RuntimeError):
        child.start()


def test_stopping_what_was_never_started_is_nothing(tmp_path: Path) -> None:
    child = Child(["/bin/true"], log=tmp_path / "child.log")
    child.stop()
    assert child.exit_codes == []


def test_a_log_keeps_its_newest_words_within_twice_its_limit(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "deep" / "x.log", limit=10)
    for word in (b"11111", b"22222", b"33333"):
        log.write(word)
    assert (tmp_path / "deep" / "x.log").read_bytes() == b"33333"
    assert (tmp_path / "deep" / "x.log.1").read_bytes() == b"1111122222"
    assert (tmp_path / "deep" / "x.log").stat().st_mode & 0o777 == 0o600


def test_a_log_cuts_one_long_word_to_its_end(tmp_path: Path) -> None:
    BoundedLog(tmp_path / "x.log", limit=4).write(b"0123456789")
    assert (tmp_path / "x.log").read_bytes() == b"6789"


def test_a_log_goes_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"12345678")
    BoundedLog(tmp_path / "x.log", limit=10).write(b"abc")
    assert (tmp_path / "x.log").read_bytes() == b"abc"
    assert (tmp_path / "x.log.1").read_bytes() == b"12345678"


def test_what_takes_its_place_is_asked_for_and_then_it_is_not_started_again(start: Start, tmp_path: Path) -> None:
    asked = []
    child = start("echo once", delays_s=(0.0,), instead=lambda: bool(asked.append(1)) or len(asked) == 2)
    until(lambda: len(asked) == 2 and not child.running)
    child.stop()
    assert words(tmp_path) == "once\nonce\n"
    assert child.restarts == 1


def test_its_output_can_go_to_another_log(start: Start, tmp_path: Path) -> None:
    child = start(f"echo one; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done; echo two; exec sleep 600")
    until(lambda: words(tmp_path) == "one\n")
    child.log_to(tmp_path / "other.log")
    (tmp_path / "go").touch()
    until(lambda: (tmp_path / "other.log").read_text() == "two\n")
    assert words(tmp_path) == "one\n"
