"""Outgoing: every text of a question is met once, identifiers by their own function, and nothing else changes."""

from __future__ import annotations

import json

import msgspec
import pytest

from isthmus.policy import outgoing

CHANGE = outgoing.Change(lambda text: text.replace("X1", "<m>"), lambda text: text.replace("X1", "m"))


def left(messages):
    return json.loads(outgoing.messages(json.dumps(messages).encode(), CHANGE))


def fields(**asked):
    raw = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in asked.items()}
    return {name: json.loads(bytes(value)) for name, value in outgoing.fields(raw, CHANGE).items()}


def test_every_text_of_a_message_is_changed_and_identifiers_keep_their_alphabet():
    call = {"id": "c-X1", "type": "function", "function": {"name": "f_X1", "arguments": '{"to": "X1"}'}}
    messages = [
        {"role": "user", "name": "bob_X1", "content": "ask X1"},
        {"role": "assistant", "content": None, "reasoning_content": "X1?", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c-X1", "content": [{"type": "text", "text": "got X1"}]},
    ]
    changed = {**call, "id": "c-m", "function": {"name": "f_m", "arguments": '{"to":"<m>"}'}}
    assert left(messages) == [
        {"role": "user", "name": "bob_m", "content": "ask <m>"},
        {"role": "assistant", "content": None, "reasoning_content": "<m>?", "tool_calls": [changed]},
        {"role": "tool", "tool_call_id": "c-m", "content": [{"type": "text", "text": "got <m>"}]},
    ]


def test_tools_choices_formats_and_stops_are_changed():
    schema = {
        "type": "object",
        "properties": {"X1": {"type": "string", "enum": ["X1"], "description": "is X1"}},
        "required": ["X1"],
    }
    tool = {"type": "function", "function": {"name": "X1", "description": "calls X1", "parameters": schema}}
    asked = {
        "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "X1"}}, "stop": ["X1", "end"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "X1", "schema": schema}}, "seed": 1,
    }  # fmt: skip
    out = fields(**asked)
    masked = {
        "type": "object",
        "properties": {"m": {"type": "string", "enum": ["<m>"], "description": "is <m>"}},
        "required": ["m"],
    }
    assert out["tools"][0]["function"] == {"name": "m", "description": "calls <m>", "parameters": masked}
    assert out["tool_choice"]["function"]["name"] == "m"
    assert out["response_format"]["json_schema"] == {"name": "m", "schema": masked}
    assert out["stop"] == ["<m>", "end"]
    assert set(out) == {"tools", "tool_choice", "response_format", "stop"}


def test_a_property_of_any_name_holds_a_text():
    assert fields(tools=[{"type": "X1", "default": {"type": "a X1", "role": "X1!"}}]) == {
        "tools": [{"type": "X1", "default": {"type": "a <m>", "role": "<m>!"}}]
    }


@pytest.mark.parametrize(
    ("written", "after"),
    [
        ('{"a":"X1","b":[1,"X1"]}', '{"a":"<m>","b":[1,"<m>"]}'), ('{"X1":true}', '{"<m>":true}'),
        (r'{"a":"\u0058\u0031"}', '{"a":"<m>"}'), ("X1 no json", "<m> no json"), ('{"a": 1.50}', '{"a": 1.50}'),
        ("[" * 5000 + "X1", "[" * 5000 + "<m>"),
    ],
)  # fmt: skip
def test_arguments_are_changed_inside(written, after):
    assert outgoing.arguments(written, CHANGE.text) == after


def test_a_number_that_must_not_leave_becomes_a_string():
    assert (
        outgoing.arguments('{"a": 42, "b": true}', lambda text: "<m>" if text == "42" else text)
        == '{"a":"<m>","b":true}'
    )


def test_parts_that_hold_something_only_together_become_one():
    assert left([{"role": "user", "content": [{"type": "text", "text": "X"}, {"type": "text", "text": "1!"}]}]) == [
        {"role": "user", "content": [{"type": "text", "text": "<m>!"}]}
    ]


@pytest.mark.parametrize(
    "texts",
    [["X1"], ["a X1", "X1"], ['say "X1', "X1"], ["X1", 'X1 "X1'], ["X1\n", "X1", 'X1"', "X1\\"], ["X1,", "quiet", "X1,"],
     ['the same two dozen letters X1"', "the same two dozen letters X1", "the same two dozen letters X1 X1"]],
)  # fmt: skip
def test_texts_that_are_alone_are_changed_whatever_they_hold(texts):
    source = msgspec.json.encode([{"role": "user", "content": text} for text in texts])
    left = json.loads(outgoing.alone(source, texts, CHANGE.text))
    assert [one["content"] for one in left] == [CHANGE.text(text) for text in texts]


def test_what_did_not_change_keeps_its_bytes():
    raw = b'[ {"role":"user", "content":"quiet", "encrypted_content":"X1"} ]'
    assert outgoing.messages(raw, CHANGE) == raw
    assert outgoing.fields({"model": msgspec.Raw(b'"X1"'), "seed": msgspec.Raw(b"1")}, CHANGE) == {}
