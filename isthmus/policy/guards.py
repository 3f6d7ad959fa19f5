r"""What an operator asks of the guard for single tenants and keys, beyond what the law asks: off unless written.

It lies in <home>/guard.toml. A key's own entry counts before its tenant's; one that names neither is everyone's:

    [[guard]]
    tenant = "acme"
    mark = "delimit"            # tool results and documents are marked as data (policy/attacks); or "datamark"
    documents = ["document"]    # names of messages that hold documents
    canary = true               # a mark in the system prompt that no answer may repeat
    names = true                # names and addresses are masked too (policy/names says what it reaches)
    tools = ["search"]          # the only tools that may be offered or called; left out: all

    [[guard.judge]]             # asked in this order (policy/judges)
    name = "attack_model"       # the local model, or a file of policy/data/services or <home>/services
    of = "both"                 # "question": before it is sent; "answer": before it is shown; left out: questions
    regions = ["EU"]            # only what is asked under the law of these; left out: everywhere
    features = ["assistant"]    # only what is asked for these; left out: for all
    on_error = "pass"           # when it is silent: "block" or "pass"; left out: as the region's rule says
    deadline_ms = 200           # for a question, and for each piece of an answer
    actions = {attack = "flag"} # what is done per category; left out: as the judge's own file says

    [guard.pieces]              # how an answer is cut for its judges (policy/pieces); these are what counts if left out
    ends = "。！？!?.\n"         # a piece ends behind one of these; "" for none
    least = 40                  # but has this many characters at least,
    most = 400                  # and not more than this many in a stream,
    whole = 2000                # or this many where the answer is not streamed
    overlap = 160               # characters before it that are shown to the judge again
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from isthmus.core.decision import FEATURES
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller

FILE = "guard.toml"

Action = Literal["block", "flag", "pass"]


class Judged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One judge that is asked."""

    name: str
    of: Literal["question", "answer", "both"] = "question"
    regions: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    on_error: Literal["", "block", "pass"] = ""
    deadline_ms: int = 1_000
    actions: dict[str, Action] = {}

    def is_for(self, side: str, regions: Collection[str], feature: str) -> bool:
        """Whether it is asked about a `side` ("question", "answer") of an exchange under the law of `regions`."""
        if self.of not in (side, "both") or (self.features and feature not in self.features):
            return False
        return not self.regions or any(region in self.regions for region in regions)


class Pieces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is cut for its judges; sizes in characters."""

    ends: str = "。！？!?.\n"
    least: int = 40
    most: int = 400
    whole: int = 2_000
    overlap: int = 160


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
    pieces: Pieces = Pieces()


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
        wrong = _wrong(one)
        if wrong:
            raise Refusal("bad_law", reason=f"{path}: {wrong}")
        found[place] = one
    return found


def _wrong(guard: Guard) -> str:
    """What of an entry cannot be meant, as a sentence."""
    cut = guard.pieces
    if any(judge.deadline_ms < 1 for judge in guard.judge):
        return "a deadline is 1 ms or more"
    unknown = [feature for judge in guard.judge for feature in judge.features if feature not in FEATURES]
    if unknown:
        return f"{unknown[0]} is no feature; they are {', '.join(FEATURES)}"
    if not 1 <= cut.least <= cut.most or cut.whole < cut.most or not 0 <= cut.overlap <= cut.whole:
        return "pieces want 1 <= least <= most <= whole and 0 <= overlap <= whole"
    return ""


def of(guards: Guards, caller: Caller) -> Guard | None:
    """What is asked for `caller`, if anything."""
    return guards.get((caller.key_id, "")) or guards.get(("", caller.tenant)) or guards.get(("", ""))
