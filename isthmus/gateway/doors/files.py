"""The files door: /v1/files, what batches are made from and end in. Sealed on disk, and each tenant's alone.

A file's name and size are content too: they stand in its first, sealed record. Files older than DAYS are deleted.
Source: OpenAI API reference, "Files".
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.gateway.doors.vault import PIECE, Vault

PATH = b"/v1/files"
DAYS = 30
PURPOSES = ("batch",)
LIMIT = 32 << 20  # bytes of one upload
ROOM = 256 << 20  # bytes of all files of one tenant
_ID = re.compile(r"file-[0-9a-f]{24}")


class About(msgspec.Struct):
    """What the files API says of a file. Times are seconds since 1970."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    object: str = "file"
    status: str = "processed"
    expires_at: int = 0


_about = msgspec.json.Decoder(About)


def tenant_folder(folder: Path, tenant: str) -> Path:
    """Where one tenant's files lie; the name of the folder does not say whose they are."""
    return folder / hashlib.sha256(tenant.encode()).hexdigest()[:32]


class Files:
    """All files under one folder."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._vaults: dict[str, Vault] = {}

    def vault(self, tenant: str) -> Vault:
        """The sealed folder of `tenant`."""
        found = self._vaults.get(tenant)
        if found is None:
            found = self._vaults[tenant] = Vault(tenant_folder(self._folder, tenant))
        return found

    def add(self, tenant: str, filename: str, purpose: str, content: bytes) -> About:
        """Keep an upload. Raises Refusal bad_field or body_too_large."""
        if purpose not in PURPOSES:
            raise Refusal("bad_field", field="purpose", reason="one of " + ", ".join(PURPOSES))
        if len(content) > LIMIT or self.used(tenant) + len(content) > ROOM:
            raise Refusal("body_too_large", limit=LIMIT if len(content) > LIMIT else ROOM)
        return self.put(tenant, filename, purpose, (content[at : at + PIECE] for at in range(0, len(content), PIECE)))

    def put(self, tenant: str, filename: str, purpose: str, pieces: Iterable[bytes]) -> About:
        """Write a file of our own making, or an upload that was checked."""
        now = self._clock.epoch_ms() // 1000
        name = f"file-{secrets.token_hex(12)}"
        held = list(pieces)
        about = About(name, sum(map(len, held)), now, filename[:255], purpose, expires_at=now + DAYS * 86400)
        self.vault(tenant).write(f"{name}.file", [msgspec.json.encode(about), *held])
        return about

    def find(self, tenant: str, name: str) -> About:
        """What a file is. Raises Refusal unknown_object."""
        return _about.decode(next(self._records(tenant, name)))

    def content(self, tenant: str, name: str) -> bytes:
        """A file, whole. Raises Refusal unknown_object."""
        records = self._records(tenant, name)
        next(records)
        return b"".join(records)

    def all(self, tenant: str) -> list[About]:
        """Every file of a tenant, newest first."""
        folder = self.vault(tenant).folder
        found = [self.find(tenant, path.stem) for path in folder.glob("file-*.file")]
        return sorted(found, key=lambda about: (about.created_at, about.id), reverse=True)

    def used(self, tenant: str) -> int:
        """Bytes on disk of a tenant's files."""
        return sum(path.stat().st_size for path in self.vault(tenant).folder.glob("file-*.file"))

    def remove(self, tenant: str, name: str) -> dict[str, Any]:
        """Delete a file. Raises Refusal unknown_object."""
        if _ID.fullmatch(name) is None or not self.vault(tenant).remove(f"{name}.file"):
            raise Refusal("unknown_object", kind="file", id="-")
        return {"id": name, "object": "file", "deleted": True}

    def sweep(self) -> int:
        """Delete what is older than DAYS, whoever's it is; returns how many."""
        oldest = self._clock.epoch_ms() / 1000 - DAYS * 86400
        old = [path for path in self._folder.glob("*/*.*") if path.stat().st_mtime < oldest]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _records(self, tenant: str, name: str) -> Iterator[bytes]:
        if _ID.fullmatch(name) is None:
            raise Refusal("unknown_object", kind="file", id="-")
        try:
            yield from self.vault(tenant).read(f"{name}.file")
        except FileNotFoundError:
            raise Refusal("unknown_object", kind="file", id=name) from None
