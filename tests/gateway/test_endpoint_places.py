"""Places for requests that another proxy carries."""

from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.gateway.endpoint_places import ALL_FULL, NOBODY_READY, EndpointPlaces, prompt_of
from isthmus.gateway.replicas import Replicas
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Listed, Load
from isthmus.routing.seat import Replica

LONG = b'{"model":"m","messages":[{"role":"user","content":"' + b"word " * 400 + b'"}]}'


@pytest.fixture
def places(tmp_path):
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    picker = Picker(clock, [Replica(name, slots=1) for name in "ab"])
    replicas = Replicas(tmp_path / "board.json", "key", picker)
    for at, name in enumerate("ab"):
        picker.heard(name, Load())
        listed = Listed(name=name, pool="p", host="127.0.0.1", port=9000 + at, model="m", engine="e")
        replicas._listed[name] = listed
    places = EndpointPlaces(replicas, picker)
    places.seats = {f"127.0.0.1:{9000 + at}": picker.seat(name) for at, name in enumerate("ab")}
    places.picker = picker
    places.clock = clock
    return places


def test_the_same_beginning_goes_to_the_same_address(places):
    first = places.place(LONG, b"Bearer x", None)
    places.clock.advance(0.2)
    first.first()
    first.done()
    for _ in range(3):
        again = places.place(LONG[:-4] + b' and more"}]}', b"Bearer x", None)
        assert again.address == first.address
        again.done()


def test_another_caller_learns_nothing_from_it(places):
    first = places.place(LONG, b"Bearer x", None)
    places.clock.advance(0.2)
    first.first()
    first.done()
    places.place(LONG, b"Bearer y", None)
    assert sum(seat.hit for seat in places.seats.values()) == 0


def test_a_subset_is_never_left(places):
    for _ in range(3):
        assert places.place(b"{}", b"", ["127.0.0.1:9001"]).address == "127.0.0.1:9001"
    assert places.place(b"{}", b"", []) == NOBODY_READY
    assert places.place(b"{}", b"", ["10.0.0.1:1"]) == NOBODY_READY


def test_nobody_ready_and_all_full_are_told_apart(places):
    assert places.ready
    while not isinstance(places.place(b"{}", b"", None), int):
        pass
    assert places.place(b"{}", b"", None) == ALL_FULL
    for name in "ab":
        places.picker.down(name)
    assert places.place(b"{}", b"", None) == NOBODY_READY
    assert not places.ready


def test_a_request_that_ended_leaves_its_seat(places):
    place = places.place(b"{}", b"", None)
    place.lost()
    place.done()
    assert [seat.inside for seat in places.seats.values()] == [0, 0]


def test_of_a_body_only_what_is_read_first_counts():
    chat = b'{"model":"m","temperature":1,"messages":[{"role":"user"}],"tools":[1]}'
    assert prompt_of(chat) == b'[1][{"role":"user"}]'
    assert prompt_of(b'{"prompt":"once"}') == b'"once"'
    assert prompt_of(b"\xff no JSON") == b"\xff no JSON"
