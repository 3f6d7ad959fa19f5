"""What a route says of its time: seconds or a date, and how long each wait may be."""

from datetime import UTC, datetime

import pytest
from corridor_parts import route

from isthmus.core.clock import FakeClock
from isthmus.core.decision import RouteSkipped
from isthmus.gateway.deadlines import LONGEST_S, USUAL, Waits, heed, retry_after, waits
from isthmus.gateway.upstream import Connection
from isthmus.routing.breaker import Breakers

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
THERE = {"tier": "partner", "host": "partner.example"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({b"retry-after": b"7"}, 7.0),
        ({b"retry-after": b" 7 "}, 7.0),
        ({b"retry-after": b"0"}, 0.0),
        ({b"retry-after": b"-7"}, 0.0),
        ({b"retry-after": b"soon"}, 0.0),
        ({b"retry-after": b"\xff"}, 0.0),
        ({b"retry-after": b"99999"}, LONGEST_S),
        ({b"retry-after": b"9" * 400}, LONGEST_S),
        ({b"retry-after": b"Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({b"retry-after": b"Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({b"retry-after-ms": b"1500", b"retry-after": b"2"}, 1.5),
        ({b"retry-after-ms": b"x", b"retry-after": b"2"}, 2.0),
    ],
)
def test_when_to_come_back_is_read_as_seconds_or_a_date_and_never_believed_for_long(headers, seconds):
    assert retry_after(headers, NOW) == seconds


def test_a_route_has_the_waits_of_its_file_and_the_houses_where_it_names_none():
    assert waits(route()) == USUAL
    assert waits(route(facts={"first_s": 2.5})) == Waits(2.5, USUAL.between, USUAL.whole)
    assert waits(route(facts={"first_s": 0.0, "between_s": 4, "whole_s": 300})) == Waits(USUAL.first, 4.0, 300.0)


def test_a_partner_that_asked_for_rest_is_passed_over_and_an_engine_of_ones_own_is_not():
    breakers = Breakers(FakeClock(NOW))
    breakers.failed("local/m", rest=7.0)
    heed(breakers, route())
    with pytest.raises(RouteSkipped) as skipped:
        heed(breakers, route(**THERE))
    assert skipped.value.refusal.code == "upstream_busy"
    assert skipped.value.refusal.fields["retry_after"] == 8


class Loop:
    """A loop whose time stands where it was put."""

    at = 100.0

    def time(self):
        return self.at

    def create_future(self):
        return self

    def done(self):
        return False


class Wire:
    def write(self, data):
        pass


class Shown:
    """A stream that hears everything, and of which nothing was shown yet."""

    def feed(self, data):
        pass


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_bytes_before_the_first_content_do_not_buy_a_stream_more_time():
    connection = Connection(Loop())
    connection.connection_made(Wire())
    connection.exchange(b"", Shown(), (2.0, 5.0, 60.0))
    assert connection.deadline == 102.0
    connection.data_received(HEAD + b"e\r\n: keep-alive\n\n\r\n")
    assert connection.deadline == 102.0
    connection.heard()
    assert connection.deadline == 105.0


def test_a_whole_answer_has_a_wait_of_its_own():
    connection = Connection(Loop())
    connection.connection_made(Wire())
    connection.exchange(b"", None, (2.0, 5.0, 60.0))
    assert connection.deadline == 160.0
