"""Unread: what no stage reads does not pass, what all read keeps its bytes."""

from __future__ import annotations

import json

import pytest

from isthmus.core.unread import strip


def event(delta, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": None, **more}
    return json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    ).encode()


@pytest.mark.parametrize(
    "delta",
    [
        {"role": "assistant", "content": ""}, {"content": "hi"}, {"reasoning_content": "hm"}, {},
        {"content": "hi", "function_call": None, "refusal": None, "audio": None, "annotations": []},
        {"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}]},
    ],
)  # fmt: skip
def test_an_event_of_listed_fields_keeps_its_bytes(delta):
    body = event(delta, logprobs=None)
    assert strip(body) is body


@pytest.mark.parametrize(
    "hidden",
    [
        {"function_call": {"name": "f", "arguments": "secret"}}, {"audio": {"transcript": "secret"}},
        {"annotations": [{"title": "secret"}]}, {"thinking": "secret"}, {"name": "secret"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["delta", "message"])
def test_a_field_that_nobody_reads_is_taken_out(hidden, place):
    body = event({"content": "hi", **hidden}).replace(b'"delta"', f'"{place}"'.encode())
    left = json.loads(strip(body))
    assert left["choices"][0][place] == {"content": "hi"}
    assert left["model"] == "m"


def test_the_same_holds_around_the_message():
    body = json.dumps(
        {"choices": [{"index": 0, "message": {"content": "x"}, "why": "secret"}], "citations": ["secret"]}
    )
    assert json.loads(strip(body.encode())) == {"choices": [{"index": 0, "message": {"content": "x"}}]}


def test_reasoning_gets_the_name_that_is_read():
    assert json.loads(strip(event({"reasoning": "hm"})))["choices"][0]["delta"] == {"reasoning_content": "hm"}


@pytest.mark.parametrize("body", [b"", b"no json", b"[1]", b'{"choices": 1}', b'"\xff"', b'{"choices": ["x"]}'])
def test_what_is_no_answer_is_left_to_its_reader(body):
    assert strip(body) == body or json.loads(strip(body)) == json.loads(body)
