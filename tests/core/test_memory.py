"""What a start took goes back to the system, and what it holds stays."""

import ctypes
import mmap
import subprocess
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
55d0c0016000-55d0c0018000 rw-s 00015000 fe:00 7    /var/shared
Anonymous:             0 kB
55d0c0018000-55d0c0019000 r--s 00000000 fe:00 7    /var/read
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
    assert list(memory._unwritten(SMAPS)) == [
        (0x55D0C0000000, 0x10000),
        (0x55D0C0010000, 0x2000),
        (0x55D0C0018000, 0x1000),
    ]


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
def test_threads_share_one_arena():
    code = (
        "import ctypes, threading; from isthmus.core import memory; memory.share_arena(); libc = ctypes.CDLL(None);"
        "libc.malloc.restype = ctypes.c_void_p; libc.malloc.argtypes = [ctypes.c_size_t]; places = [];"
        "threads = [threading.Thread(target=lambda: places.append(libc.malloc(9000))) for _ in range(3)];"
        "[each.start() for each in threads]; [each.join() for each in threads];"
        "heap = next(line for line in open('/proc/self/maps') if '[heap]' in line).split()[0].split('-');"
        "print(all(int(heap[0], 16) <= place < int(heap[1], 16) for place in places))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


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
    memory.share_arena()
