"""The OpenAI chat dialect: what a partner gets to see, and what is believed of what comes back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.decision import Route
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import decode_ask
from isthmus.partners.openai_chat import (
    FIELDS,
    OWN,
    BrokenAnswerError,
    dropped,
    read_answer,
    read_chunk,
    write_body,
)

ROUTE = Route(
    name="doubao/pro", partner="doubao", model="pro", tier="partner", dialect="openai_chat", host="h", port=1,
    tls=False, path="/", wire_model='doubao "pro"', key_env="", rehearsal=False, badge="Doubao", title="Doubao",
    facts={"fields": ("thinking",)},
)  # fmt: skip
HI = [{"role": "user", "content": "会议 hi"}]


def asked(**fields):
    ex = Exchange("r1", Caller("k", "t", ("CN",), "CN"), 0.0)
    ex.ask = decode_ask(json.dumps({"model": "auto", "messages": HI, **fields}).encode())
    return ex


def written(**fields):
    return json.loads(write_body(asked(**fields), ROUTE))


def test_a_plain_question_goes_out_under_the_partners_own_model_name():
    assert written() == {"model": 'doubao "pro"', "messages": HI}


def test_what_the_privacy_duty_rewrote_replaces_the_messages():
    ex = asked()
    ex.rewritten = b'[{"role":"user","content":"masked"}]'
    assert json.loads(write_body(ex, ROUTE))["messages"] == [{"role": "user", "content": "masked"}]


def test_messages_that_nobody_rewrote_go_out_as_they_were_read():
    ex = asked()
    ex.ask = decode_ask(
        b'{"messages": [ {"role":"user", "content":"\\u4f1a", "made_up":"unseen", "name":"x"} ],"model":"a"}'
    )
    assert json.loads(write_body(ex, ROUTE))["messages"] == [{"role": "user", "content": "会", "name": "x"}]
    assert b"unseen" not in write_body(ex, ROUTE)


def test_a_stream_always_asks_for_usage_because_the_receipt_rests_on_it():
    body = written(stream=True, stream_options={"include_usage": False, "include_obfuscation": True})
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


def test_a_question_that_is_not_streamed_says_nothing_of_streams():
    assert not {"stream", "stream_options"} & set(written(stream=False))


def test_fields_of_the_allow_list_pass_as_they_are():
    fields = {
        "max_tokens": 5, "max_completion_tokens": 1 << 20, "temperature": 0.5, "top_p": 1, "presence_penalty": -2,
        "frequency_penalty": 2, "seed": -1, "top_logprobs": 20, "logprobs": True, "stop": ["a"], "tools": [{"x": 1}],
        "tool_choice": "auto", "parallel_tool_calls": False, "response_format": {"type": "json_object"},
        "reasoning_effort": "low",
    }  # fmt: skip
    assert set(fields) == set(FIELDS)
    assert written(**fields) == {"model": 'doubao "pro"', "messages": HI, **fields}


def test_a_field_of_the_partners_own_list_passes_and_no_other():
    assert written(thinking={"type": "disabled"})["thinking"] == {"type": "disabled"}
    assert set(written(enable_thinking=True, id_slot=0, n_discard=-1, user="u", store=True)) == {"model", "messages"}


def test_what_is_left_out_is_named():
    assert dropped(asked(id_slot=0, thinking=1, temperature=1, user="u", stream=False), ROUTE) == ["id_slot"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", -1),
        ("max_tokens", 1.5),
        ("max_tokens", "5"),
        ("max_completion_tokens", (1 << 20) + 1),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("top_p", 1.1),
        ("presence_penalty", 3),
        ("frequency_penalty", [1]),
        ("seed", 2**64),
        ("seed", 10**40),
        ("top_logprobs", 21),
    ],
)
def test_a_number_that_could_harm_an_engine_is_refused_by_its_name(name, value):
    with pytest.raises(Refusal) as caught:
        write_body(asked(**{name: value}), ROUTE)
    assert (caught.value.code, caught.value.fields["field"]) == ("bad_field", name)
    assert caught.value.fields["reason"].startswith("it must be a number from ")


@given(
    st.dictionaries(st.text(max_size=12), st.none() | st.booleans() | st.integers() | st.text(max_size=5), max_size=6)
)
def test_whatever_a_caller_sends_only_listed_fields_reach_a_partner(fields):
    ex = asked(**{name: value for name, value in fields.items() if name not in OWN})
    try:
        body = json.loads(write_body(ex, ROUTE))
    except Refusal as refusal:
        body = {refusal.fields["field"]: "out of range"}
    assert set(body) <= {"model", "messages", "thinking", *FIELDS}


def test_an_answer_is_read_as_far_as_policies_need_it():
    answer = read_answer(
        b'{"id":1,"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3}}'
    )
    assert answer.choices[0].message.content == "a"
    assert answer.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":5}', b'{"choices":[{"message":{"content":5}}]}', b'{"choices":[{"message":{"content":"\xff"}}]}'],
)  # fmt: skip
def test_bytes_that_are_no_answer_are_broken(body):
    with pytest.raises(BrokenAnswerError):
        read_answer(body)


def test_a_chunk_may_hold_text_or_usage_or_an_error():
    assert read_chunk(b'{"choices":[{"delta":{"content":"a"}}]}').choices[0].delta.content == "a"
    assert read_chunk(b'{"choices":[],"usage":{"total_tokens":3}}').usage.total_tokens == 3
    assert read_chunk(b'{"error":{"code":"x"}}').error is not None


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b'{"choices":null}', b'{"choices":[{"delta":{"content":"\xff"}}]}'])
def test_bytes_that_are_no_chunk_are_broken(body):
    with pytest.raises(BrokenAnswerError):
        read_chunk(body)
