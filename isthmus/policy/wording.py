"""The sentences a duty says to a person, per language and region. They are data: policy/data/wording/*.toml.

A file is one language; `[name]` holds the words, `[region.<ID>.name]` replaces some of them in one region. Which
language is used: the caller's own, else the region's, else English.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from isthmus.core.decision import Citation

FOLDER = Path(__file__).parent / "data" / "wording"
DEFAULT = "en"
_REGION_LANGUAGE = {"CN": "zh-CN"}


@cache
def _languages() -> Mapping[str, Mapping[str, Any]]:
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


def language_for(asked: str, region: str) -> str:
    """The language of wording files for a caller who asked for `asked` (a BCP 47 tag, or "") in `region`."""
    known = _languages()
    if asked in known:
        return asked
    primary = asked.partition("-")[0].lower()
    if primary:
        for tag in known:
            if tag.partition("-")[0] == primary:
                return tag
    return _REGION_LANGUAGE.get(region, DEFAULT)


@cache
def words(name: str, language: str, region: str) -> Mapping[str, str]:
    """The words of group `name`, with the region's own laid over them. Raises KeyError for an unknown group."""
    tree = _languages()[language]
    own = tree.get("region", {}).get(region, {}).get(name, {})
    return {**tree[name], **own}


def law_line(law: Iterable[Citation]) -> str:
    """The citations of an obligation in one line: title and article, joined by semicolons."""
    return "; ".join(f"{cited.title} {cited.article}".strip() for cited in law)
