"""The leash, held from outside: a parent that is killed takes its child along, on both kinds of machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.core import leash

# A parent that leashes a child, tells the child's process id, and then waits for ever.
PARENT = """
import os, subprocess, sys, threading
leash, mode = sys.argv[1:]
child = subprocess.Popen([sys.executable, "-I", "-S", leash, mode, str(os.getpid()), "--", "/bin/sh", "-c",
    "trap '' HUP; echo $$; exec sleep 600"], stdin=subprocess.PIPE, start_new_session=True)
threading.Event().wait()
"""


def gone(pid: int) -> bool:
    """Whether `pid` runs no more. One that nobody collected yet (state Z) runs no more either."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_a_child_ends_when_its_parent_is_killed(mode: str) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, leash.__file__, mode], stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        parent.kill()
        assert parent.stdout.read() == b""  # the pipe closes when the last process that holds it has ended
    while not gone(pid):
        os.sched_yield()


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_the_exit_code_is_the_child_s(mode: str) -> None:
    command = [sys.executable, "-I", "-S", leash.__file__, mode, str(os.getpid()), "--", "/bin/sh", "-c", "exit 7"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait() == 7


@pytest.mark.parametrize("mode", ["exec", "watch"])
def test_a_program_that_is_not_there_is_127(mode: str) -> None:
    command = [sys.executable, "-I", "-S", leash.__file__, mode, str(os.getpid()), "--", "/no/such/program"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait() == leash.EXIT_NOT_STARTED


def test_a_child_whose_parent_is_gone_before_the_leash_is_on_does_not_start() -> None:
    command = [sys.executable, "-I", "-S", leash.__file__, "exec", "1", "--", "/bin/sh", "-c", "exit 0"]
    assert subprocess.run(command, check=False).returncode == leash.EXIT_ORPHANED


def test_the_watch_hands_a_signal_on_and_reports_it() -> None:
    command = [
        sys.executable,
        "-I",
        "-S",
        leash.__file__,
        "watch",
        "0",
        "--",
        "/bin/sh",
        "-c",
        "echo on; exec sleep 600",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"on\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


def test_the_watch_insists_when_a_child_will_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "trap '' TERM; echo on; while :; do sleep 600; done"
    with subprocess.Popen(["/bin/sh", "-c", stubborn], stdout=subprocess.PIPE, start_new_session=True) as child:
        assert child.stdout.readline() == b"on\n"
        monkeypatch.setattr(leash, "GRACE_S", 0.01)
        reading, writing = os.pipe()
        os.close(writing)
        monkeypatch.setattr(os, "read", lambda _fd, size, read=os.read: read(reading, size))
        leash._end_with_input(child)
        assert child.wait() == -signal.SIGKILL
        os.killpg(child.pid, signal.SIGKILL)
        os.close(reading)


def test_linux_lets_the_kernel_hold_it_and_others_a_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert leash.mode() == "exec"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert leash.mode() == "watch"
