"""Bytes that must last: whole writes, and writes that are on disk when they return.

Where the system has no call of its own for data alone (macOS), everything of the file is synced.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_DURABLY = getattr(os, "RWF_DSYNC", 0)
_UNKNOWN = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

sync = getattr(os, "fdatasync", os.fsync)


def write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`; a short write (disk full) goes on until the system says why. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_durably(descriptor: int, data: bytes) -> None:
    """Write all of `data` where the file stands; it is on disk when this returns. Raises OSError.

    One system call where there is one for it (Linux: pwritev2 with RWF_DSYNC), because a thread of the interpreter
    interrupts the others each time it comes back from one. Not every file system knows it.
    """
    view = memoryview(data)
    try:
        while view and _DURABLY:
            view = view[os.pwritev(descriptor, [view], -1, _DURABLY) :]
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    if view:
        write(descriptor, view)
        sync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make durable which files `folder` holds. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
