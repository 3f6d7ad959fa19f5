"""The ledger under what really happens to machines: killed processes, disks that fail, disks that fill."""

import ctypes
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from isthmus.ledger import read
from isthmus.ledger.verify import verify

WRITER = Path(__file__).with_name("writer.py")
ROUNDS = 1000 if os.environ.get("ISTHMUS_LONG") else 20

_spec = importlib.util.spec_from_file_location("writer", WRITER)
writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(writer)


def start_writer(folder, seconds):
    """Fork a process that writes for ever; its acknowledgements until it is killed after `seconds`."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        # Something that writes all the time, with nothing of the test's own to clean up.
        writer.write(folder, 1_000_000, lambda text: os.write(theirs, text.encode()), group=random.randrange(1, 40))
        os._exit(0)
    os.close(theirs)
    killer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
    killer.start()
    with open(ours, "rb") as pipe:
        heard = pipe.read()
    os.waitpid(child, 0)
    killer.join()
    whole, _, _ = heard.rpartition(b"\n")
    return whole.decode().split()


def test_whoever_kills_the_writer_finds_every_acknowledged_receipt(tmp_path):
    draw = random.Random(7)
    acknowledged = []
    for turn in range(ROUNDS):
        heard = start_writer(tmp_path / "ledger", 0.02 + draw.random() * 0.15)
        assert "failed" not in heard, turn
        acknowledged += heard
        report = verify(tmp_path / "ledger")
        assert report.damages == [], turn
        if turn % 50 == 49 or turn == ROUNDS - 1:
            found = {entry.id for entry in read.iterate(tmp_path / "ledger")}
            assert found.issuperset(acknowledged), turn
            assert len(found) == report.entries
            shutil.rmtree(tmp_path / "ledger")
            acknowledged = []
    assert report.entries


def run_writer(folder, *before):
    done = subprocess.run(
        [*before, sys.executable, str(WRITER), str(folder), "700"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    words = done.stdout.split()
    return words, done


@pytest.fixture
def strace():
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is not installed, so no disk error can be injected")
    if subprocess.run([found, "-f", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this process may not trace another, so no disk error can be injected")
    return found


@pytest.mark.parametrize("when", [1, 2, 5, 9, 20])
def test_after_a_disk_error_nothing_is_acknowledged(tmp_path, strace, when):
    inject = f"inject=pwritev2:error=EIO:when={when}+"
    words, done = run_writer(
        tmp_path / "ledger", strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwritev2", "-e", inject
    )
    assert words[-2:] == ["failed", "ledger_failed"], done.stderr
    acknowledged = words[:-2]
    found = {entry.id for entry in read.iterate(tmp_path / "ledger")}
    assert found.issuperset(acknowledged)
    assert len(acknowledged) < 700


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, b"size=128k"):
        pytest.skip(f"no small disk can be mounted: {os.strerror(ctypes.get_errno())}")
    yield place
    libc.umount2(bytes(place), 2)


def test_a_full_disk_is_told_and_everything_acknowledged_stays(small_disk):
    words, done = run_writer(small_disk / "ledger")
    assert words[-2:] == ["failed", "ledger_failed"], done.stderr
    acknowledged = words[:-2]
    assert acknowledged
    assert {entry.id for entry in read.iterate(small_disk / "ledger")}.issuperset(acknowledged)
    assert verify(small_disk / "ledger").damages == []


def test_a_ledger_goes_on_when_there_is_room_again(small_disk):
    words, _ = run_writer(small_disk / "ledger")
    acknowledged = words[:-2]
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"tmpfs", bytes(small_disk), b"tmpfs", 32, b"size=4m") == 0
    words, done = run_writer(small_disk / "ledger")
    assert len(words) == 700, done.stderr
    assert {entry.id for entry in read.iterate(small_disk / "ledger")}.issuperset([*acknowledged, *words])
    assert verify(small_disk / "ledger").damages == []
