"""Who is let in, class by class, as the room fills."""

import pytest

from isthmus.core.errors import Refusal
from isthmus.gateway.admission import CLASSES, HEADER, Admission


def fill(room, count):
    room.inside = count
    return room


def enters(room, name=None):
    try:
        room.enter({} if name is None else {HEADER: name})
    except Refusal as refusal:
        return refusal.code
    return "in"


def test_an_empty_room_takes_every_class():
    assert {enters(Admission(100), name) for name in (None, *CLASSES)} == {"in"}


def test_who_enters_takes_a_place_and_gives_it_back():
    room = Admission(100)
    room.enter({})
    assert room.inside == 1
    room.leave()
    assert room.inside == 0


def test_who_is_refused_takes_no_place():
    room = fill(Admission(100), 100)
    assert enters(room) == "overloaded"
    assert room.inside == 100


@pytest.mark.parametrize(("name", "share"), CLASSES.items())
def test_a_class_is_refused_when_its_share_is_full(name, share):
    full = int(100 * share)
    assert enters(fill(Admission(100), full), name) == "overloaded"
    assert enters(fill(Admission(100, lambda: 1.0), full - 1), name) == "in"


def test_lower_classes_give_way_to_a_person_who_waits():
    room = fill(Admission(100, lambda: 1.0), 90)
    assert [enters(room, name) for name in CLASSES] == ["in", "overloaded", "overloaded", "overloaded"]


def test_the_last_tenth_of_a_share_is_shed_with_rising_probability():
    heard = []
    for inside in range(85, 100):
        drawn = sum(enters(fill(Admission(100, lambda n=n: n / 20), inside)) == "in" for n in range(20))
        heard.append(drawn)
    assert heard[0] == 20
    assert heard == sorted(heard, reverse=True)
    assert 0 < heard[-1] < 20


def test_without_a_class_a_person_is_taken_to_wait():
    assert enters(fill(Admission(100, lambda: 1.0), 99)) == "in"


def test_a_class_that_does_not_exist_is_refused_with_the_names_of_those_that_do():
    with pytest.raises(Refusal) as refused:
        Admission(100).enter({HEADER: b"royal"})
    assert refused.value.code == "bad_header"
    assert "interactive" in refused.value.sentence()


def test_the_caller_hears_when_to_come_back():
    with pytest.raises(Refusal) as refused:
        fill(Admission(10), 10).enter({})
    assert refused.value.fields["retry_after"] == 1
