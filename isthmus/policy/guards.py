"""What an operator asks of the guard for single tenants and keys, beyond what the law asks: off unless written.

It lies in <home>/guard.toml. A key's own entry counts before its tenant's; one that names neither is everyone's:

    [[guard]]
    tenant = "acme"
    mark = "delimit"            # tool results and documents are marked as data (policy/attacks); or "datamark"
    documents = ["document"]    # names of messages that hold documents
    canary = true               # a mark in the system prompt that no answer may repeat
    names = true                # names and addresses are masked too (policy/names says what it reaches)
    tools = ["search"]          # the only tools that may be offered or called; left out: all

    [[guard.judge]]             # asked before anything is sent (policy/judges), in this order
    name = "attack_model"       # the local model, or a file of policy/data/services or <home>/services
    on_error = "pass"           # when it is silent: "block" or "pass"; left out: as the region's rule says
    deadline_ms = 200
    actions = {attack = "flag"} # what is done per category; left out: as the judge's own file says
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller

FILE = "guard.toml"

Action = Literal["block", "flag", "pass"]


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One judge that is asked."""

    name: str
    on_error: Literal["", "block", "pass"] = ""
    deadline_ms: int = 1_000
    actions: dict[str, Action] = {}


class Guard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry."""

    tenant: str = ""
    key: str = ""
    mark: Literal["", "delimit", "datamark"] = ""
    documents: tuple[str, ...] = ("document",)
    canary: bool = False
    names: bool = False
    tools: tuple[str, ...] | None = None
    judge: tuple[Judged, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    guard: list[Guard] = []


Guards = Mapping[tuple[str, str], Guard]  # (key id or "", tenant or "") -> what is asked


def load(home: Path) -> Guards:
    """House.guards. Raises Refusal bad_law naming the place."""
    path = home / FILE
    if not path.exists():
        return {}
    try:
        listed = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).guard
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError, OSError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    found: dict[tuple[str, str], Guard] = {}
    for one in listed:
        place = (one.key, "" if one.key else one.tenant)
        if place in found:
            raise Refusal("bad_law", reason=f"{path}: {one.key or one.tenant or 'everyone'} is named twice")
        if any(judge.deadline_ms < 1 for judge in one.judge):
            raise Refusal("bad_law", reason=f"{path}: a deadline is 1 ms or more")
        found[place] = one
    return found


def of(guards: Guards, caller: Caller) -> Guard | None:
    """What is asked for `caller`, if anything."""
    return guards.get((caller.key_id, "")) or guards.get(("", caller.tenant)) or guards.get(("", ""))
