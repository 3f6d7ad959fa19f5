"""Places on the map, as law and partner files name them.

A place is an ISO 3166-1 alpha-2 code, a group below, or "*" (anywhere, or nobody said where). Source of the groups: the
Treaty on European Union, Art 52; the Agreement on the European Economic Area.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

EVERYWHERE = "*"
EU = frozenset(
    (
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
        "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    )
)  # fmt: skip
EEA = EU | {"IS", "LI", "NO"}
GROUPS = {"EU": EU, "EEA": EEA}
_CODE = re.compile(r"[A-Z]{2}")


def is_place(word: str) -> bool:
    """True for a two-letter code, a group's name or "*"."""
    return word == EVERYWHERE or word in GROUPS or _CODE.fullmatch(word) is not None


def expand(places: Iterable[str]) -> frozenset[str]:
    """`places` with every group replaced by its members; "*" stays, since it has none."""
    found: set[str] = set()
    for place in places:
        found |= GROUPS.get(place, frozenset((place,)))
    return frozenset(found)


def within(inner: Iterable[str], outer: Iterable[str]) -> bool:
    """True when every place of `inner` lies in `outer`. An empty `inner` is unknown, and lies nowhere but in "*"."""
    bounds = expand(outer)
    if EVERYWHERE in bounds:
        return True
    places = expand(inner)
    return bool(places) and places <= bounds
