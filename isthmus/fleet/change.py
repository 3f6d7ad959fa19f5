"""From the replicas that are to those that should be: the next few steps, as data. Pure.

Rules of this room:
1. A replica is never stopped while requests run on it: it drains first, and only then stops.
2. A model change goes one by one: a new replica is ready before an old one drains, so capacity never falls.
3. Steps are small; whoever acts on them asks again a moment later.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

DRAIN_S = 1.0  # gateways read the list ten times a second; after this nobody sends here any more
PATIENCE_S = 600.0  # an answer that is still running then is cut


class Kept(msgspec.Struct):
    """One replica as its keeper sees it. `made` names the settings it was started with; times are monotonic."""

    name: str
    made: str
    since: float
    ready: bool = False
    busy: int = 0
    drained: float | None = None  # since when it drains


class Steps(msgspec.Struct, frozen=True):
    """What to do now: how many to start, whom to drain, whom to bring back, whom to stop."""

    start: int = 0
    drain: tuple[str, ...] = ()
    undrain: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


def plan(kept: Sequence[Kept], made: str, wanted: int, now: float, asked: frozenset[str] = frozenset()) -> Steps:
    """Steps towards `wanted` replicas with settings `made`; `asked` are names that an operator wants drained."""
    fresh = [each for each in kept if each.made == made and each.name not in asked]
    old = [each for each in kept if each.made != made or each.name in asked]
    serving = [each for each in fresh if each.drained is None]
    resting = [each for each in fresh if each.drained is not None]
    undrain = tuple(each.name for each in resting[: max(0, wanted - len(serving))])
    start = max(0, wanted - len(serving) - len(undrain))
    if any(each.drained is None for each in old):
        # One above the number at a time, or a machine that is full could never change its model.
        live = sum(each.drained is None for each in kept)
        start = min(start, max(0, wanted + 1 - live))
    drain = _surplus(serving, wanted) + _replaced(serving, old, wanted)
    stop = tuple(each.name for each in kept if each.name not in undrain and _done(each, now))
    return Steps(start, drain, undrain, stop)


def _surplus(serving: Sequence[Kept], wanted: int) -> tuple[str, ...]:
    """Those above the number: first who is not ready, then who has least to do, then the youngest."""
    order = sorted(serving, key=lambda each: (each.ready, each.busy, -each.since))
    return tuple(each.name for each in order[: max(0, len(serving) - wanted)])


def _replaced(serving: Sequence[Kept], old: Sequence[Kept], wanted: int) -> tuple[str, ...]:
    """Old ones that ready new ones make superfluous."""
    waiting = [each for each in old if each.drained is None]
    spare = sum(each.ready for each in serving) + len(waiting) - wanted
    order = sorted(waiting, key=lambda each: (each.ready, each.busy, each.since))
    return tuple(each.name for each in order[: max(0, min(spare, len(waiting)))])


def _done(each: Kept, now: float) -> bool:
    if each.drained is None or now - each.drained < DRAIN_S:
        return False
    return each.busy == 0 or now - each.drained > PATIENCE_S
