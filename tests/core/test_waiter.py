"""The process that waits for a supervisor which took over: real processes, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.core import waiter

HEIR = (
    "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\nprint('up', flush=True)\nsignal.pause()"
)


def names(up, pid):
    up.write_text(json.dumps({"pid": pid}))


@pytest.fixture
def heir():
    process = subprocess.Popen([sys.executable, "-c", HEIR], stdout=subprocess.PIPE)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_signals_go_to_whom_the_file_names_and_it_ends_with_them(tmp_path, heir):
    up = tmp_path / "up.json"
    names(up, heir.pid)
    waiting = subprocess.Popen([sys.executable, "-I", "-S", waiter.__file__, str(up)])
    held = {signal.SIGTERM}
    while held - caught(waiting.pid):
        os.sched_yield()
    waiting.send_signal(signal.SIGTERM)
    assert heir.wait(30) == 3
    assert waiting.wait(30) == 0


def caught(pid):
    """The signals that a process has a handler for."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt"):
            mask = int(line.split()[1], 16)
            return {number for number in signal.Signals if mask >> (number - 1) & 1}
    raise AssertionError


@pytest.mark.parametrize("words", ["", "{", "[]", '{"pid": "x"}', "{}"])
def test_a_file_that_names_nobody_ends_the_wait(tmp_path, words):
    up = tmp_path / "up.json"
    up.write_text(words)
    assert waiter.named(up) == 0
    assert (
        subprocess.run([sys.executable, "-I", "-S", waiter.__file__, str(up)], check=False, timeout=30).returncode == 0
    )


def test_children_that_were_left_to_it_are_collected():
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    waiter.collect()
    assert not waiter.lives(child.pid)
    child.wait()
    waiter.collect()
