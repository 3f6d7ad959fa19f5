"""What this machine really gives: memory and cores, less what a container's limits take away.

Source: Linux, Documentation/admin-guide/cgroup-v2.rst (memory.max, cpu.max) and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def memory_mb(cgroup: Path = CGROUP) -> int:
    """Memory that processes here may use, in MB (10^6 bytes)."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = _words(cgroup / name)[:1]
        limits += [int(word) for word in limit if word.isdigit()]
    return min(limits) // 1_000_000


def cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may keep busy, at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _words(cgroup / "cpu.max")
    if len(quota) == 2 and all(word.isdigit() for word in quota):
        allowed = min(allowed, math.ceil(int(quota[0]) / int(quota[1])))
    return max(1, allowed)


def _words(path: Path) -> list[str]:
    """The words of a one-line file, none where it is not there."""
    try:
        return path.read_text("ascii").split()
    except OSError:
        return []
