"""Term lists as data: the starter lists of the house, and those the operator imported.

A list is one TOML file per taxonomy: `[category.<name>]` with a title and its terms. The operator's own lie under
<home>/terms and are added to the starter's. Isthmus ships no list of unclear origin; each file states its own.
What all lists compile to (policy/term_index) is kept under <home>/cache, named by the digest of the lists.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.policy import term_index
from isthmus.policy.term_index import Index

STARTER = Path(__file__).parent / "data" / "terms"
LONGEST = 64  # characters of one term
_KEPT = 3  # compiled lists on disk


class Category(msgspec.Struct, forbid_unknown_fields=True):
    """One risk: its name for people, its terms, and what is done to a text that holds one.

    block: the question is refused, the answer stops. mask: the word is covered. flag: the receipt tells it.
    """

    title: str = ""
    terms: list[str] = []
    action: Literal["block", "mask", "flag"] = "block"


class TermList(msgspec.Struct, forbid_unknown_fields=True):
    """One taxonomy's list. `origin` says who wrote it and on what ground it may be used."""

    origin: str
    title: str = ""
    category: dict[str, Category] = {}


def read(path: Path) -> TermList:
    """One file. Raises Refusal bad_law naming the place; terms are never quoted."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> TermList:
    try:
        listed = msgspec.convert(tomllib.loads(content.decode()), TermList)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    for name, category in listed.category.items():
        if any(not term.strip() or len(term) > LONGEST for term in category.terms):
            raise Refusal("bad_law", reason=f"{path}: category {name}: a term has 1 to {LONGEST} characters")
    return listed


class TermLists(Mapping[str, Mapping[str, str]]):
    """House.terms: taxonomy -> term -> category, starter lists first, then the operator's.

    The lists themselves are read only when somebody asks for a word of them; `index` and `count` come from what is kept
    compiled, so that a worker holds no list.
    """

    def __init__(self, sources: Mapping[Path, bytes], cache: Path | None) -> None:
        self._sources = sources
        self._index: Index | None = None
        self._lists: dict[str, dict[str, tuple[str, str]]] | None = None
        self._path: Path | None = None
        if cache is not None:
            names = {f"{place} {path.name}": content for place, (path, content) in enumerate(sources.items())}
            self._path = cache / f"terms-{term_index.digest(names)}.bin"
        if self._path is None or not self._path.exists():
            self._parsed()  # a damaged list is refused now

    def _parsed(self) -> dict[str, dict[str, tuple[str, str]]]:
        if self._lists is None:
            self._lists = {}
            for path, content in self._sources.items():
                own = self._lists.setdefault(path.stem.partition(".")[0], {})
                for name, category in _parse(path, content).category.items():
                    own.update(dict.fromkeys(category.terms, (name, category.action)))
        return self._lists

    @property
    def index(self) -> Index:
        """The compiled lists: from disk, else compiled now and kept."""
        if self._index is None:
            kept = None if self._path is None else term_index.restore(self._path)
            if kept is None:
                kept = self._compiled()
            self._index = kept
        return self._index

    def _compiled(self) -> Index:
        """Compiled now, and then read from disk where it can be: that leaves nothing of the compiling behind."""
        made = term_index.build(self._parsed())
        if self._path is not None:
            self._keep(made)
            self._lists = None
            made = term_index.restore(self._path) or made
        term_index.forget()
        return made

    def compile(self) -> None:
        """Make the index now, so that whoever needs it next finds it on disk."""
        assert self.index is not None

    def _keep(self, index: Index) -> None:
        """On disk, where it can be; the oldest make room. Without a disk the next start compiles again."""
        if self._path is None:
            return
        try:
            term_index.save(index, self._path)
            kept = sorted(self._path.parent.glob("terms-*.bin"), key=lambda path: path.stat().st_mtime)
            for path in kept[:-_KEPT]:
                path.unlink(missing_ok=True)
        except OSError:
            return

    def count(self, taxonomy: str) -> int:
        """How many terms a taxonomy holds."""
        return self.index.counts.get(taxonomy, 0)

    def __getitem__(self, taxonomy: str) -> Mapping[str, str]:
        return {term: category for term, (category, _) in self._parsed()[taxonomy].items()}

    def __iter__(self) -> Iterator[str]:
        return iter({path.stem.partition(".")[0]: None for path in self._sources})

    def __len__(self) -> int:
        return len({path.stem.partition(".")[0] for path in self._sources})


def load(home: Path | None = None) -> TermLists:
    """The starter lists, and those under `home`/terms. Raises Refusal bad_law naming the place."""
    folders = [STARTER] if home is None else [STARTER, home / "terms"]
    paths = [path for folder in folders for path in sorted(folder.glob("*.toml"))]
    try:
        sources = {path: path.read_bytes() for path in paths}
    except OSError as error:
        raise Refusal("bad_law", reason=str(error)) from None
    return TermLists(sources, None if home is None else home / "cache")


def starter(taxonomy: str) -> dict[str, str]:
    """The starter list of one taxonomy. Raises Refusal bad_law when there is none: a scan without a list is no scan."""
    path = STARTER / f"{taxonomy}.toml"
    if not path.is_file():
        raise Refusal("bad_law", reason=f"no term list for taxonomy {taxonomy}: isthmus moderation import")
    return {term: name for name, category in read(path).category.items() for term in category.terms}


@cache
def starters() -> Mapping[str, Mapping[str, str]]:
    """All starter lists, by taxonomy."""
    return {path.stem: starter(path.stem) for path in sorted(STARTER.glob("*.toml"))}


def titles() -> Mapping[str, str]:
    """The title of each starter taxonomy."""
    return {path.stem: read(path).title for path in sorted(STARTER.glob("*.toml"))}
