"""What a start took goes back to the system, and what it holds stays."""

import ctypes
import mmap
import sys
from pathlib import Path

import pytest

from isthmus.core import memory

SMAPS = """\
55d0c0000000-55d0c0010000 r-xp 00001000 fe:00 7    /usr/lib/libcode.so
Rss:                  64 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
55d0c0010000-55d0c0012000 r--p 00011000 fe:00 7    /usr/lib/a name with blanks.so
Anonymous:             0 kB
55d0c0012000-55d0c0014000 r--p 00013000 fe:00 7    /usr/lib/relocated.so
Anonymous:             8 kB
55d0c0014000-55d0c0016000 rw-p 00015000 fe:00 7    /usr/lib/written.so
Anonymous:             0 kB
55d0c0016000-55d0c0018000 r--s 00015000 fe:00 7    /var/shared
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 00:00 0    [vdso]
Anonymous:             0 kB
7f0000002000-7f0000004000 r--p 00000000 00:00 0
Anonymous:             0 kB
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no smaps")


def rss_kib():
    return int(Path("/proc/self/smaps_rollup").read_text().partition("Rss:")[2].split()[0])


def test_only_code_and_constants_that_nobody_has_written_are_let_go_of():
    assert list(memory._unwritten(SMAPS)) == [(0x55D0C0000000, 0x10000), (0x55D0C0010000, 0x2000)]


@linux
def test_settling_makes_the_process_smaller_and_changes_nothing():
    held = mmap.mmap(-1, 1 << 20)
    held[:4] = b"kept"
    before = rss_kib()
    memory.settle()
    assert rss_kib() < before - 1024
    assert held[:4] == b"kept"
    held.close()


@linux
def test_a_system_that_tells_nothing_of_its_mappings_is_left_alone(monkeypatch):
    def hidden(self, *rest):
        raise PermissionError

    monkeypatch.setattr(memory.Path, "read_text", hidden)
    memory.settle()


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("asked for a library"))
    memory.settle()
