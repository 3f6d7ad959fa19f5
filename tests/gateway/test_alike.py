"""Events that are alike but for their text: taken together they are what each is by itself."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.gateway.alike import Alike

TEXTS = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(
    ('"', "\\", "\n", "你好", "\u2028", "}", ',"usage":{', "")
)


def written(text, used=None, *, separators=(",", ":"), escaped=False):
    one = {"id": "x", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    if used is not None:
        one["usage"] = {"completion_tokens": used, "prompt_tokens": 9, "details": {"cached_tokens": 0}}
    return json.dumps(one, separators=separators, ensure_ascii=escaped).encode()


def learned(event, text, sent=None):
    return Alike.of(event if sent is None else sent, text, event)


def wire(*events):
    return b"".join(b"data: %b\n\n" % each for each in events)


@given(st.lists(TEXTS, min_size=1, max_size=12), st.sampled_from(((",", ":"), (", ", ": "))), st.booleans())
def test_every_text_is_found_and_every_byte_is_kept(texts, separators, escaped):
    events = [written(text, separators=separators, escaped=escaped) for text in texts]
    raw = wire(*events)
    alike = next(filter(None, map(learned, events, texts)), None)
    if alike is not None and any(texts):
        many = alike.many(raw)
        assert (pieces(alike, raw), *many[1:]) == (texts, "".join(texts), len(raw), raw, b"")
        assert pieces(alike, raw[:-1]) == (texts[:-1] if any(texts[:-1]) else None)


@given(st.lists(st.tuples(TEXTS, st.integers(0, 3000)), min_size=1, max_size=12))
def test_what_each_tells_of_the_use_so_far_is_taken_off(said):
    texts = [text for text, _ in said]
    events = [written(text, used) for text, used in said]
    bare = [written(text) for text in texts]
    alike = next(filter(None, map(learned, events, texts, bare)), None)
    if alike is not None and any(texts):
        raw = wire(*events)
        many = alike.many(raw)
        assert (pieces(alike, raw), *many[1:4]) == (texts, "".join(texts), len(raw), wire(*bare))
        assert json.loads(many[4])["usage"] == json.loads(events[-1])["usage"]
        assert pieces(alike, raw[:-1]) == (texts[:-1] if any(texts[:-1]) else None)


def pieces(alike, raw):
    many = alike.many(raw)
    return None if many is None else [text if isinstance(text, str) else text.decode("ascii") for text in many[0]]


GOOD = b'data: {"choices":[{"delta":{"content":"there"},"finish_reason":null}]}\n\n'


@pytest.mark.parametrize(
    "event",
    [
        b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}',
        b'{"choices":[{"delta":{"content":"a","content":"b"},"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":"\xff"},"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":"a\x01"},"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":"a\\"},"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":""},"finish_reason":null}]}',
        b'{"choices":[{"delta":{"content":"',
        b'"},"finish_reason":null}]}',
        b'there"},"finish_reason":null}]}',
        b"[DONE]",
        b"",
    ],
)
def test_what_only_looks_alike_is_read_well(event):
    alike = learned(b'{"choices":[{"delta":{"content":"Hi"},"finish_reason":null}]}', "Hi")
    assert alike.many(GOOD) == ([b"there"], "there", len(GOOD), GOOD, b"")
    assert alike.many(b"data: %b\n\n" % event) is None
    assert alike.many(b"event: x\n" + GOOD) is None
    if b'""' not in event:
        assert pieces(alike, b"%bdata: %b\n\n" % (GOOD, event)) in (None, ["there"])
        assert pieces(alike, b"%bdata: %b\n\n%b" % (GOOD, event, GOOD)) is None


@pytest.mark.parametrize(
    ("other", "with_it"),
    [
        (b'{"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":2},"error":{"code":"x"}}', None),
        (b'{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":2}}', None),
        (b'{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],"usage":{"completion_tokens":2}}', ["there"]),
        (b'{"choices":[{"delta":{"content":"a"}}]}', ["there"]),
        (b'{"choices":[{"delta":{"content":"a"}}],"usage":null}', None),
    ],
)
def test_an_event_that_tells_anything_but_other_numbers_is_not_alike(other, with_it):
    def event(text, used):
        return b'{"choices":[{"delta":{"content":"%b"}}],"usage":{"completion_tokens":%d}}' % (text, used)

    alike = learned(event(b"Hi", 1), "Hi", b'{"choices":[{"delta":{"content":"Hi"}}]}')
    first = wire(event(b"there", 12))
    sent = wire(b'{"choices":[{"delta":{"content":"there"}}]}')
    assert alike.many(first) == ([b"there"], "there", len(first), sent, b'{"usage":{"completion_tokens":12}}')
    assert pieces(alike, first + wire(other)) == with_it
    assert alike.many(first + wire(other) + first) is None
    assert alike.many(wire(other)) is None
    assert alike.many(wire(event(b"a", 2))[:-2] + first) is None


def test_what_stands_behind_the_use_teaches_nothing():
    event = b'{"choices":[{"delta":{"content":"Hi"}}],"usage":{"completion_tokens":1},"system_fingerprint":"f"}'
    assert learned(event, "Hi", b'{"choices":[{"delta":{"content":"Hi"}}],"system_fingerprint":"f"}') is None


def test_an_event_that_holds_the_word_twice_teaches_nothing():
    assert learned(b'{"x":{"content":"Hi"},"choices":[{"delta":{"content":"Hi"}}]}', "Hi") is None
    assert learned(b'{"choices":[{"delta":{"content":"H\\u0069"}}]}', "Hi") is None
    assert learned(b'{"choices":[{"delta":{"content":"Hi","c\\u006fntent":"Hi"}}]}', "Hi") is None
