"""Who is let in, class by class, as the room fills."""

import heapq
from random import Random

import pytest

from isthmus.core.errors import Refusal
from isthmus.gateway.admission import HEADER, LEAST, RANKS, TARGET_S, TICK_S, Admission

NEVER, ALWAYS = (lambda: 1.0), (lambda: 0.0)  # what is drawn when a class is shed by chance


def fill(room, count, name=b"batch"):
    for _ in range(count):
        room.inside += 1
        room._held[RANKS[name]] += 1
    return room


def enters(room, name=None):
    try:
        room.enter({} if name is None else {HEADER: name})
    except Refusal as refusal:
        return refusal.code
    return "in"


def test_an_empty_room_takes_every_class():
    assert {enters(Admission(100), name) for name in (None, *RANKS)} == {"in"}


def test_who_enters_takes_a_place_and_gives_it_back():
    room = Admission(100)
    rank = room.enter({HEADER: b"assist"})
    assert room.inside == 1
    room.leave(rank, 0.5)
    assert room.inside == 0


def test_who_is_refused_takes_no_place():
    room = fill(Admission(100), 100)
    assert enters(room) == "overloaded"
    assert room.inside == 100


@pytest.mark.parametrize("name", RANKS)
def test_without_others_each_class_may_fill_the_whole_room(name):
    assert enters(fill(Admission(100, NEVER), 99), name) == "in"
    assert enters(fill(Admission(100, NEVER), 100), name) == "overloaded"


@pytest.mark.parametrize("name", list(RANKS)[1:])
def test_room_that_a_higher_class_will_need_is_not_given_away(name):
    room = Admission(100, NEVER)
    for _ in range(40):  # two seconds of ten people a second who stay two seconds each
        for _ in range(1):
            room.leave(room.enter({}), 2.0)
        room.look(0.1, 0.0)
    room = fill(room, 69)
    assert enters(room, b"interactive") == "in"
    assert enters(fill(room, 10), name) == "overloaded"
    assert enters(room, b"interactive") == "in"


def test_what_a_higher_class_has_taken_is_not_kept_free_a_second_time():
    room = Admission(100, NEVER)
    for _ in range(40):
        room.leave(room.enter({}), 2.0)
        room.look(0.1, 0.0)
    fill(room, 40, b"interactive")
    assert enters(fill(room, 58), b"batch") == "in"


def test_a_class_that_no_longer_comes_gives_its_room_up():
    room = Admission(100, NEVER)
    for _ in range(40):
        for _ in range(10):
            room.leave(room.enter({}), 2.0)
        room.look(0.1, 0.0)
    assert enters(fill(room, 10), b"batch") == "overloaded"
    for _ in range(100):
        room.look(0.1, 0.0)
    assert enters(room, b"batch") == "in"


def test_lower_classes_are_shed_with_rising_probability_before_the_room_is_full():
    heard = []
    for inside in range(96, 100):
        drawn = sum(enters(fill(Admission(100, lambda n=n: n / 20), inside), b"assist") == "in" for n in range(20))
        heard.append(drawn)
    assert heard[0] == 20
    assert heard == sorted(heard, reverse=True)
    assert 0 < heard[-1] < 20


def test_a_person_who_waits_is_never_shed_by_chance():
    assert enters(fill(Admission(100, ALWAYS), 99)) == "in"


def test_a_class_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    with pytest.raises(Refusal) as refused:
        Admission(100).enter({HEADER: b"royal"})
    assert refused.value.code == "bad_header"
    assert "interactive" in refused.value.sentence()


def test_the_caller_hears_when_to_come_back():
    with pytest.raises(Refusal) as refused:
        fill(Admission(10), 10).enter({})
    assert refused.value.fields["retry_after"] == 1


def test_one_late_look_is_a_burst_and_two_are_a_queue():
    room = fill(Admission(1000), 500)
    room.look(0.2, TARGET_S * 2)
    assert room.limit == 1000
    room.look(0.2, TARGET_S * 2)
    assert room.limit == 800


def test_a_processor_that_stays_late_begins_less_and_less_but_never_nothing():
    room = fill(Admission(1000), 30)
    for _ in range(100):
        room.look(0.2, TARGET_S * 2)
    assert room.limit == LEAST


def test_the_room_opens_again_when_the_processor_is_in_time():
    room = fill(Admission(1000), 300)
    for _ in range(20):
        room.look(0.2, TARGET_S * 2)
    for _ in range(40):
        room.look(0.1, 0.0)
    assert room.limit == 1000


@pytest.mark.parametrize("times", [2.0, 5.0])
def test_in_overload_the_room_is_used_and_people_who_wait_are_served(times):
    """An open loop on a virtual clock: Poisson arrivals, one in ten interactive, stays of four seconds."""
    draw, stay, size = Random(times), 4.0, 1024
    room = Admission(size, draw.random)
    mix = [b"interactive", *[b"assist"] * 2, *[b"background"] * 3, *[b"batch"] * 4]
    now, due, look, inside, good, asked = 0.0, 0.0, TICK_S, [], 0, 0
    served = {True: 0, False: 0}
    while now < 40.0:
        now = min(due, look, inside[0][0] if inside else due)
        if inside and now == inside[0][0]:
            _, rank, counted = heapq.heappop(inside)
            room.leave(rank, stay)
            good += counted
        elif now == look:
            room.look(TICK_S, 0.0)
            look += TICK_S
        else:
            due = now + draw.expovariate(times * size / stay)
            name, counted = draw.choice(mix), stay <= now < 36.0
            try:
                heapq.heappush(inside, (now + stay, room.enter({HEADER: name}), counted))
                hit = True
            except Refusal:
                hit = False
            if counted and name == b"interactive":
                served[hit] += 1
                asked += 1
    assert good / (32.0 * size / stay) >= {2.0: 0.90, 5.0: 0.85}[times]
    assert served[True] / asked >= 0.99


def test_answers_that_wait_for_their_callers_are_no_work_but_keep_their_places():
    room = fill(Admission(1024, NEVER), 500)
    room.stalled = lambda: 500
    for _ in range(40):  # the processor stays late, for another's work
        room.look(TICK_S, TARGET_S * 2)
    assert room.limit == LEAST
    assert enters(fill(room, LEAST - 1)) == "in"
    assert enters(room) == "overloaded"
    room = fill(Admission(1024, NEVER), 1024)
    room.stalled = lambda: 1024
    room.look(TICK_S, 0.0)
    assert enters(room) == "overloaded"
