"""Steps from the replicas that are to those that should be: small, and never at the cost of who serves."""

from hypothesis import given
from hypothesis import strategies as st

from isthmus.fleet.change import DRAIN_S, PATIENCE_S, Kept, Steps, plan

NEW, OLD = "new", "old"


def kept(name, made=NEW, ready=True, busy=0, drained=None, since=0.0):
    return Kept(name, made, since, ready, busy, drained)


def test_missing_replicas_are_started():
    assert plan([kept("a")], NEW, 3, 0.0) == Steps(start=2)


def test_a_replica_that_is_still_loading_counts():
    assert plan([kept("a", ready=False)], NEW, 1, 0.0) == Steps()


def test_surplus_drains_first_who_is_not_ready_then_who_has_least_to_do():
    three = [kept("a", busy=3), kept("b", busy=1), kept("c", ready=False)]
    assert plan(three, NEW, 1, 0.0).drain == ("c", "b")


def test_a_draining_replica_stops_when_it_has_nothing_to_do_and_gateways_had_time_to_hear_of_it():
    resting = [kept("a"), kept("b", drained=10.0)]
    assert plan(resting, NEW, 1, 10.0 + DRAIN_S / 2).stop == ()
    assert plan(resting, NEW, 1, 10.0 + DRAIN_S).stop == ("b",)


def test_a_draining_replica_finishes_what_it_has():
    resting = [kept("a"), kept("b", busy=1, drained=10.0)]
    assert plan(resting, NEW, 1, 20.0).stop == ()
    assert plan(resting, NEW, 1, 11.0 + PATIENCE_S).stop == ("b",)


def test_a_replica_that_drains_is_brought_back_before_another_is_started():
    resting = [kept("a"), kept("b", busy=1, drained=10.0)]
    assert plan(resting, NEW, 3, 10.5) == Steps(start=1, undrain=("b",))


def test_a_model_change_starts_one_and_takes_nothing_away():
    old = [kept("a", OLD), kept("b", OLD)]
    assert plan(old, NEW, 2, 0.0) == Steps(start=1)


def test_an_old_replica_drains_only_when_a_new_one_is_ready():
    old = [kept("a", OLD), kept("b", OLD)]
    assert plan([*old, kept("c", ready=False)], NEW, 2, 0.0).drain == ()
    assert plan([*old, kept("c")], NEW, 2, 0.0).drain == ("a",)


def test_a_replica_that_an_operator_drains_is_replaced_first():
    two = [kept("a"), kept("b")]
    assert plan(two, NEW, 2, 0.0, frozenset("a")) == Steps(start=1)
    assert plan([*two, kept("c")], NEW, 2, 0.0, frozenset("a")).drain == ("a",)


def test_a_pool_at_zero_drains_all():
    assert plan([kept("a")], NEW, 0, 0.0).drain == ("a",)


@given(st.integers(1, 6), st.integers(1, 6))
def test_a_whole_model_change_never_serves_with_fewer_and_ends(old, wanted):
    pool = [kept(f"o{at}", OLD) for at in range(old)]
    least = min(old, wanted)
    now, made = 0.0, 0
    for _ in range(100):
        steps = plan(pool, NEW, wanted, now)
        for each in pool:
            if each.name in steps.drain:
                each.drained = now
            if each.name in steps.undrain:
                each.drained = None
        pool = [each for each in pool if each.name not in steps.stop]
        for each in pool:
            each.ready = True
        pool += [kept(f"n{made + at}", ready=False) for at in range(steps.start)]
        made += steps.start
        assert sum(each.ready and each.drained is None for each in pool) >= least
        assert sum(each.drained is None for each in pool) <= max(old, wanted) + 1
        now += DRAIN_S
    assert [each.made for each in pool] == [NEW] * wanted
