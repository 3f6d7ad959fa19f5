"""What a long-lived process gives back to the system once its start is over (Linux; elsewhere nothing happens).

Only what nobody can miss: free memory of the allocator (malloc_trim(3)), and pages of program files that were never
written, which come back from the page cache by themselves when they are needed (madvise(2), MADV_DONTNEED). A start
reads far more of the libraries than serving does.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_DONTNEED = 4  # asm-generic/mman-common.h
_ARENA_MAX = -8  # malloc.h


def share_arena() -> None:
    """One arena of the allocator for all threads; call it before there is a second one. Threads that rarely run would
    each keep megabytes for themselves, and while one holds the interpreter's lock the others allocate nothing anyway.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # mallopt(3)
        if mallopt is not None:
            mallopt(_ARENA_MAX, 1)


def settle() -> None:
    """Give back what the start took: some tens of MiB. Takes a few milliseconds."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    trim = getattr(libc, "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)
    with suppress(OSError):
        for start, size in _unwritten(Path("/proc/self/smaps").read_text("utf-8", "replace")):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _DONTNEED)


def _unwritten(smaps: str) -> Iterator[tuple[int, int]]:
    """Start and size of every mapping of a file that nobody may write and nobody has written (proc(5))."""
    start = size = 0
    for line in smaps.splitlines():
        first, *rest = line.split(maxsplit=5)
        if first.endswith(":"):
            if first == "Anonymous:" and rest[0] == "0" and size:
                yield start, size
            continue
        size = 0
        if rest[0] in ("r-xp", "r--p", "r--s") and rest[-1].startswith("/"):
            start, end = (int(place, 16) for place in first.split("-"))
            size = end - start
