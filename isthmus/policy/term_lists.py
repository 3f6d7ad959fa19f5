"""Term lists as data: the starter lists of the house, and those the operator imported.

A list is one TOML file per taxonomy: `[category.<name>]` with a title and its terms. The operator's own lie under
<home>/terms and are added to the starter's. Isthmus ships no list of unclear origin; each file states its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal

STARTER = Path(__file__).parent / "data" / "terms"
LONGEST = 64  # characters of one term


class Category(msgspec.Struct, forbid_unknown_fields=True):
    """One risk: its name for people, and its terms."""

    title: str = ""
    terms: list[str] = []


class TermList(msgspec.Struct, forbid_unknown_fields=True):
    """One taxonomy's list. `origin` says who wrote it and on what ground it may be used."""

    origin: str
    title: str = ""
    category: dict[str, Category] = {}


def read(path: Path) -> TermList:
    """One file. Raises Refusal bad_law naming the place; terms are never quoted."""
    try:
        listed = msgspec.convert(tomllib.loads(path.read_text("utf-8")), TermList)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    for name, category in listed.category.items():
        if any(not term.strip() or len(term) > LONGEST for term in category.terms):
            raise Refusal("bad_law", reason=f"{path}: category {name}: a term has 1 to {LONGEST} characters")
    return listed


def load(home: Path | None = None) -> dict[str, dict[str, str]]:
    """House.terms: taxonomy -> term -> category, starter lists first, then those under `home`/terms."""
    lists: dict[str, dict[str, str]] = {}
    folders = [STARTER] if home is None else [STARTER, home / "terms"]
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            own = lists.setdefault(path.stem.partition(".")[0], {})
            for name, category in read(path).category.items():
                own.update(dict.fromkeys(category.terms, name))
    return lists


def starter(taxonomy: str) -> dict[str, str]:
    """The starter list of one taxonomy. Raises Refusal bad_law when there is none: a scan without a list is no scan."""
    path = STARTER / f"{taxonomy}.toml"
    if not path.is_file():
        raise Refusal("bad_law", reason=f"no term list for taxonomy {taxonomy}: isthmus moderation import")
    return {term: name for name, category in read(path).category.items() for term in category.terms}


def titles() -> Mapping[str, str]:
    """The title of each starter taxonomy."""
    return {path.stem: read(path).title for path in sorted(STARTER.glob("*.toml"))}
