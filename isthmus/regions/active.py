"""Which version of the law this node serves by: files that take the place of the package's own.

    <home>/regions/<version>/*.toml    the files of a version, written before it is activated
    <home>/regions/active              the version's name; no such file: the law of this package

The control process writes, workers read. Writing the name is one rename, so that nobody ever reads half of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from isthmus.core.errors import Refusal

PACKAGED = "packaged"
_VERSION = re.compile(r"[0-9a-f]{12}|packaged")


def version(home: Path) -> str:
    """The active version's name. Raises Refusal bad_law when the file holds no version's name."""
    try:
        word = (home / "regions" / "active").read_text("ascii").strip()
    except FileNotFoundError:
        return PACKAGED
    if not _VERSION.fullmatch(word):
        raise Refusal("bad_law", reason=f"{home}/regions/active does not name a version.")
    return word


def files(home: Path) -> tuple[Path, ...]:
    """The region files that take the place of the package's own (regions.load.load's `instead`)."""
    word = version(home)
    return () if word == PACKAGED else tuple(sorted((home / "regions" / word).glob("*.toml")))


def write(home: Path, word: str, texts: dict[str, str]) -> tuple[Path, ...]:
    """Write a version's files down (region id -> TOML); nothing is active yet. Raises OSError."""
    if not _VERSION.fullmatch(word):
        raise Refusal("bad_law", reason="a version's name has 12 hexadecimal digits")
    folder = home / "regions" / word
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for region, text in sorted(texts.items()):
        path = folder / f"{region.lower().replace('-', '_')}.toml"
        _replace(path, text)
        written.append(path)
    return tuple(written)


def activate(home: Path, word: str) -> None:
    """Make a version that was written the active one. Raises OSError."""
    (home / "regions").mkdir(parents=True, exist_ok=True)
    _replace(home / "regions" / "active", word + "\n")


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
