"""The later events of a stream are read a tick at a time; whoever speaks slower, or is nearly alone, never waits."""

import pytest
from corridor_parts import delta, ending
from test_stream import Talk

from isthmus.gateway.errand import Errand
from isthmus.gateway.pace import AT_ONCE, EACH, TICK, Pace
from isthmus.gateway.sips import SIP, SMALL
from isthmus.gateway.upstream import Connection

STREAMS = 5
TICK_NOW = STREAMS * EACH


class Loop:
    """A clock, and what was put off until later."""

    def __init__(self):
        self.now, self.later = 100.0, []

    def time(self):
        return self.now

    def call_later(self, seconds, call):
        self.later.append((seconds, call))

    def call_soon(self, call):
        self.later.append((0.0, call))

    def turn(self):
        """The tick comes."""
        seconds, call = self.later.pop(0)
        self.now += seconds
        call()
        return seconds


class Wire:
    """A transport: whether it is read, and what is given to it."""

    def __init__(self):
        self.reads, self.written = True, []

    def pause_reading(self):
        self.reads = False

    def resume_reading(self):
        self.reads = True

    def write(self, data):
        self.written.append(data)

    def abort(self):
        pass


@pytest.fixture
def loop():
    return Loop()


def open_connection(loop):
    connection = Connection(loop)
    connection.connection_made(Wire())
    return connection


def read_twice(pace, loop, connection, apart):
    pace.rest(connection)
    loop.now += apart
    pace.rest(connection)


def test_a_stream_of_fast_events_rests_until_the_tick(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    read_twice(pace, loop, connection, 0.005)
    assert not connection.transport.reads
    assert loop.turn() == pytest.approx(TICK_NOW)
    assert connection.transport.reads
    pace.rest(connection)
    assert not connection.transport.reads


def test_all_that_rest_wake_with_one_tick(loop):
    pace = Pace(loop, range(STREAMS))
    both = [open_connection(loop), open_connection(loop)]
    for connection in both:
        read_twice(pace, loop, connection, 0.001)
    assert len(loop.later) == 1
    loop.turn()
    assert all(connection.transport.reads for connection in both)


def test_many_that_rest_wake_a_few_in_each_turn_of_the_loop(loop):
    pace = Pace(loop, range(STREAMS))
    many = [open_connection(loop) for _ in range(2 * AT_ONCE + 1)]
    for connection in many:
        read_twice(pace, loop, connection, 0.0)
    woken = []
    while loop.later:
        loop.turn()
        woken.append(sum(connection.transport.reads for connection in many))
    assert woken == [AT_ONCE, 2 * AT_ONCE, 2 * AT_ONCE + 1]


def test_who_rests_while_others_are_still_to_be_woken_waits_behind_them(loop):
    pace = Pace(loop, range(STREAMS))
    many = [open_connection(loop) for _ in range(AT_ONCE + 1)]
    for connection in many:
        read_twice(pace, loop, connection, 0.0)
    loop.turn()
    pace.rest(many[0])
    loop.later.reverse()  # its tick comes before the others have been woken
    loop.turn()
    assert not many[0].transport.reads
    loop.turn()
    assert all(connection.transport.reads for connection in many)


def test_a_stream_that_speaks_slower_than_the_tick_never_rests(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    for _ in range(3):
        read_twice(pace, loop, connection, 2 * TICK_NOW + 0.001)
        loop.now += 1
    assert connection.transport.reads


@pytest.mark.parametrize(("streams", "tick"), [(1, EACH), (5, 5 * EACH), (10_000, TICK)])
def test_the_tick_grows_with_the_streams_up_to_its_bound(loop, streams, tick):
    pace, connection = Pace(loop, range(streams)), open_connection(loop)
    read_twice(pace, loop, connection, tick / 2)
    assert loop.turn() == pytest.approx(tick)


def test_a_caller_that_cannot_take_more_is_not_woken_up_for(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    read_twice(pace, loop, connection, 0.001)
    connection.pause()
    loop.turn()
    assert not connection.transport.reads
    connection.resume()
    assert connection.transport.reads


def test_a_caller_that_can_take_more_again_ends_the_rest(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    read_twice(pace, loop, connection, 0.001)
    connection.resume()
    assert connection.transport.reads
    loop.turn()
    assert connection.transport.reads


def test_a_connection_whose_answer_ended_while_it_rested_reads_the_next(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    read_twice(pace, loop, connection, 0.001)
    connection.exchange(b"GET / HTTP/1.1\r\n\r\n", None, errand=Errand(loop, None))
    assert connection.transport.reads


def test_a_connection_that_was_cut_stays_as_it_is(loop):
    pace, connection = Pace(loop, range(STREAMS)), open_connection(loop)
    read_twice(pace, loop, connection, 0.001)
    connection.abort()
    loop.turn()
    assert not connection.transport.reads


class Resting:
    """A pace that only counts."""

    def __init__(self):
        self.times = 0

    def rest(self, connection):
        self.times += 1


def test_nothing_rests_before_its_first_content_nor_after_its_end():
    talk = Talk()
    pace = talk.stream.pace = Resting()
    talk.say(delta(role="assistant", content=""))
    assert pace.times == 0
    talk.say(delta(content="Hi"))
    assert pace.times == 1
    talk.say(ending())
    assert pace.times == 1
    assert talk.hear().text == {"content": "Hi"}


def test_whoever_speaks_faster_than_it_is_read_never_rests(loop):
    class Hears(Connection):
        def data_received(self, data):
            self.rest()

    class Sipped(Wire):
        def set_protocol(self, protocol):
            self.protocol = protocol

    connection, wire = Hears(loop, memoryview(bytearray(SIP))), Sipped()
    connection.connection_made(wire)
    connection.exchange(b"", object(), errand=Errand(loop, None))
    for size in (SIP, SMALL, SMALL, 9):
        assert wire.reads
        assert len(wire.protocol.get_buffer(-1)) >= size
        wire.protocol.buffer_updated(size)
    assert not wire.reads
