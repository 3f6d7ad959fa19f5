"""The picker: who answers soonest, from what was sent, what came back, and what replicas say."""

import math
from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.routing.picker import SAMPLE, Picker
from isthmus.routing.probe import STALE_S, Load
from isthmus.routing.seat import DECODE, PREFILL, Ask, Replica

SPEED = 0.001  # seconds a unit
BLOCK = 100


@pytest.fixture
def clock():
    return FakeClock(datetime(2026, 9, 1, tzinfo=UTC))


def pool(clock, names="abc", chance=lambda: 0.0, **facts):
    facts = {"room": 50, "speed": SPEED, **facts}
    picker = Picker(clock, [Replica(name, **facts) for name in names], block=BLOCK, chance=chance)
    for name in names:
        picker.heard(name, Load())
    return picker


def answer(picker, clock, ticket, first=0.1, rest=0.1):
    clock.advance(first)
    picker.first(ticket)
    clock.advance(rest)
    picker.done(ticket)


def test_without_replicas_nobody_is_picked(clock):
    assert Picker(clock).pick([1], 100) is None


def test_requests_that_come_together_spread_over_idle_replicas(clock):
    picker = pool(clock)
    assert {picker.pick([at], 100).name for at in range(3)} == {"a", "b", "c"}


def test_misses_one_after_the_other_do_not_all_go_to_the_same_replica(clock):
    picker = pool(clock)
    seen = []
    for at in range(9):
        ticket = picker.pick([at], 100)
        seen.append(ticket.name)
        answer(picker, clock, ticket)
    assert {seen.count(name) for name in "abc"} == {3}


def test_a_conversation_goes_where_its_beginning_was_read(clock):
    picker = pool(clock)
    first = picker.pick([1, 2, 3], 300)
    answer(picker, clock, first)
    second = picker.pick([1, 2, 3, 4], 400)
    assert (second.name, second.hit) == (first.name, 3)


def test_a_long_queue_outweighs_a_warm_cache(clock):
    picker = pool(clock)
    warm = picker.pick([1], 100)
    answer(picker, clock, warm)
    picker.heard(warm.name, Load())
    busy = picker.pick([1, 9], 5000)
    assert busy.name == warm.name
    assert picker.pick([1], 100).name != warm.name


def test_the_queue_shrinks_with_time(clock):
    picker = pool(clock, "a")
    picker.pick([], 1000)
    assert picker.pick([], 100).expected == pytest.approx(1.1, abs=0.01)
    clock.advance(1.0)
    assert picker.pick([], 100).expected == pytest.approx(0.2, abs=0.01)


def test_a_first_token_that_comes_early_shortens_the_queue_behind_it(clock):
    picker = pool(clock, "a")
    early = picker.pick([], 1000)
    clock.advance(0.1)
    picker.first(early)
    assert picker.pick([], 100).expected < 0.2


def test_a_replica_that_is_slower_than_told_gets_less(clock):
    picker = pool(clock, "ab")
    for at in range(12):
        ticket = picker.pick([at], 200)
        answer(picker, clock, ticket, first=2.0 if ticket.name == "a" else 0.1)
    assert picker.pick([99], 200).name == "b"


@pytest.mark.parametrize("pace", [SPEED / 50, SPEED * 50], ids=["faster than told", "slower than told"])
def test_a_pool_whose_speed_was_guessed_wrong_still_spreads_misses_and_finds_the_warm_one(clock, pace):
    picker = pool(clock)
    seen = {}
    for at in range(6):
        ticket = picker.pick([at * 10, at * 10 + 1, at * 10 + 2], 330)
        seen[at] = ticket.name
        answer(picker, clock, ticket, first=pace * 330)
    assert set(seen.values()) == {"a", "b", "c"}
    for at, name in seen.items():
        ticket = picker.pick([at * 10, at * 10 + 1, at * 10 + 2], 360)
        assert ticket.name == name
        answer(picker, clock, ticket, first=pace * 60)


def test_a_bad_impression_fades(clock):
    picker = pool(clock, "ab")
    slow = picker.pick([1], 1000)
    answer(picker, clock, slow, first=60.0)
    for at in range(6):
        answer(picker, clock, picker.pick([10 + at], 1000), first=1.0)
    for _ in range(200):
        clock.advance(0.5)
        picker.refresh()
    names = {picker.pick([100 + at], 100).name for at in range(2)}
    assert names == {"a", "b"}


