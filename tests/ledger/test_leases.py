"""The promise of every store of leases, on SQLite, PostgreSQL and Valkey: taken never exceeds the limit."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.ledger.database import Database
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.lease_valkey import ValkeyLeases
from isthmus.ledger.leases import KEEP_MS, TTL_MS, Claim, Held, Level, Standing, decide

NOW = 4_100_000_000_000  # far off: Valkey drops old windows by its own clock
MONTH = (4_099_000_000, 4_101_600_000)


def open_store(kind, request, tmp_path):
    if kind == "valkey":
        return ValkeyLeases(request.getfixturevalue("valkey").new())
    url = f"sqlite:///{tmp_path}/accounts.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres").new()
    return SqlLeases(Database(url))


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
def store(request, tmp_path):
    opened = open_store(request.param, request, tmp_path)
    yield opened
    opened.close()
    if isinstance(opened, SqlLeases):
        opened._engine.dispose()


def claim(used=0, least=0, needed=None, target=None, budget="bud_1", span=MONTH, limit=1000, closes=False, slot=1):
    needed = least if needed is None else needed
    target = needed if target is None else target
    return Claim(budget, *span, limit, slot, used, least, needed, target, closes)


def ask(store, holder, now=NOW, **words):
    return store.settle(holder, [claim(**words)], now)[0]


def test_a_slice_is_granted_and_nobody_else_can_have_it(store):
    assert ask(store, "a", least=10, target=400) == Standing(250, 750)
    assert ask(store, "b", least=700) == Standing(700, 50)
    assert ask(store, "c", least=51) == Standing(0, 50)
    assert ask(store, "c", least=50, target=90) == Standing(50, 0)
    assert store.level("bud_1", MONTH[0], NOW) == Level(spent=0, reserved=1000)


def test_a_claim_that_is_said_twice_changes_nothing(store):
    first = ask(store, "a", least=10, needed=20, target=100)
    assert ask(store, "a", least=10, needed=20, target=100) == first
    lower = ask(store, "a", used=5, target=5)
    assert lower == Standing(5, 995)
    assert ask(store, "a", used=5, target=5) == lower
    assert ask(store, "a", used=5, closes=True) == Standing(0, 995)
    assert ask(store, "a", used=5, closes=True) == Standing(0, 995)


def test_what_was_spent_cannot_be_given_back(store):
    ask(store, "a", least=100)
    assert ask(store, "a", used=60, target=0) == Standing(60, 940)
    assert ask(store, "a", used=60, closes=True) == Standing(0, 940)
    assert store.level("bud_1", MONTH[0], NOW) == Level(spent=60, reserved=0)


def test_what_was_spent_beyond_a_grant_is_counted_all_the_same(store):
    ask(store, "a", least=990)
    assert ask(store, "a", used=1100, target=990) == Standing(1100, -100)
    assert ask(store, "b", least=1) == Standing(0, -100)


def test_slices_shrink_as_a_budget_runs_out(store):
    left, seen = 1000, []
    for holder in range(12):
        granted, left = ask(store, f"h{holder}", least=1, target=1000)
        seen.append(granted)
    assert seen == sorted(seen, reverse=True)
    assert left > 0


def test_a_lease_that_expires_frees_nothing_but_is_called_spent(store):
    ask(store, "a", least=300)
    ask(store, "a", used=20, least=300)
    assert store.level("bud_1", MONTH[0], NOW) == Level(20, 280)
    assert store.level("bud_1", MONTH[0], NOW + TTL_MS) == Level(300, 0)
    assert ask(store, "b", now=NOW + 2 * TTL_MS, least=701) == Standing(0, 700)
    # Its holder was only slow: it reports, and what it did not spend is free again.
    assert ask(store, "a", now=NOW + 2 * TTL_MS, used=25, closes=True) == Standing(0, 975)


def test_slots_of_a_holder_that_is_gone_are_free(store):
    slots = {"budget": "bud_c", "span": (0, 0), "limit": 4}
    assert ask(store, "a", least=3, **slots) == Standing(3, 1)
    assert ask(store, "b", least=2, now=NOW + TTL_MS - 1, **slots) == Standing(0, 1)
    assert ask(store, "b", least=2, now=NOW + TTL_MS, **slots) == Standing(2, 2)
    assert store.level("bud_c", 0, NOW + TTL_MS) == Level(0, 2)
    # It comes back and wants them again: there are only two left.
    assert ask(store, "a", used=3, least=3, now=NOW + TTL_MS, **slots) == Standing(0, 2)
    assert ask(store, "b", used=1, target=1, now=NOW + TTL_MS, **slots) == Standing(1, 3)
    assert ask(store, "b", used=1, closes=True, now=NOW + TTL_MS, **slots) == Standing(0, 4)


def test_budgets_and_windows_do_not_touch_each_other(store):
    next_month = (MONTH[1], MONTH[1] + 2_678_400)
    many = [
        claim(least=1000, budget="bud_1"),
        claim(least=1000, budget="bud_2"),
        claim(least=1000, budget="bud_1", span=next_month),
        claim(least=1000, budget="bud_2/0f"),
    ]
    assert store.settle("a", many, NOW) == [Standing(1000, 0)] * 4


def test_a_holders_leases_are_found_with_their_slots(store):
    store.settle("a", [claim(least=7, slot=3), claim(least=9, budget="bud_2/0f", slot=4)], NOW)
    ask(store, "b", least=1)
    assert sorted(store.held_by("a")) == [
        Held("bud_1", MONTH[0], 3, 7, 0),
        Held("bud_2/0f", MONTH[0], 4, 9, 0),
    ]
    ask(store, "a", closes=True, slot=3)
    assert [held.slot for held in store.held_by("a")] == [4]
    assert store.held_by("nobody") == []


def test_a_store_that_forgot_all_learns_anew_what_is_held(store):
    assert ask(store, "a", used=40, least=100) == Standing(100, 900)  # it never heard of `a` before


def test_old_windows_are_dropped_a_day_after_their_end(store):
    ask(store, "a", least=7)
    store.tidy(MONTH[1] * 1000 + KEEP_MS)
    assert store.level("bud_1", MONTH[0], NOW).reserved == 7
    store.tidy(MONTH[1] * 1000 + KEEP_MS + 1)
    if isinstance(store, SqlLeases):  # Valkey drops by its own clock
        assert store.level("bud_1", MONTH[0], NOW) == Level(0, 0)


def test_any_order_of_claims_keeps_the_sum_within_the_limit(store):
    dice = random.Random(7)
    held = dict.fromkeys("abcd", 0)
    used = dict.fromkeys("abcd", 0)
    gone = 0
    for _ in range(100):
        who = dice.choice("abcd")
        used[who] += dice.randint(0, held[who] - used[who])
        act = dice.random()
        if act < 0.15:
            ask(store, who, used=used[who], closes=True)
            gone += used[who]
            held[who] = used[who] = 0
        elif act < 0.4:
            held[who] = dice.randint(used[who], held[who])
            held[who] = ask(store, who, used=used[who], target=held[who]).granted
        else:
            least = used[who] + dice.randint(1, 90)
            held[who] = ask(store, who, used=used[who], least=least, target=least + 90).granted
        level = store.level("bud_1", MONTH[0], NOW)
        assert sum(held.values()) + gone == level.spent + level.reserved <= 1000
    assert gone + sum(used.values()) > 900


@given(
    limit=st.integers(1, 10**6), granted=st.integers(0, 10**6), others=st.integers(0, 10**6), used=st.integers(0, 10**6),
    least=st.integers(0, 10**6), more=st.integers(0, 10**6), ahead=st.integers(0, 10**6),
)  # fmt: skip
def test_the_rule_never_grants_what_is_not_there(limit, granted, others, used, least, more, ahead):
    granted = min(granted, limit)
    taken = min(limit, granted + others)
    used = min(used, granted)
    wanted = Claim("b", 1, 2, limit, 1, used, least, least + more, least + more + ahead)
    new = decide(wanted, granted, taken)
    assert taken - granted + new <= limit
    assert new >= used
    assert new <= max(granted, wanted.target)
    if least <= granted + limit - taken and wanted.target > granted:
        assert new >= least or new >= granted
