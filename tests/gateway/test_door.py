"""The door as dialogue: bytes in, requests and answers out."""

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.gateway import door as door_room
from isthmus.gateway.door import Door, Doors, answer_bytes, refusal_bytes
from isthmus.gateway.head import HEAD_LIMIT, LINE_LIMIT, Request

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"


class Wire:
    """A transport that remembers."""

    def __init__(self):
        self.out = b""
        self.closed = False
        self.aborted = False
        self.paused = False
        self.eof = False
        self.unsent = 0
        self.options = ()

    def set_write_buffer_limits(self, high):
        self.high = high

    def write(self, data):
        self.out += data

    def close(self):
        self.closed = True

    def abort(self):
        self.aborted = True

    def pause_reading(self):
        self.paused = True

    def resume_reading(self):
        self.paused = False

    def get_write_buffer_size(self):
        return self.unsent

    def get_extra_info(self, name):
        return self

    def setsockopt(self, *option):
        self.options = option

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.eof = True


def kept(request):
    """A request as it is now."""
    copied = Request(request.method, request.path, request.query, request.version, dict(request.headers))
    for name in ("length", "body", "seen", "keep_alive"):
        setattr(copied, name, getattr(request, name))
    return copied


class Task:
    def __init__(self, coroutine):
        coroutine.close()
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Loop:
    """A loop whose clock moves by hand and whose tasks never run."""

    def __init__(self):
        self.now = 0.0
        self.tasks = []

    def time(self):
        return self.now

    def create_task(self, coroutine):
        self.tasks.append(Task(coroutine))
        return self.tasks[-1]

    def call_soon(self, act):
        act()


class House:
    """Doors with one connection; `seen` holds each request that came through."""

    def __init__(self, limit=100):
        self.seen = []
        self.refused = []
        self.loop = Loop()
        self.doors = Doors(
            self.loop, self.serve, lambda path: limit, lambda request, why: self.refused.append(why.code)
        )
        self.wire = Wire()
        self.door = self.doors()
        self.door.connection_made(self.wire)

    def serve(self, request, door):
        self.seen.append(kept(request))  # a connection uses it again for its next one

        async def waits():
            await asyncio.sleep(0)

        return waits()  # it becomes a task, which never runs

    def say(self, *pieces):
        for piece in pieces:
            self.door.data_received(piece)
        return self

    @property
    def status(self):
        return int(self.wire.out.split(b" ")[1]) if self.wire.out else None


def test_a_plain_request_comes_through_with_its_body():
    house = House().say(HEAD + b"hello")
    (request,) = house.seen
    assert (request.method, request.path, request.body, request.keep_alive) == (
        b"POST",
        b"/v1/chat/completions",
        b"hello",
        True,
    )


def test_a_query_is_parted_from_the_path():
    house = House().say(b"GET /v1/models?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (house.seen[0].path, house.seen[0].query) == (b"/v1/models", b"x=1")


@given(st.data())
def test_a_request_comes_through_in_any_split(data):
    raw = HEAD + b"hello"
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=8)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert House().say(*pieces).seen[0].body == b"hello"


BAD_HEADS = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "two equal Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "a Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "an empty Host": b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    "two spaces after the method": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two spaces before the version": b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
    "NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "an underscore name": b"GET / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n",
    "length and coding": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
    "an unknown coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "coding in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    "an absolute target of another host": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "an absolute target with a user": b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "another version": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n",
    "an unknown expectation": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\r\n\r\n",
}


@pytest.mark.parametrize("head", BAD_HEADS.values(), ids=BAD_HEADS.keys())
def test_ambiguous_bytes_get_400_and_the_connection_ends(head):
    house = House().say(head)
    assert house.status == 400
    assert b"Connection: close" in house.wire.out
    assert house.wire.eof
    assert not house.seen


def test_nothing_after_a_refusal_is_read_as_a_request():
    house = House().say(BAD_HEADS["two Hosts"] + HEAD + b"hello", HEAD + b"hello")
    assert not house.seen
    assert house.wire.out.count(b"HTTP/1.1") == 1


