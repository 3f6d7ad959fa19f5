"""What a person's own device may look for by itself: the starter lists that ship with Isthmus, never an operator's.

A region's scan binds a model on the device too, and there no gateway reads along. The page gets the starter's terms
(a few hundred, printed in this repository anyway) for the taxonomies that the region's decision names for a device; an
operator's reviewed list stays on the operator's machines.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from isthmus.core.decision import Obligation
from isthmus.policy.term_lists import STARTER, read


def terms_for(owed: Iterable[Obligation]) -> list[str]:
    """The starter terms that these obligations' scans stop, without doubles, in the lists' order."""
    taxonomies = dict.fromkeys(str(each.values["taxonomy"]) for each in owed if each.verb == "scan")
    return list(dict.fromkeys(term for taxonomy in taxonomies for term in _stopping(taxonomy)))


@cache
def _stopping(taxonomy: str) -> tuple[str, ...]:
    """The terms of one starter list that stop a text; none where Isthmus ships no such list."""
    path = STARTER / f"{taxonomy}.toml"
    if not path.exists():
        return ()
    return tuple(term for each in read(path).category.values() if each.action == "block" for term in each.terms)
