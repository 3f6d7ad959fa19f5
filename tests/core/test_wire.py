"""The OpenAI chat wire: what is read is read strictly, what is not read stays as it came."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.core.wire import Ask, Chunk, Message, Said, decode_ask, rewrite_texts

HI = [{"role": "user", "content": "hi"}]


def asked(messages=HI, **fields):
    return decode_ask(json.dumps({"model": "auto", "messages": messages, **fields}).encode())


def refused(body):
    with pytest.raises(Refusal) as caught:
        decode_ask(body)
    return caught.value.code, caught.value.fields


# -- reading ------------------------------------------------------------------------------------------------


def test_a_plain_question_is_read():
    ask = asked()
    assert (ask.model, ask.stream, ask.include_usage) == ("auto", False, False)
    assert list(ask.texts()) == ["hi"]


def test_a_streamed_question_with_usage_is_read():
    ask = asked(stream=True, stream_options={"include_usage": True})
    assert (ask.stream, ask.include_usage) == (True, True)


def test_stream_options_without_a_word_of_usage_ask_for_none():
    assert asked(stream=True, stream_options={}).include_usage is False


def test_every_text_of_a_message_is_found_in_its_order():
    messages = [
        {"role": "system", "content": "one"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "two"}],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "three",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"four"}'}},
                {"id": "d", "type": "custom"},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "five"},
    ]
    assert list(asked(messages).texts()) == ["one", "two", "three", '{"a":"four"}', "five"]


@pytest.mark.parametrize("name", ["stream", "stream_options", "n", "max_tokens", "tools", "made_up"])
def test_null_means_that_the_caller_left_the_field_out(name):
    assert name not in asked(**{name: None}).fields


@pytest.mark.parametrize("name", ["model", "messages"])
def test_null_where_a_value_is_required_is_as_good_as_nothing(name):
    body = {"model": "auto", "messages": HI, name: None}
    assert refused(json.dumps(body).encode()) == ("bad_field", {"field": name, "reason": "it is required"})


def test_the_word_null_inside_a_text_changes_nothing():
    assert list(asked([{"role": "user", "content": "null"}]).texts()) == ["null"]


def test_unknown_fields_stay_raw_to_the_byte():
    ask = decode_ask(b'{"model":"auto","messages":[{"role":"user","content":"hi"}],"made_up": { "a" :1.00, "b":2 }}')
    assert bytes(ask.fields["made_up"]) == b'{ "a" :1.00, "b":2 }'


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"one","messages":[{"role":"user","content":"hi"}],"model":"two"}',
        b'{"model":"one","messages":[{"role":"user","content":"hi"}],"mod\\u0065l":"two"}',
        b'{"model":"one","messages":[{"role":"user","content":"unseen","content":"seen"}]}',
        b'{"model":"one","messages":[{"role":"user","content":"hi"}],"tools":[{"description":"a","description":"b"}]}',
        b'{"model":"one","messages":[{"role":"user","content":"hi"}],"x":{"a":1,"a":1}}',
        b'{ "x": 1, "model": "one", "messages": [{"role": "user", "content": "hi"}], "x": 1 }',
    ],
    ids=["top", "escaped", "message", "tool", "unknown", "blanks"],
)
def test_a_name_given_twice_is_refused_because_readers_believe_different_ones(body):
    assert refused(body) == ("bad_json", {"reason": "a name is given twice in one object"})


@pytest.mark.parametrize(("depth", "fits"), [(40, True), (60, True), (70, False), (900, False), (100_000, False)])
@pytest.mark.parametrize("name", ["tools", "made_up"])
def test_a_body_is_at_most_64_levels_deep(name, depth, fits):
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"%b":%b}' % (
        name.encode(),
        b"[" * depth + b"]" * depth,
    )
    if fits:
        assert decode_ask(body).model == "m"
    else:
        assert refused(body)[0] == "bad_json"


@pytest.mark.parametrize("name", ["made_up", "tools", "temperature"])
@pytest.mark.parametrize("number", [b"1" * 5000, b"-" + b"9" * 100_000, b"1e999", b"0." + b"3" * 5000])
def test_a_number_of_many_digits_is_read_or_refused_and_never_breaks_the_reader(name, number):
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"%b": %b}' % (name.encode(), number)
    try:
        code = decode_ask(body).model
    except Refusal as refusal:
        code = refusal.code
    assert code in ("m", "bad_json", "bad_field")


def test_many_messages_are_not_depth():
    assert len(asked([{"role": "user", "content": "hi"}] * 500).messages) == 500


def test_a_name_written_with_escapes_is_the_same_name():
    assert decode_ask(b'{"mod\\u0065l":"a","messages":[{"role":"user","cont\\u0065nt":"x"}]}').model == "a"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"{} {}",
        b'\xef\xbb\xbf{"model":"a"}',
        b'{"model":NaN}',
        b"{'model':1}",
        b'{"\xff":1}',
        b'{"a":' + b"[" * 100_000,
    ],
    ids=["nothing", "half", "array", "string", "null", "two", "BOM", "NaN", "quotes", "not UTF-8", "too deep"],
)
def test_what_is_not_one_json_object_is_refused(body):
    assert refused(body)[0] == "bad_json"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("model", ["auto"]),
        ("messages", {}),
        ("messages", "hi"),
        ("messages", []),
        ("messages", [{}]),
        ("messages", ["hi"]),
        ("messages", [{"role": "king", "content": "x"}]),
        ("messages", [{"role": None, "content": "x"}]),
        ("messages", [{"role": "user", "content": 7}]),
        ("messages", [{"role": "user", "content": {"type": "text", "text": "x"}}]),
        ("messages", [{"role": "user", "content": [{"text": "x"}]}]),
        ("messages", [{"role": "user", "content": [{"type": "text", "text": 7}]}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]),
        ("messages", [{"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}]),
        ("stream", 1),
        ("stream", "true"),
        ("stream_options", []),
        ("stream_options", {"include_usage": "yes"}),
        ("n", 2),
        ("n", 0),
        ("n", 1.0),
        ("n", "1"),
    ],
)
def test_a_field_of_the_wrong_shape_is_refused_by_its_name(field, value):
    code, fields = refused(json.dumps({"model": "auto", "messages": HI, field: value}).encode())
    assert (code, fields["field"]) == ("bad_field", field)


def test_one_answer_may_be_asked_for_by_its_number():
    assert asked(n=1).model == "auto"


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"auto","messages":[{"role":"user","content":["CANARY"]}]}',
        b'{"model":"auto","messages":[{"role":"CANARY","content":"x"}]}',
        b'{"model":"auto","messages":[{"role":"CANARY - at `$.canary","content":"x"}]}',
        b'{"model":"auto","messages":[{"role":"user","content":"CANARY"}],"n":"CANARY"}',
        b'{"model":"auto","messages":[{"role":"user","content":"CANARY"}',
        b'{"model":"auto","messages":[{"role":"user","content":"CANARY\xff"}]}',
    ],
)
def test_a_refusal_never_repeats_what_was_written(body):
    with pytest.raises(Refusal) as caught:
        decode_ask(body)
    assert b"canary" not in caught.value.encode().lower()


def test_questions_and_answers_cannot_be_printed():
    for kind in (Ask, Message, Said, Chunk):
        assert issubclass(kind, Withheld)
    assert "hi" not in repr(asked())


# -- rewriting ----------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Names of fields that nobody here reads.
names = st.text(string.ascii_lowercase, min_size=1, max_size=5).map("x_".__add__)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)
others = st.dictionaries(names, anything, max_size=2)


def shaped(required, optional):
    """A JSON object with these fields, and others that nobody here reads."""
    return st.builds(lambda own, rest: {**own, **rest}, st.fixed_dictionaries(required, optional=optional), others)


parts = shaped({"type": st.just("text")}, {"text": st.none() | words})
functions = shaped({}, {"name": words, "arguments": st.none() | words})
calls = shaped({}, {"function": st.none() | functions, "index": st.integers(0, 9), "id": words})
messages = st.lists(
    shaped(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
        {
            "content": st.none() | words | st.lists(parts, max_size=3),
            "reasoning_content": st.none() | words,
            "tool_calls": st.none() | st.lists(calls, max_size=2),
            "name": words,
        },
    ),
    min_size=1,
    max_size=4,
)


def bare(raw):
    """`raw` messages with every text that policies read taken out: what must never change."""
    found = json.loads(raw)
    for message in found:
        if message.get("name"):
            message["name"] = "-"
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = "-"
        for part in content if isinstance(content, list) else ():
            if part.get("text") is not None:
                part["text"] = "-"
        if message.get("reasoning_content"):
            message["reasoning_content"] = "-"
        for call in message.get("tool_calls") or ():
            if (call.get("function") or {}).get("arguments"):
                call["function"]["arguments"] = "-"
    return found


@given(messages)
def test_rewriting_changes_exactly_the_texts_that_are_read_and_nothing_else(messages):
    ask = asked(messages)
    before = bytes(ask.fields["messages"])
    seen = []

    def change(text):
        seen.append(text)
        return f"<{text}>"

    after = rewrite_texts(before, change)
    again = decode_ask(b'{"model":"auto","messages":%b}' % after)
    assert seen == list(ask.texts())
    assert list(again.texts()) == [f"<{text}>" for text in seen]
    assert bare(after) == bare(before)


@given(messages)
def test_rewriting_without_a_change_changes_nothing(messages):
    raw = bytes(asked(messages).fields["messages"])
    assert json.loads(rewrite_texts(raw, lambda text: text)) == json.loads(raw)


@pytest.mark.parametrize("value", [b"1e400", b'"\xff"'], ids=["too large a number", "not UTF-8"])
def test_what_cannot_be_rewritten_is_refused_when_it_is_read(value):
    raw = b'[{"role":"user","content":"x","made_up":%b}]' % value
    try:
        ask = decode_ask(b'{"model":"auto","messages":%b}' % raw)
    except Refusal:
        return
    assert rewrite_texts(ask.fields["messages"], str.upper)


def test_a_name_beside_a_message_is_a_text_like_any_other():
    ask = asked([{"role": "user", "name": "13812345678", "content": "hi"}])
    assert list(ask.texts()) == ["13812345678", "hi"]


def test_what_nobody_reads_of_a_message_stays_here():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "x": "UNREAD"}}
    known = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "t", "cache": {"x": "UNREAD"}}]},
        {"role": "assistant", "content": "a", "prefix": True, "refusal": "UNREAD", "UNREAD": 1},
        {
            "role": "assistant",
            "function_call": {"name": "f", "arguments": "UNREAD"},
            "tool_calls": [{"custom": "UNREAD"}],
        },
    ]
    kept = json.loads(bytes(asked(known).fields["messages"]))
    assert "UNREAD" not in json.dumps(kept)
    assert kept[0]["tool_calls"][0]["function"] == {"name": "f", "arguments": "{}"}
    assert kept[1] == {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "t"}]}
    assert kept[2] == {"role": "assistant", "content": "a", "prefix": True}


def test_texts_beside_the_messages_are_found_in_any_depth():
    parts = [{"type": "text", "text": "cut in "}, {"type": "text", "text": "two"}]
    deep = json.loads("[" * 40 + '"deep"' + "]" * 40)
    more = {"tools": [{"function": {"name": "f", "parameters": {"p": deep}}}], "stop": "halt", "seed": 1}
    ask = asked([{"role": "user", "content": parts}, {"role": "user", "content": "alone"}], **more)
    around = ["function", "name", "f", "parameters", "p", "deep", "halt"]
    assert sorted(ask.beside()) == sorted(["cut in two", "cut in two\nalone", *around])


def test_names_ids_and_escaped_arguments_of_calls_are_read():
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q": "\\u0061b", "n": 7}'}}
    ask = asked(
        [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
        ]
    )
    assert sorted(ask.beside()) == sorted(["c1", "c1", "look", "q", "ab", "n", "7"])


def test_what_a_person_says_over_several_messages_is_read_as_one():
    said = [("system", "s"), ("user", "one"), ("assistant", "between"), ("user", "two"), ("user", "three")]
    ask = asked([{"role": role, "content": text} for role, text in said])
    assert list(ask.beside()) == ["one\ntwo", "one\ntwo\nthree"]


@pytest.mark.parametrize("raw", [b'"\\ud800"', b"1e400", b"[" * 990 + b"]" * 990])
def test_what_is_read_beside_the_messages_can_be_read(raw):
    body = b'{"model":"auto","messages":[{"role":"user","content":"x"}],"tools":%b}' % raw
    try:
        ask = decode_ask(body)
    except Refusal:
        return
    assert list(ask.beside()) == []


def test_what_a_partner_sealed_goes_on_and_a_sentence_in_its_place_does_not():
    def kept(sealed):
        message = {"role": "assistant", "content": "a", "encrypted_content": sealed}
        ask = decode_ask(json.dumps({"model": "m", "messages": [message]}).encode())
        return json.loads(bytes(ask.fields["messages"]))[0].get("encrypted_content")

    assert kept("anthropic.W3sibiI6M30-_=") == "anthropic.W3sibiI6M30-_="
    assert kept("tell me a secret") is None
    assert kept(5) is None
