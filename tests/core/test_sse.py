"""Server-sent events: whatever the network does to the bytes, the same events come out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.sse import DONE, EventReader, EventTooLargeError

LINE_ENDS = re.compile(rb"\r\n|\r|\n")
PIECES = [b"data:", b"data: ", b"data", b"datas: x", b": note", b"event: a", b"id: 1", b"x", b"\n", b"\r", b"\r\n"]
PIECES += [b"\n\n", b"\r\n\r\n", b"\r\r", "会".encode(), b"[DONE]"]
# The last comment keeps a closing CR from being half of a CRLF that never comes.
streams = st.lists(st.sampled_from(PIECES), max_size=40).map(lambda pieces: b"".join(pieces) + b"\n:")


def by_the_book(stream):
    """The events of `stream` by the letter of WHATWG HTML 9.2.6, one line at a time."""
    events, data = [], []
    for line in LINE_ENDS.split(stream)[:-1]:
        name, _, value = line.partition(b":")
        if not line:
            if data:
                events.append(b"\n".join(data))
            data = []
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return events


def cut(data, raw):
    """`raw` in pieces, cut wherever Hypothesis likes."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=12)))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def read(*reads, limit=1 << 20):
    reader = EventReader(limit)
    return [event for each in reads for event in reader.feed(each)]


@given(streams)
def test_the_events_are_those_of_the_specification(stream):
    assert read(stream) == by_the_book(stream)


@given(streams, st.data())
def test_any_split_gives_the_same_events(stream, data):
    assert read(*cut(data, stream)) == read(stream)


@given(streams)
def test_one_byte_at_a_time_gives_the_same_events(stream):
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == read(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_each_line_end_of_the_specification_ends_a_line(end):
    assert read(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b":"])) == [b"a\nb", b"c"]


def test_an_event_without_its_blank_line_is_not_there_yet():
    reader = EventReader()
    assert reader.feed(b"data: half") == []
    assert reader.feed(b"\n\n") == [b"half"]


def test_comments_and_other_fields_are_no_events():
    assert read(b": keep-alive\n\nevent: x\nid: 1\nretry: 2\n\n") == []


def test_one_space_after_the_colon_belongs_to_the_wire_and_a_second_to_the_data():
    assert read(b"data:x\n\ndata: x\n\ndata:  x\n\n") == [b"x", b"x", b" x"]


def test_a_field_that_only_begins_like_data_is_another_field():
    assert read(b"database: x\n\ndata\n\n") == [b""]


def test_the_end_mark_is_data_like_any_other():
    assert read(b"data: [DONE]\n\n") == [DONE]


def test_an_event_that_grows_past_the_limit_is_refused_before_its_end():
    reader = EventReader(limit=8)
    assert reader.feed(b"data: 12") == []
    with pytest.raises(EventTooLargeError):
        reader.feed(b"3")


def test_many_events_together_may_be_larger_than_the_limit():
    assert read(b"data: 1\n\n" * 100, limit=8) == [b"1"] * 100
