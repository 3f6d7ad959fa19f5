"""Files that are made once: keys and peppers that several processes may want to make in the same moment."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from isthmus.ledger.disk import sync_folder


def write_once(path: Path, data: bytes, mode: int) -> None:
    """Write a file that appears whole or not at all, and never replaces one that another process made first.

    It is durable when this returns. Raises OSError.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
