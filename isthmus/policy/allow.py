"""Exceptions from the term lists: a word that one tenant may use, with a reason and a last day.

They lie in <home>/allow.toml, written by `isthmus moderation allow`:

    [[allow]]
    tenant = "acme"
    term = "赌博网站"
    reason = "reports on gambling crime"
    until = 2027-01-31
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal
from isthmus.policy.normalise import fold, strip

FILE = "allow.toml"


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exception. It no longer counts after `until`."""

    tenant: str
    term: str
    reason: str
    until: date


class _File(msgspec.Struct, forbid_unknown_fields=True):
    allow: list[Allowed] = []


def load(home: Path) -> dict[str, tuple[Allowed, ...]]:
    """House.allowed: tenant -> its exceptions. Raises Refusal bad_law naming the place."""
    path = home / FILE
    if not path.exists():
        return {}
    try:
        listed = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).allow
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    found: dict[str, tuple[Allowed, ...]] = {}
    for one in listed:
        if not one.reason.strip():
            raise Refusal("bad_law", reason=f"{path}: each exception needs a reason")
        found[one.tenant] = (*found.get(one.tenant, ()), one)
    return found


def add(home: Path, one: Allowed) -> None:
    """Write one more exception."""
    known = [
        other
        for group in load(home).values()
        for other in group
        if (other.tenant, other.term) != (one.tenant, one.term)
    ]
    home.mkdir(parents=True, exist_ok=True)
    lines = [
        f"[[allow]]\ntenant = {_quoted(each.tenant)}\nterm = {_quoted(each.term)}\n"
        f"reason = {_quoted(each.reason)}\nuntil = {each.until.isoformat()}\n"
        for each in (*known, one)
    ]
    (home / FILE).write_text("\n".join(lines), "utf-8")


def letters(allowed: Mapping[str, tuple[Allowed, ...]], tenant: str, today: date) -> frozenset[str]:
    """What TermScanner wants to know: the letters of the terms that do not count for `tenant` today."""
    return frozenset(strip(fold(one.term)) for one in allowed.get(tenant, ()) if today <= one.until)


def _quoted(text: str) -> str:
    """A TOML basic string (TOML 1.0, section "String"); JSON's escapes are a subset of it."""
    return msgspec.json.encode(text).decode()