def test_a_post_without_length_gets_411():
    assert House().say(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").status == 411


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * LINE_LIMIT + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(101)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * HEAD_LIMIT,
        b"GET /" + b"a" * LINE_LIMIT,
    ],
    ids=["line", "fields", "head", "unfinished line"],
)
def test_header_bombs_get_431(head):
    assert House().say(head).status == 431


def test_a_body_that_announces_too_much_is_refused_before_it_is_read():
    house = House(limit=4).say(HEAD)
    assert house.status == 413
    assert house.refused == ["body_too_large"]


def test_a_chunked_body_that_grows_too_large_is_refused():
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert House(limit=4).say(head + b"5\r\nhello\r\n").status == 413


@pytest.mark.parametrize(
    "chunk", [b"5\r\nhelloX\r\n", b"g\r\n", b"5\nhello", b"5\r\nhello\r\r\n", b"x" * 5000, b"0\r\nT: \0\r\n\r\n"]
)
def test_a_broken_chunk_gets_400(chunk):
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert House(limit=9999).say(head, chunk).status == 400


def test_expect_continue_is_answered_before_the_body():
    house = House().say(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    assert house.wire.out == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_an_upgrade_is_not_taken_and_the_request_is_served():
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert len(House().say(head).seen) == 1


def test_pipelined_requests_are_answered_in_order_and_wait_unread():
    house = House().say(HEAD + b"first" + HEAD + b"other")
    assert [request.body for request in house.seen] == [b"first"]
    house.say(b"GET / HT")
    assert house.wire.paused
    house.door.finish(keep_alive=True)
    assert [request.body for request in house.seen] == [b"first", b"other"]


def test_http_1_0_closes_after_its_answer():
    house = House().say(b"GET / HTTP/1.0\r\n\r\n")
    house.door.finish(house.seen[0].keep_alive)
    assert house.wire.closed


def test_an_unfinished_head_gets_408_after_its_deadline():
    house = House().say(b"GET / HT")
    house.loop.now = door_room.HEAD_SECONDS + 0.1
    house.doors.sweep()
    assert house.status == 408


def test_a_byte_now_and_then_does_not_move_the_deadline_of_a_head():
    house = House().say(b"G")
    house.loop.now = door_room.HEAD_SECONDS - 0.1
    house.say(b"E")
    house.loop.now = door_room.HEAD_SECONDS + 0.1
    house.doors.sweep()
    assert house.status == 408


def test_a_slow_body_gets_408():
    house = House().say(HEAD + b"he")
    house.loop.now = door_room.BODY_SECONDS + 0.1
    house.doors.sweep()
    assert house.status == 408


def test_a_byte_now_and_then_does_not_keep_a_long_body_alive():
    house = House(limit=1 << 20).say(HEAD.replace(b": 5", b": 900000") + b"a" * 10 * door_room.BODY_RATE)
    for _ in range(3):
        house.loop.now += door_room.BODY_SECONDS - 0.1
        house.doors.sweep()
        house.say(b"a")
    assert house.status == 408


def test_a_long_body_that_keeps_its_pace_comes_through():
    size = 30 * door_room.BODY_RATE
    house = House(limit=size).say(HEAD.replace(b": 5", b": %d" % size))
    for _ in range(30):
        house.loop.now += 1.0
        house.doors.sweep()
        house.say(b"a" * door_room.BODY_RATE)
    assert len(house.seen[0].body) == size


def test_an_idle_connection_is_closed_without_a_word():
    house = House().say(HEAD + b"hello")
    house.door.finish(keep_alive=True)
    house.loop.now = door_room.IDLE_SECONDS + 1
    house.doors.sweep()
    assert house.wire.aborted
    assert not house.wire.options
    assert not house.wire.out


def test_a_caller_who_leaves_cancels_its_task():
    house = House().say(HEAD + b"hello")
    house.door.connection_lost(None)
    assert house.loop.tasks[-1].cancelled
    assert not house.doors.open


@pytest.mark.parametrize(
    "last", [None, HEAD.replace(b"localhost", b"another") + b"hello"], ids=["gone", "another head"]
)
def test_a_head_that_is_not_shown_again_is_freed_without_the_collector(last):
    house = House().say(HEAD + b"hello")
    house.door.finish(keep_alive=True)
    seen = house.seen[0].seen
    assert seen.again(HEAD + b"hello").seen is seen
    if last is None:
        house.door.connection_lost(None)
    else:
        house.say(last)
    assert seen.again(HEAD + b"hello").seen is None


def test_a_half_closed_caller_still_gets_its_answer():
    house = House().say(HEAD + b"hello")
    assert house.door.eof_received() is True
    assert House().door.eof_received() is False


def test_a_half_closed_connection_ends_with_its_last_answer():
    house = House().say(HEAD + b"hello", HEAD + b"again")
    house.door.eof_received()
    house.door.finish(keep_alive=True)
    assert (len(house.seen), house.wire.closed) == (2, False)
    house.door.finish(keep_alive=True)
    assert house.wire.closed


def test_a_slow_reader_pauses_whoever_feeds_it():
    class Feed:
        calls = ()

        def pause(self):
            self.calls += ("pause",)

        def resume(self):
            self.calls += ("resume",)

    house = House().say(HEAD + b"hello")
    house.door.reader = feed = Feed()
    house.door.pause_writing()
    house.door.resume_writing()
    assert feed.calls == ("pause", "resume")


def stalled(unsent=1, pieces=(HEAD + b"hello",)):
    """A connection whose answer waits, in part, for its caller."""
    house = House().say(*pieces)
    house.wire.unsent = unsent
    house.door.pause_writing()
    return house


def test_a_reader_that_never_reads_is_closed():
    house = stalled()
    house.loop.now = door_room.STALL_SECONDS + 1
    house.doors.sweep()
    assert house.wire.aborted
    assert house.wire.options == (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: it sees it


def test_a_long_answer_has_time_to_be_read_and_no_more():
    house = stalled(unsent=10 * door_room.BODY_RATE)
    house.door.finish(keep_alive=True)
    house.loop.now = door_room.STALL_SECONDS + 9
    house.doors.sweep()
    assert not house.wire.aborted
    house.loop.now = door_room.STALL_SECONDS + 11
    house.doors.sweep()
    assert house.wire.aborted


def test_who_reads_on_in_time_is_waited_for_anew():
    house = stalled()
    house.loop.now = door_room.STALL_SECONDS - 1
    house.door.resume_writing()
    house.door.pause_writing()
    house.loop.now = 2 * door_room.STALL_SECONDS - 2
    house.doors.sweep()
    assert not house.wire.aborted


def test_answers_that_wait_for_their_callers_are_counted():
    house = stalled()
    house.doors.sweep()
    assert house.doors.stalled == 1
    house.door.finish(keep_alive=True)
    house.doors.sweep()
    assert house.doors.stalled == 0


def test_who_does_not_read_is_not_read_from():
    house = stalled()
    assert house.wire.paused
    house.door.resume_writing()
    assert not house.wire.paused


def test_a_pipelined_request_waits_until_the_last_answer_was_read():
    house = stalled(pieces=(HEAD + b"hello", HEAD + b"again"))
    house.door.finish(keep_alive=True)
    assert len(house.seen) == 1
    house.door.resume_writing()
    assert [request.body for request in house.seen] == [b"hello", b"again"]


def test_a_request_that_waits_behind_an_unread_answer_is_no_slow_request():
    house = stalled(pieces=(HEAD + b"hello", HEAD + b"again"))
    house.door.finish(keep_alive=True)
    house.loop.now = door_room.STALL_SECONDS + 1
    house.doors.sweep()
    assert house.wire.aborted
    assert not house.wire.out


def test_a_half_closed_caller_that_does_not_read_gains_no_time_by_what_is_written_to_it():
    house = stalled()
    house.door.eof_received()
    house.door.pause_writing()
    house.loop.now = door_room.STALL_SECONDS - 1
    house.door.write(b"a piece")
    house.loop.now = door_room.STALL_SECONDS + 1
    house.doors.sweep()
    assert house.wire.aborted


def test_a_connection_that_ends_waits_for_its_last_reader_only_so_long():
    house = House().say(HEAD + b"hello")
    house.door.finish(keep_alive=False)
    assert house.wire.closed
    house.loop.now = door_room.STALL_SECONDS + 1
    house.doors.sweep()
    assert house.wire.aborted


def test_a_caller_that_said_its_last_byte_waits_a_while_for_a_silent_partner_and_no_longer():
    house = House().say(HEAD + b"hello")
    assert house.door.eof_received()
    house.loop.now = door_room.HALF_SECONDS - 1
    house.doors.sweep()
    assert not house.wire.aborted
    house.door.write(b"a piece")
    house.loop.now = door_room.HALF_SECONDS + 1
    house.doors.sweep()
    assert not house.wire.aborted  # each piece buys it as long again
    house.loop.now = 2 * door_room.HALF_SECONDS
    house.doors.sweep()
    assert house.wire.aborted


def test_draining_gives_every_connection_one_last_answer_that_says_so():
    house = House().say(HEAD + b"hello")
    idle, silent = house.doors(), house.doors()
    for door in (idle, silent):
        door.connection_made(Wire())
    house.doors.drain()
    house.door.finish(keep_alive=True)
    assert house.wire.closed
    idle.data_received(HEAD + b"hello")
    assert house.seen[-1].keep_alive is False
    house.loop.now = door_room.DRAIN_IDLE_SECONDS + 0.1
    house.doors.sweep()
    assert silent.transport.aborted
    assert not idle.transport.aborted


def test_a_refusal_with_a_retry_time_says_it_in_a_header():
    raw = refusal_bytes(Refusal("overloaded", retry_after=3), keep_alive=True)
    assert b"\r\nRetry-After: 3\r\n" in raw
    assert b"Connection: close" not in raw


def test_an_answer_has_its_exact_length():
    assert answer_bytes(200, b"{}", keep_alive=True).endswith(b"Content-Length: 2\r\n\r\n{}")


def test_a_door_on_a_real_loop_answers():
    async def talk():
        loop = asyncio.get_running_loop()

        async def serve(request, door):
            door.write(answer_bytes(200, request.body, keep_alive=request.keep_alive))
            door.finish(request.keep_alive)

        server = await loop.create_server(Doors(loop, serve, lambda path: 100), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(HEAD + b"hello")
            answer = await reader.readuntil(b"hello")
            writer.close()
            await writer.wait_closed()
        return answer

    assert asyncio.run(talk()).startswith(b"HTTP/1.1 200 OK")


def test_every_door_keeps_its_own_state():
    assert isinstance(House().door, Door)
    assert not hasattr(House().door, "__dict__") or not vars(House().door)


def test_an_empty_line_before_a_request_is_refused_because_readers_differ_about_it():
    assert House().say(b"\r\n" + HEAD + b"hello").status == 400
    house = House().say(HEAD + b"hello")
    house.door.finish(True)
    assert house.say(b"\r\n", HEAD + b"again").status == 400
    assert len(house.seen) == 1


def test_http_1_0_gets_no_interim_answer():
    house = House().say(b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert house.wire.out == b""


@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6), cut=st.integers(1, 120))
def test_repeated_heads_with_other_lengths_come_through_in_any_split(lengths, cut):
    house = House()
    for number, length in enumerate(lengths, 1):
        raw = HEAD.replace(b"Length: 5", b"Length: %d" % length) + b"x" * length
        for at in range(0, len(raw), cut):
            house.say(raw[at : at + cut])
        assert len(house.seen) == number
        assert house.seen[-1].body == b"x" * length
        house.door.finish(True)


def test_a_known_head_does_not_let_a_larger_body_through():
    house = House().say(HEAD + b"hello")
    house.door.finish(True)
    house.say(HEAD.replace(b"Length: 5", b"Length: 99999999") + b"x")
    assert house.status == 413
