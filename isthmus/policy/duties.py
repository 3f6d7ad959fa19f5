"""Which duties exist, and in which order they meet a request. The folder is the registry; the order is data.

    minors, strikes, moderation, privacy, consent, (whatever else), label, disclosure, notice, receipt

The same order holds for every moment: on the way in, moderation reads what the person wrote, then privacy masks it,
then consent is looked for, so that its sheet can say how many details are masked; on the way out, moderation reads what
the partner wrote, then privacy restores the details, then the label is added.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from isthmus import policy
from isthmus.core.decision import Obligation, Route, Stage
from isthmus.policy.house import House

OTHERS = "..."
ORDER = ("minors", "strikes", "moderation", "privacy", "consent", OTHERS, "label", "disclosure", "notice", "receipt")

# Verbs that no stage has to meet, and why. Every other verb of the schema has a duty file (a test holds this).
DECIDED = {
    "route.require": "decided when the table is compiled: a route that fails is not in the decision",
    "route.forbid": "decided when the table is compiled: a forbidden route is not in the decision",
    "residency": "decided when the table is compiled: a route elsewhere without a basis is not in the decision",
    "channel.offer": "a door of the operator's own service: clients show it, `isthmus doctor` asks for its address",
    "optout.offer": "a choice in the operator's own settings: clients show it, nothing changes on the wire",
}

Compile = Callable[[Sequence[Obligation], Route, House], Stage | None]


class Duty(NamedTuple):
    """One file of this folder: its name, the verbs it meets, and how it is compiled."""

    name: str
    verbs: frozenset[str]
    compile: Compile


def discover() -> tuple[Duty, ...]:
    """Every module of `isthmus.policy` that exports VERBS and compile, in the order in which they meet a request."""
    found = []
    for module in pkgutil.iter_modules(policy.__path__):
        room = importlib.import_module(f"{policy.__name__}.{module.name}")
        if hasattr(room, "VERBS") and hasattr(room, "compile"):
            found.append(Duty(module.name, frozenset(room.VERBS), room.compile))
    return in_order(found)


def in_order(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    """`duties` as ORDER says; those it does not name stand at "...", by name."""
    other = ORDER.index(OTHERS)
    return tuple(sorted(duties, key=lambda duty: (_place(duty.name, other), duty.name)))


def _place(name: str, other: int) -> int:
    return ORDER.index(name) if name in ORDER else other


def stages(duties: Sequence[Duty], obligations: Sequence[Obligation], route: Route, house: House) -> tuple[Stage, ...]:
    """The stages that meet `obligations` on `route`. An obligation that no duty knows stays an obligation."""
    built = []
    for duty in duties:
        owed = tuple(o for o in obligations if o.verb in duty.verbs)
        stage = duty.compile(owed, route, house) if owed else None
        if stage is not None:
            built.append(stage)
    return tuple(built)