def test_no_new_request_goes_to_a_replica_that_drains(clock):
    picker = pool(clock, "ab")
    picker.drain("a")
    assert {picker.pick([at], 100).name for at in range(3)} == {"b"}


def test_a_replica_that_was_listed_again_takes_requests_again(clock):
    picker = pool(clock, "a")
    picker.drain("a")
    assert picker.pick([1], 100) is None
    picker.add(Replica("a", room=50, speed=SPEED))
    assert picker.pick([1], 100).name == "a"


def test_a_replica_that_is_down_gets_nothing_and_its_cache_counts_as_lost(clock):
    picker = pool(clock, "ab")
    warm = picker.pick([1, 2, 3], 300)
    answer(picker, clock, warm)
    picker.down(warm.name)
    assert picker.pick([1, 2, 3], 300).name != warm.name
    picker.up(warm.name)
    assert picker.pick([1, 2, 3], 300, without=[name for name in "ab" if name != warm.name]).hit == 0


def test_a_silent_replica_gets_nothing_and_keeps_what_it_cached(clock):
    picker = pool(clock, "ab")
    warm = picker.pick([1, 2, 3], 300)
    answer(picker, clock, warm)
    picker.pause(warm.name)
    assert picker.pick([1, 2, 3], 300).name != warm.name
    picker.up(warm.name)
    assert picker.pick([1, 2, 3], 300, without=[name for name in "ab" if name != warm.name]).hit == 3


def test_a_silent_replica_that_then_refuses_has_lost_its_cache(clock):
    picker = pool(clock, "ab")
    warm = picker.pick([1, 2, 3], 300)
    answer(picker, clock, warm)
    picker.pause(warm.name)
    picker.down(warm.name)
    assert picker.index_blocks() == 0


def test_when_all_are_down_the_answer_is_nobody(clock):
    picker = pool(clock, "ab")
    picker.down("a")
    picker.down("b")
    assert picker.pick([1], 100) is None


def test_who_just_failed_is_left_out(clock):
    picker = pool(clock, "ab")
    assert picker.pick([1], 100, without={"a"}).name == "b"
    assert picker.pick([1], 100, without={"a", "b"}) is None


def test_a_replica_at_its_limit_takes_no_more(clock):
    picker = pool(clock, "a", slots=2)
    tickets = []
    while (ticket := picker.pick([len(tickets)], 10)) is not None:
        tickets.append(ticket)
    assert len(tickets) == 6
    picker.done(tickets[0])
    assert picker.pick([9], 10) is not None


def test_places_are_the_limits_of_those_that_take_requests_and_half_their_slots(clock):
    picker = pool(clock, "ab", slots=2)
    assert picker.places() == 12 + 2
    picker.pick([1], 10)
    assert picker.places() == 12 + 2
    picker.down("a")
    assert picker.places() == 6 + 1
    picker.drain("b")
    assert picker.places() == 0


def test_a_waiting_slot_costs_what_answers_take(clock):
    picker = pool(clock, "ab", slots=1)
    long = picker.pick([1], 10)
    answer(picker, clock, long, first=0.1, rest=20.0)
    picker.heard("a", Load(running=1))
    picker.heard("b", Load())
    assert {picker.pick([1], 10).name for _ in range(1)} == {"b"}


def test_what_a_probe_said_long_ago_is_not_believed(clock):
    picker = pool(clock, "a", slots=1)
    answer(picker, clock, picker.pick([1], 10))
    picker.heard("a", Load(running=1, waiting=5))
    fresh = picker.pick([2], 10)
    picker.lost(fresh)
    clock.advance(STALE_S + 1)
    picker.refresh()
    assert picker.pick([3], 10).expected < fresh.expected


def test_knowing_nothing_it_takes_the_less_busy_of_two_at_random(clock):
    draws = iter([0.0, 0.99, 0.0, 0.99, 0.0, 0.99])
    picker = Picker(clock, [Replica("a"), Replica("b")], chance=lambda: next(draws))
    names = [picker.pick([], 10).name for _ in range(3)]
    assert sorted(names[:2]) == ["a", "b"]


