"""Sealed files: what a batch must keep on disk is unreadable without its folder's key, and gone with it.

A file is a row of frames: length (4 bytes), nonce (12), AES-256-GCM text. Each frame is bound to its file's name and
its place, so frames can be neither moved nor exchanged. An append is on disk when it returns; a frame that a crash tore
is cut off at the next append, and never read.
Source: NIST SP 800-38D (GCM; random 96-bit nonces, far fewer than 2**32 per key).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from isthmus.core.errors import Refusal
from isthmus.ledger import disk

_HEAD = struct.Struct(">I")
_NONCE = 12
PIECE = 64 << 10


class Vault:
    """The sealed files of one folder. Names are made by this house, never by a caller."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder
        self._cipher = AESGCM(_key(folder / "key"))

    def write(self, name: str, records: Iterable[bytes]) -> int:
        """A whole file at once: it is there complete, or not at all. Returns how many bytes of records it holds."""
        path = self.folder / name
        unfinished = path.with_suffix(".part")
        size = 0
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for number, record in enumerate(records):
                file.write(self._frame(name, number, record))
                size += len(record)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        self._sync_folder()
        return size

    def read(self, name: str) -> Iterator[bytes]:
        """The records of a file, as far as they are whole. Raises FileNotFoundError, or Refusal data_damaged."""
        with (self.folder / name).open("rb") as file:
            number = 0
            while True:
                frame = _next(file.read)
                if frame is None:
                    return
                yield self._open(name, number, frame)
                number += 1

    def append(self, name: str) -> Appender:
        """Go on with a file after its last whole record."""
        path = self.folder / name
        number = end = 0
        if path.exists():
            with path.open("rb") as file:
                while (frame := _next(file.read)) is not None:
                    number += 1
                    end += _HEAD.size + len(frame)
        return Appender(self, name, number, end)

    def remove(self, name: str) -> bool:
        """Delete a file; returns whether it was there."""
        path = self.folder / name
        if not path.exists():
            return False
        path.unlink()
        self._sync_folder()
        return True

    def _frame(self, name: str, number: int, record: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        text = nonce + self._cipher.encrypt(nonce, record, _bound(name, number))
        return _HEAD.pack(len(text)) + text

    def _open(self, name: str, number: int, frame: bytes) -> bytes:
        try:
            return self._cipher.decrypt(frame[:_NONCE], frame[_NONCE:], _bound(name, number))
        except InvalidTag:
            reason = f"{name}, record {number} is not what this node wrote. Restore the file or delete it."
            raise Refusal("data_damaged", reason=reason) from None

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Appender:
    """One file that grows. Only one process appends to a file."""

    def __init__(self, vault: Vault, name: str, number: int, end: int) -> None:
        self._vault = vault
        self._name = name
        self._number = number
        descriptor = os.open(vault.folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._file.truncate(end)  # what a crash left of a record
        self._file.seek(end)

    def add(self, record: bytes) -> None:
        """One record; it is on disk when this returns."""
        self._file.write(self._vault._frame(self._name, self._number, record))  # noqa: SLF001  # same room
        self._file.flush()
        disk.sync(self._file.fileno())
        self._number += 1

    def close(self) -> None:
        self._file.close()


def _bound(name: str, number: int) -> bytes:
    return f"{name}:{number}".encode()


def _next(read: object) -> bytes | None:
    """The next whole frame, or None at the end or at a torn one."""
    head = read(_HEAD.size)  # type: ignore[operator]
    if len(head) < _HEAD.size:
        return None
    (length,) = _HEAD.unpack(head)
    frame: bytes = read(length)  # type: ignore[operator]
    return frame if len(frame) == length else None


def _key(path: Path) -> bytes:
    """The folder's key, made on first use; of several processes that make one, the first wins."""
    if not path.exists():
        unfinished = path.with_name(f"key.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(AESGCM.generate_key(256))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()
    return path.read_bytes()
