"""The least capacity: enough for every need, at no more than its price."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.planner.provision import Group, Loss, cover, peak, provision

NAMES = ("a", "b", "c", "d")
SETS = st.sets(st.sampled_from(NAMES), min_size=1).map(frozenset)
COST = dict.fromkeys(NAMES, 1.0)


def group(sites, *load, region="r"):
    return Group(region, frozenset(sites), load)


@given(st.dictionaries(SETS, st.floats(0, 1000), max_size=8), st.lists(st.floats(0.1, 10), min_size=4, max_size=4))
def test_a_cover_meets_every_need_and_proves_that_it_is_the_cheapest(needs, prices):
    cost = dict(zip(NAMES, prices, strict=True))
    found = cover(needs, cost)
    for sites, need in needs.items():
        assert sum(found.capacity[name] for name in sites) >= need * (1 - 1e-6) - 1e-6
    assert found.cost == pytest.approx(found.proof, rel=1e-6, abs=1e-6)


@settings(max_examples=40)
@given(st.lists(st.tuples(SETS, st.lists(st.floats(0, 100), min_size=3, max_size=3)), min_size=1, max_size=5))
def test_any_site_may_be_lost_and_everybody_who_may_still_be_served_is(rows):
    groups = [group(sites, *load) for sites, load in rows]
    losses = [Loss(frozenset((name,)), {}) for name in NAMES]
    capacity = provision(groups, COST, losses).capacity
    for lost in (None, *NAMES):
        alive = {name: room for name, room in capacity.items() if name != lost}
        for slot in range(3):
            assert flow(groups, alive, slot) == pytest.approx(
                sum(g.load[slot] for g in groups if g.sites - {lost}), rel=1e-6, abs=1e-5
            )


def flow(groups, capacity, slot):
    """Most load that can be placed: augmenting paths, independent of the code under test."""
    edges = {}
    for n, g in enumerate(groups):
        edges["s", n] = g.load[slot]
        for name in g.sites:
            if name in capacity:
                edges[n, name] = float("inf")
    for name, room in capacity.items():
        edges[name, "t"] = room
    total = 0.0
    while True:
        path, seen = [("s",)], {"s"}
        found = None
        while path:
            way = path.pop(0)
            if way[-1] == "t":
                found = way
                break
            for (one, two), room in edges.items():
                if one == way[-1] and two not in seen and room > 1e-9:
                    seen.add(two)
                    path.append((*way, two))
        if found is None:
            return total
        steps = list(itertools.pairwise(found))
        least = min(edges[step] for step in steps)
        total += least
        for one, two in steps:
            edges[one, two] -= least
            edges[two, one] = edges.get((two, one), 0.0) + least


def test_two_regions_apart_need_both_peaks_and_together_only_the_joint_one():
    apart = [group("a", 10, 0), group("b", 0, 10, region="q")]
    pooled = [group("ab", 10, 0), group("ab", 0, 10, region="q")]
    assert provision(apart, COST).cost == pytest.approx(20)
    assert provision(pooled, COST).cost == pytest.approx(10)


def test_the_cheaper_site_is_taken():
    found = provision([group("ab", 5)], {"a": 1.0, "b": 3.0})
    assert found.capacity == pytest.approx({"a": 5.0, "b": 0.0})


def test_who_has_nowhere_left_asks_for_nothing():
    alone = [group("a", 10)]
    assert provision(alone, COST, [Loss(frozenset("a"), {})]).cost == pytest.approx(10)


def test_cold_caches_make_a_loss_dearer():
    groups = [group("ab", 10)]
    losses = [Loss(frozenset(name), {"r": 1.5}) for name in "ab"]
    assert provision(groups, COST, losses).cost == pytest.approx(30)


def test_a_floor_is_kept():
    found = provision([group("ab", 10)], {"a": 1.0, "b": 3.0}, floors={frozenset("b"): 4.0})
    assert found.capacity["b"] == pytest.approx(4)
    assert sum(found.capacity.values()) == pytest.approx(10)


def test_no_load_needs_nothing():
    assert provision([], COST).cost == 0
    assert peak([]) == 0
    assert peak([(1, 5), (2, 1)]) == 6
