"""Budgets as a worker enforces them, over a real store: exact, and without a wait while a slice is in hand."""

import asyncio
import inspect
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.decision import RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.wire import Usage
from isthmus.ledger.budgets import Budget
from isthmus.ledger.database import Database
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.leases import Level, StoreDownError
from isthmus.partners.prices import Price, PriceBook, Tier
from isthmus.policy.meter import IDLE_S, window
from isthmus.policy.quota import ANSWER, Quota

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
PRICE = Price(NOW.date(), "USD", (Tier(0, 1_000_000, 2_000_000, 1_000_000, 2_000_000),), 0, "bytes", "")


class Counted(SqlLeases):
    """A store that counts how often it is asked, and can be away."""

    calls = 0
    away = False

    def settle(self, holder, claims, now_ms):
        self.calls += 1
        if self.away:
            raise StoreDownError("away")
        return super().settle(holder, claims, now_ms)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def store(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    yield Counted(database)
    database.close()


@pytest.fixture
def worker(tmp_path, store, clock):
    """worker(*budgets, shard=...): a quota of its own over the same store; closed at the end."""
    made = []

    def make(*budgets, shard="w0"):
        quota = Quota(store, tmp_path / "leases", shard, clock, lambda: blake2b(key=b"p" * 32, digest_size=32))
        quota.refresh(budgets)
        quota.prices = {"doubao/pro": PRICE}
        made.append(quota)
        return quota

    yield make
    for quota in made:
        quota._book.close(settled=True)
        quota._thread.shutdown()


@pytest.fixture
def request_of(asked, plan, clock):
    """request_of(max_tokens=..., subject=...): an exchange on a plan, received now."""

    def make(text="hello", **fields):
        subject = fields.pop("subject", "")
        ex = asked(text, subject=subject, **fields)
        ex.plan = plan()
        ex.received_at = clock.monotonic()
        return ex

    return make


async def reserve(quota, ex):
    waiting = quota.reserve(ex, ex.plan)
    if waiting is not None:
        await waiting
    return waiting is not None


async def until_refused(quota, make, most=10_000):
    """How many requests pass before one does not (or `most`), and the code of its refusal."""
    for passed in range(most):
        try:
            await reserve(quota, make())
        except Refusal as refusal:
            return passed, refusal.code
    return most, ""


def answered(quota, ex, prompt=0, said=0):
    ex.outcome = "answered"
    ex.usage = Usage(prompt, said, prompt + said)
    quota.settle(ex)


def budget(unit, most, span="month", scope="tenant", target="acme", **more):
    return Budget(f"bud_{unit}", scope, target, unit, span if unit != "concurrency" else "", most, **more)


MONEY = budget("money", 1_000_000, currency="USD")


def level(store, clock, id, span="month", name=None):
    return store.level(name or id, window(span, clock.now())[0], clock.epoch_ms())


def run(coroutine):
    return asyncio.run(coroutine)


def test_with_a_slice_in_hand_nothing_waits(worker, store, request_of):
    quota = worker(budget("requests", 100_000))

    async def many():
        assert await reserve(quota, request_of())
        calls = store.calls
        for _ in range(400):
            ex = request_of()
            assert not await reserve(quota, ex)
            answered(quota, ex)
        assert store.calls == calls

    run(many())


def test_the_next_slice_is_fetched_before_the_last_is_used_up(worker, store, request_of):
    quota = worker(budget("requests", 100_000))

    async def many():
        waits = 0
        for _ in range(5000):
            ex = request_of()
            waits += await reserve(quota, ex)
            answered(quota, ex)
            if quota._pending is not None:
                await quota._pending
        assert waits == 1
        assert store.calls <= 12

    run(many())


def test_of_a_limit_exactly_so_many_requests_pass(worker, request_of):
    quota = worker(budget("requests", 7, "minute"))

    async def many():
        for _ in range(7):
            ex = request_of()
            await reserve(quota, ex)
            answered(quota, ex)
        for _ in range(3):
            with pytest.raises(Refusal) as refusal:
                await reserve(quota, request_of())
            assert (refusal.value.code, refusal.value.fields["retry_after"]) == ("rate_limited", 30)
            assert "7 requests a minute of tenant acme" in refusal.value.sentence()

    run(many())


def test_a_new_window_begins_with_the_whole_limit(worker, request_of, clock, store):
    quota = worker(budget("requests", 3, "minute"))

    async def many():
        old = [request_of() for _ in range(3)]
        for ex in old:
            await reserve(quota, ex)
        with pytest.raises(Refusal):
            await reserve(quota, request_of())
        clock.advance(30)
        for _ in range(3):
            await reserve(quota, request_of())
        with pytest.raises(Refusal):
            await reserve(quota, request_of())
        # Those of the minute before are settled there, and nowhere else.
        for ex in old:
            quota.release(ex)
        with pytest.raises(Refusal):
            await reserve(quota, request_of())
        await quota.tick()
        assert store.level("bud_requests", window("minute", NOW)[0], clock.epoch_ms()) == Level(0, 0)

    run(many())


def test_two_workers_share_a_limit_exactly(worker, request_of):
    limit = budget("requests", 50)
    one, two = worker(limit), worker(limit, shard="w1")

    async def many():
        passed = 0
        for number in range(80):
            try:
                await reserve((one, two)[number % 2], request_of())
                passed += 1
            except Refusal:
                continue
        assert passed == 50

    run(many())


def test_a_failure_gives_all_back_and_an_answer_what_it_did_not_use(worker, request_of, store, clock):
    quota = worker(budget("tokens", 10_000), MONEY, budget("requests", 10))

    async def both():
        failed = request_of(max_tokens=1000)
        await reserve(quota, failed)
        failed.outcome = "failed"
        quota.settle(failed)
        assert failed.reserved is None
        assert failed.cost is None
        ex = request_of(max_tokens=1000)
        await reserve(quota, ex)
        answered(quota, ex, prompt=20, said=30)
        assert ex.cost == (80, "USD")
        await quota.close()

    run(both())
    assert level(store, clock, "bud_tokens") == Level(50, 0)
    assert level(store, clock, "bud_money") == Level(80, 0)
    assert level(store, clock, "bud_requests") == Level(1, 0)


def test_what_is_reserved_bounds_what_can_be_spent(worker, request_of):
    quota = worker(budget("tokens", 1200))

    async def both():
        ex = request_of("x" * 100, max_tokens=900)
        await reserve(quota, ex)
        with pytest.raises(Refusal) as refusal:
            await reserve(quota, request_of("x" * 100, max_tokens=900))
        assert refusal.value.code == "budget_spent"
        answered(quota, ex, prompt=40, said=100)
        clock_moves(quota)
        await reserve(quota, request_of("x" * 100, max_tokens=800))

    run(both())


def clock_moves(quota):
    quota._clock.advance(0.3)  # beyond the moment for which a refusal is believed


def test_an_answer_without_a_limit_of_its_own_is_bounded_here(worker, request_of):
    quota = worker(budget("tokens", 10_000))
    ex = request_of()
    assert quota.cap(ex, None) == ANSWER
    assert bytes(ex.ask.fields["max_tokens"]) == b"%d" % ANSWER
    assert quota.cap(request_of(max_tokens=5), None) == 5
    assert quota.cap(request_of(max_completion_tokens=6, max_tokens=5), None) == 6
    with pytest.raises(Refusal, match="bad_field"):
        quota.cap(request_of(max_tokens="many"), None)


def test_another_route_takes_the_place_of_the_first(worker, request_of, store, clock):
    quota = worker(budget("requests", 10))

    async def routes():
        ex = request_of()
        for _ in range(3):
            await reserve(quota, ex)
        answered(quota, ex)
        await quota.close()

    run(routes())
    assert level(store, clock, "bud_requests") == Level(1, 0)


def test_under_a_budget_of_money_a_route_without_a_price_is_passed_over(worker, request_of):
    quota = worker(MONEY)
    quota.prices = {}
    with pytest.raises(RouteSkipped) as skipped:
        quota.reserve(request_of(), request_of().plan)
    assert skipped.value.refusal.code == "price_unknown"
    quota.prices = {"doubao/pro": msgspec.structs.replace(PRICE, currency="CNY")}
    with pytest.raises(RouteSkipped):
        quota.reserve(request_of(), request_of().plan)


def test_so_many_at_once_and_no_more(worker, request_of):
    quota = worker(budget("concurrency", 2))

    async def many():
        one, two = request_of(), request_of()
        await reserve(quota, one)
        await reserve(quota, two)
        with pytest.raises(Refusal) as refusal:
            await reserve(quota, request_of())
        assert (refusal.value.code, refusal.value.fields["retry_after"]) == ("rate_limited", 1)
        answered(quota, one)
        await reserve(quota, request_of())

    run(many())


def test_slots_that_could_not_be_renewed_take_nobody(worker, request_of, store, clock):
    quota = worker(budget("concurrency", 100))

    async def many():
        await reserve(quota, request_of())
        store.away = True
        clock.advance(40)
        with pytest.raises(Refusal, match="quota_unavailable"):
            await reserve(quota, request_of())

    run(many())


def test_while_the_store_is_away_only_what_is_in_hand_is_spent(worker, request_of, store, capsys):
    quota = worker(budget("requests", 1000))

    async def many():
        await reserve(quota, request_of())
        store.away = True
        assert await until_refused(quota, request_of) == (10, "quota_unavailable")
        store.away = False
        await reserve(quota, request_of())

    run(many())
    assert "leases_unreachable" in capsys.readouterr().err


def test_each_person_has_a_part_of_their_own(worker, request_of, store):
    each = Budget("bud_each", "user", "acme", "requests", "day", 2, "*")
    alice = Budget("bud_alice", "user", "acme", "requests", "day", 3, "alice")
    quota = worker(each, alice)

    async def passes(subject):
        return (await until_refused(quota, lambda: request_of(subject=subject)))[0]

    async def all_of_them():
        assert [await passes(subject) for subject in ("alice", "bob", "carol", "")] == [3, 2, 2, 2]

    run(all_of_them())
    names = [held.budget for held in store.held_by(quota._book.holder)]
    assert len(names) == 4
    assert not any("bob" in name for name in names)


def test_one_budget_that_refuses_leaves_the_others_untouched(worker, request_of, store, clock):
    quota = worker(budget("requests", 100), budget("tokens", 50))

    async def many():
        with pytest.raises(Refusal):
            await reserve(quota, request_of(max_tokens=60))
        await quota.close()

    run(many())
    assert level(store, clock, "bud_requests") == Level(0, 0)


def test_what_lies_idle_goes_back(worker, request_of, store, clock):
    quota = worker(budget("requests", 10_000))

    async def idle():
        ex = request_of()
        await reserve(quota, ex)
        answered(quota, ex)
        await quota.tick()
        assert level(store, clock, "bud_requests") == Level(1, 100)
        clock.advance(IDLE_S + 0.1)
        await quota.tick()
        assert level(store, clock, "bud_requests") == Level(1, 0)
        assert store.held_by(quota._book.holder) == []
        await reserve(quota, request_of())

    run(idle())


def test_a_worker_strands_at_most_a_hundredth(worker, request_of, store, clock):
    limit = budget("requests", 1000)
    workers = [worker(limit, shard=f"w{number}") for number in range(8)]

    async def spread():
        for quota in workers:
            ex = request_of()
            await reserve(quota, ex)
            answered(quota, ex)
        for quota in workers:
            await quota.tick()
        assert level(store, clock, "bud_requests").reserved <= 8 * 1000 // 100
        passed, _ = await until_refused(workers[0], request_of)
        assert 8 + passed >= 1000 - 7 * 1000 // 100

    run(spread())


def test_a_limit_that_is_lowered_holds_from_then_on(worker, request_of, store, clock):
    quota = worker(budget("requests", 1000))

    async def lowered():
        for _ in range(5):
            await reserve(quota, request_of())
        quota.refresh([budget("requests", 6)])
        await quota.tick()
        await reserve(quota, request_of())
        with pytest.raises(Refusal):
            await reserve(quota, request_of())
        quota.refresh([budget("requests", 8)])
        await reserve(quota, request_of())
        quota.refresh([])
        assert quota.reserve(request_of(), None) is None

    run(lowered())


def test_a_caller_is_told_what_is_left_and_that_is_what_is_enforced(worker, request_of):
    quota = worker(budget("requests", 30, "minute"), budget("concurrency", 9))

    async def told():
        for gone in range(30):
            ex = request_of()
            await reserve(quota, ex)
            lines = quota.header_lines(ex).decode()
            assert f"x-ratelimit-remaining-requests: {29 - gone}\r\n" in lines
            assert "x-ratelimit-limit-requests: 30\r\n" in lines
            assert "x-ratelimit-reset-requests: 30s\r\n" in lines
            assert f'"tenant-requests-minute";r={29 - gone};t=30' in lines
            assert '"tenant-concurrency";r=8' in lines
            answered(quota, ex)
        with pytest.raises(Refusal):
            await reserve(quota, request_of())

    run(told())


def test_a_worker_that_ends_gives_all_back_and_leaves_no_book(worker, request_of, store, clock, tmp_path):
    quota = worker(budget("requests", 1000))

    async def end():
        await reserve(quota, request_of())
        await quota.close()

    run(end())
    assert level(store, clock, "bud_requests") == Level(1, 0)
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_sibling_settles_what_a_dead_worker_left(worker, request_of, store, clock, tmp_path):
    limit = budget("requests", 1000)
    dead, sibling = worker(limit), worker(limit, shard="w1")

    async def both():
        await reserve(dead, request_of())
        dead._book.close(settled=False)  # as the kernel does
        await sibling.tick()
        assert level(store, clock, "bud_requests") == Level(1, 0)

    run(both())
    dead._meters.clear()
    dead._book = sibling._book


def test_who_leaves_while_waiting_reserves_nothing(worker, request_of, store, clock):
    quota = worker(budget("requests", 1000))

    async def leave():
        ex = request_of()
        task = asyncio.ensure_future(quota.reserve(ex, ex.plan))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ex.reserved is None
        await quota.close()

    run(leave())
    assert level(store, clock, "bud_requests") == Level(0, 0)


def test_the_hot_path_is_a_plain_function():
    assert not inspect.iscoroutinefunction(Quota.reserve)
    assert not inspect.iscoroutinefunction(Quota.settle)


def test_a_caller_who_left_before_anything_was_reserved_pays_nothing(worker, request_of):
    quota = worker(budget("requests", 5))
    ex = request_of()
    ex.caller.limited, ex.outcome = True, "aborted"
    quota.settle(ex)
    assert ex.cost is None
    ex.caller.limited = False
    quota.settle(ex)
    assert ex.estimated


def test_a_price_begins_on_its_day_without_a_restart(worker, clock, route):
    dearer = msgspec.structs.replace(PRICE, since=NOW.date() + timedelta(days=1))
    quota = worker()
    quota.price(PriceBook({("doubao", "pro"): (PRICE, dearer)}), [route()])
    assert quota.prices["doubao/pro"] is PRICE
    clock.advance(86_400)
    run(quota.tick())
    assert quota.prices["doubao/pro"] is dearer


def test_budgets_of_money_in_two_currencies_let_no_route_through(worker, request_of):
    quota = worker(MONEY, msgspec.structs.replace(MONEY, id="bud_cny", currency="CNY"))
    ex = request_of()
    with pytest.raises(RouteSkipped):
        quota.reserve(ex, ex.plan)
    assert b"micro-cny" in quota.header_lines(ex)
