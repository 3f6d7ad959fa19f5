"""Streams that can be taken up again: numbered, bounded, one tenant's, and forgotten in time."""

import pytest

from isthmus.gateway import resume
from isthmus.gateway.resume import Gone, Replays, last_seen


class Watch:
    """A monotonic clock that a test turns."""

    def __init__(self):
        self.at = 100.0

    def __call__(self):
        return self.at


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def replays(watch):
    return Replays(watch)


def said(*words):
    return b"".join(b'data: {"x":"%s"}\n\n' % word.encode() for word in words)


def test_every_event_gets_its_number_whatever_the_block(replays):
    stream = replays.open("t")
    assert stream.number(said("a", "b")) == b'id: 1\ndata: {"x":"a"}\n\nid: 2\ndata: {"x":"b"}\n\n'
    assert stream.number(b": isthmus {}\n\n") == b"id: 3\n: isthmus {}\n\n"


def test_what_a_caller_missed_is_told_again_and_nothing_else(replays):
    stream = replays.open("t")
    stream.number(said("a", "b", "c"))
    assert replays.find(stream.token, "t").after(1) == b'id: 2\ndata: {"x":"b"}\n\nid: 3\ndata: {"x":"c"}\n\n'
    assert stream.after(3) == b""
    assert stream.after(0).count(b"id:") == 3


def test_a_number_that_never_was_is_gone(replays):
    stream = replays.open("t")
    stream.number(said("a"))
    with pytest.raises(Gone):
        stream.after(2)


def test_another_tenant_finds_nothing(replays):
    stream = replays.open("t")
    assert replays.find(stream.token, "other") is None
    assert replays.find("nothing", "t") is None


def test_after_the_window_it_is_gone_and_an_event_begins_the_window_anew(replays, watch):
    stream = replays.open("t")
    watch.at += resume.WINDOW - 1
    stream.number(said("a"))
    watch.at += resume.WINDOW - 1
    assert replays.find(stream.token, "t") is stream
    watch.at += 2
    assert replays.find(stream.token, "t") is None
    assert (len(replays), replays.size) == (0, 0)


def test_a_long_stream_loses_its_oldest_events_and_is_never_shortened(replays):
    stream = replays.open("t")
    for _ in range(40):
        stream.number(said("x" * 10_000))
    assert stream.size <= resume.STREAM_BYTES
    with pytest.raises(Gone):
        stream.after(3)
    assert stream.after(39).startswith(b"id: 40\n")


def test_a_tenant_has_so_many_streams_and_an_ended_one_goes_first(replays, watch):
    streams = []
    for _ in range(resume.TENANT_STREAMS):
        watch.at += 0.1
        streams.append(replays.open("t"))
    streams[5].end()
    replays.open("t")
    assert replays.find(streams[5].token, "t") is None
    assert replays.find(streams[0].token, "t") is streams[0]
    replays.open("other")
    assert len(replays) == resume.TENANT_STREAMS + 1


def test_all_streams_together_fit_their_room(replays, monkeypatch):
    monkeypatch.setattr(resume, "ALL_BYTES", 30_000)
    old, new = replays.open("a"), replays.open("b")
    old.number(said("x" * 20_000))
    new.number(said("y" * 20_000))
    assert replays.size <= 30_000
    assert replays.find(old.token, "a") is None
    assert new.after(0)


def test_who_follows_hears_each_later_event_and_the_end(replays):
    stream = replays.open("t")
    stream.number(said("a"))
    heard = []
    leave = stream.follow(lambda event, last: heard.append((event, last)))
    stream.number(said("b"))
    stream.end()
    leave()
    assert heard == [(b'id: 2\ndata: {"x":"b"}\n\n', False), (b"", True)]
    late = []
    stream.follow(lambda event, last: late.append(last))
    assert late == [True]


def test_who_left_hears_no_more(replays):
    stream = replays.open("t")
    heard = []
    stream.follow(lambda event, last: heard.append(event))()
    stream.number(said("a"))
    assert heard == []


def test_a_forgotten_stream_keeps_nothing_and_tells_its_followers(replays):
    stream = replays.open("t")
    stream.number(said("secret"))
    heard = []
    stream.follow(lambda event, last: heard.append((event, last)))
    stream.forget()
    assert heard == [(b"", True)]
    assert replays.find(stream.token, "t") is None
    assert replays.size == 0
    with pytest.raises(Gone):
        stream.after(0)


def test_a_forgotten_stream_goes_on_for_its_caller_without_being_kept(replays):
    stream = replays.open("t")
    stream.number(said("a"))
    stream.forget()
    assert stream.number(said("b")).startswith(b"id: 2\n")
    assert replays.size == 0


@pytest.mark.parametrize(("header", "number"), [(b"", 0), (b" 7 ", 7), (b"999999999", 999999999)])
def test_the_header_names_a_number(header, number):
    assert last_seen(header) == number


@pytest.mark.parametrize("header", [b"x", b"-1", b"1.5", b"9" * 10, "七".encode()])
def test_what_is_no_number_is_gone(header):
    with pytest.raises(Gone):
        last_seen(header)
