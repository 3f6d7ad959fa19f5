"""The least capacity that serves everybody lawfully, at every quarter hour, also when a site or a region is gone.

    groups    (region, sites that may serve them, load at each quarter hour)
    needs     for every set of groups that share sites: what those sites must carry together at its worst quarter hour.
              By max-flow min-cut (Hall's condition) these needs are also enough.
    covering  min cost of capacity such that each need is met: a linear programme with one row per site in its dual,
              which starts feasible, so that a plain simplex with Bland's rule solves it exactly.

Rules of this file. A question whose every site is gone is not lawfully servable then, and asks for no capacity.
Prices of the dual are the capacities, and the two values agree: a proof of optimality that comes with each answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from isthmus.core.errors import Refusal

MOST_SETS = 4096
TINY = 1e-9

Load = Sequence[float]


class Group(NamedTuple):
    """One region's questions that may go to the same sites, and their load at each quarter hour."""

    region: str
    sites: frozenset[str]
    load: Load


class Loss(NamedTuple):
    """`sites` are gone; each region's load then counts `factor` times (cold caches make it more, haste makes it
    less).
    """

    sites: frozenset[str]
    factor: Mapping[str, float]


NO_LOSS = Loss(frozenset(), {})


class Provision(NamedTuple):
    """Capacity per site (in the unit of the load), its cost, and the value of the dual, which equals it."""

    capacity: dict[str, float]
    cost: float
    proof: float


def provision(
    groups: Sequence[Group],
    cost: Mapping[str, float],
    losses: Sequence[Loss] = (),
    floors: Mapping[frozenset[str], float] | None = None,
) -> Provision:
    """The cheapest capacities for `groups` over the sites of `cost` (cost per unit).

    Any one of `losses` may happen; `floors` are what some sites must carry together in any case.
    """
    needs: dict[frozenset[str], float] = dict(floors or {})
    for lost in (NO_LOSS, *losses):
        alive = [
            (sites - lost.sites, [value * lost.factor.get(region, 1.0) for value in load])
            for region, sites, load in groups
            if sites - lost.sites
        ]
        for sites, need in _needs(alive).items():
            needs[sites] = max(needs.get(sites, 0.0), need)
    return cover(needs, cost)


def peak(loads: Sequence[Load]) -> float:
    """The worst quarter hour of all loads together."""
    return max(map(sum, zip(*loads, strict=True)), default=0.0)


def _needs(groups: Sequence[tuple[frozenset[str], Load]]) -> dict[frozenset[str], float]:
    """Worst load of every connected union of site sets, counting all groups that can go nowhere else."""
    merged: dict[frozenset[str], Load] = {}
    for sites, load in groups:
        old = merged.get(sites)
        merged[sites] = load if old is None else [a + b for a, b in zip(old, load, strict=True)]
    found = set(merged)
    edge = list(found)
    while edge:
        union = edge.pop()
        for sites in merged:
            both = union | sites
            if both not in found and union & sites:
                found.add(both)
                edge.append(both)
                if len(found) > MOST_SETS:
                    raise Refusal(
                        "usage", reason="These regions share sites in too many ways to plan exactly. Name fewer."
                    )
    return {union: peak([load for sites, load in merged.items() if sites <= union]) for union in found}


def cover(needs: Mapping[frozenset[str], float], cost: Mapping[str, float]) -> Provision:
    """Minimise cost x capacity with the sum over each set at least its need. Its dual: max need x weight, at most cost
    per site.
    """
    names = list(cost)
    columns = [(sites, need) for sites, need in needs.items() if need > 0]
    if not columns:
        return Provision(dict.fromkeys(names, 0.0), 0.0, 0.0)
    scale = max(need for _, need in columns)
    width = len(columns)
    rows = [
        [1.0 if name in sites else 0.0 for sites, _ in columns]
        + [1.0 if other == name else 0.0 for other in names]
        + [float(cost[name])]
        for name in names
    ]
    goal = [-need / scale for _, need in columns] + [0.0] * (len(names) + 1)
    basis = [width + place for place in range(len(names))]
    while (enter := next((n for n, value in enumerate(goal[:-1]) if value < -TINY), None)) is not None:
        ratios = [(row[-1] / row[enter], basis[n], n) for n, row in enumerate(rows) if row[enter] > TINY]
        _, _, leave = min(ratios)  # never empty: every set holds a site, so the dual is bounded
        _pivot(rows, goal, leave, enter)
        basis[leave] = enter
    capacity = {name: max(0.0, goal[width + n] * scale) for n, name in enumerate(names)}
    return Provision(capacity, sum(capacity[name] * cost[name] for name in names), goal[-1] * scale)


def _pivot(rows: list[list[float]], goal: list[float], leave: int, enter: int) -> None:
    pivot = rows[leave]
    factor = pivot[enter]
    pivot[:] = [value / factor for value in pivot]
    for row in (*rows[:leave], *rows[leave + 1 :], goal):
        factor = row[enter]
        if factor:
            row[:] = [value - factor * other for value, other in zip(row, pivot, strict=True)]