def test_an_adapter_that_is_loaded_is_preferred_and_another_one_is_loaded_when_it_is_worth_it(clock):
    replicas = [Replica("plain", load_s=1.0, speed=SPEED), Replica("tuned", adapters=("law",), speed=SPEED)]
    picker = Picker(clock, replicas, block=BLOCK)
    picker.heard("plain", Load())
    assert picker.pick([1], 100, adapter="law").name == "tuned"
    picker.pick([2], 5000, without={"plain"})
    assert picker.pick([3], 100, adapter="law").name == "plain"


def test_the_halves_of_a_disaggregated_pool_are_picked_apart(clock):
    replicas = [Replica("p", role=PREFILL), Replica("d", role=DECODE)]
    picker = Picker(clock, replicas)
    picker.heard("p", Load())
    assert picker.pick([1], 100, role=PREFILL).name == "p"
    assert picker.pick([1], 100, role=DECODE).name == "d"


def test_an_engines_own_cache_events_make_the_index_precise(clock):
    picker = pool(clock, "ab")
    picker.stored("b", [1, 2])
    assert (picker.pick([1, 2], 200).name, picker.index_blocks()) == ("b", 2)
    picker.dropped("b", [1, 2])
    assert picker.index_blocks() == 0


def test_a_ticket_closed_twice_or_late_harms_nobody(clock):
    picker = pool(clock, "ab")
    ticket = picker.pick([1], 100)
    picker.done(ticket)
    picker.lost(ticket)
    assert picker.seat(ticket.name).inside == 0
    late = picker.pick([2], 100)
    picker.remove(late.name)
    picker.add(Replica("new"))
    picker.first(late)
    picker.done(late)
    assert picker.seat("new").inside == 0


def test_a_large_pool_is_sampled_and_its_warm_replica_is_still_found(clock):
    names = [f"r{at}" for at in range(4 * SAMPLE)]
    picker = pool(clock, names)
    warm = picker.pick([1, 2, 3], 300)
    answer(picker, clock, warm)
    assert picker.pick([1, 2, 3], 300).name == warm.name


def test_in_a_large_pool_every_replica_gets_its_share(clock):
    names = [f"r{at}" for at in range(4 * SAMPLE)]
    picker = pool(clock, names)
    assert len({picker.pick([at], 100).name for at in range(len(names))}) == len(names)


def test_when_its_sample_is_full_it_looks_at_all(clock):
    names = [f"r{at}" for at in range(2 * SAMPLE)]
    picker = pool(clock, names)
    for name in names[:-1]:
        picker.drain(name)
    assert {picker.pick([at], 10).name for at in range(3)} == {names[-1]}


def test_what_is_known_can_be_shown(clock):
    picker = pool(clock, "a")
    answer(picker, clock, picker.pick([1], 100))
    picker.lost(picker.pick([1], 100))
    (seat,) = picker.seats()
    assert (seat.done, seat.failed, seat.asked, seat.hit, seat.ttft) == (1, 1, 2, 1, pytest.approx(0.1))


def test_a_system_prompt_that_nearly_all_have_read_is_reckoned_with(clock):
    names = [f"r{at}" for at in range(2 * SAMPLE)]
    picker = pool(clock, names)
    for name in names:
        picker.stored(name, [1, 2])
    assert {picker.pick([1, 2, 100 + at], 300).hit for at in range(len(names))} == {2}


def test_in_a_large_pool_one_without_the_system_prompt_is_not_taken_for_one_that_has_it(clock):
    names = [f"r{at}" for at in range(2 * SAMPLE)]
    picker = pool(clock, names)
    for name in names[SAMPLE - 1 :]:
        picker.stored(name, [1, 2, 3, 4])
    ticket = picker.pick([1, 2, 3, 4], 500)
    assert ticket.hit == 4


def test_what_a_request_would_cost_is_told_for_every_replica(clock):
    picker = pool(clock, "abc")
    picker.stored("b", [1, 2, 3])
    picker.drain("c")
    costs = picker.costs(Ask([1, 2, 3], 400))
    assert costs[1] < costs[0] < costs[2] == math.inf
    assert picker.costs(Ask([1, 2, 3], 400, without=("b", "unknown")))[1] == math.inf


def test_one_replicas_cost_is_what_all_costs_say_of_it(clock):
    picker = pool(clock, "abc")
    picker.stored("b", [1, 2, 3])
    ask = Ask([1, 2, 3], 400)
    assert [picker.cost(ask, at) for at in range(3)] == picker.costs(ask)
    assert picker.cost(Ask([1], 100, without=("b",)), 1) == math.inf
