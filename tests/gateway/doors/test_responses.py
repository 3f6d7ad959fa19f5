import datetime as dt
import json

import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.gateway.doors import responses as door
from isthmus.gateway.doors.memory import Memory


def read(recall=door.nothing_kept, **fields):
    return json.loads(door.read(json.dumps({"model": "m", "input": "hi", **fields}).encode(), recall))


def written(message, reason="stop", **asked):
    chat = {
        "id": "c",
        "model": "m",
        "choices": [{"message": message, "finish_reason": reason}],
        "isthmus": {"receipt": "r"},
    }
    return json.loads(door.write(json.dumps(chat).encode(), json.dumps({"input": "hi", **asked}).encode()))


def test_words_and_instructions_become_messages():
    assert read(instructions="brief")["messages"] == [
        {"role": "system", "content": "brief"}, {"role": "user", "content": "hi"}
    ]  # fmt: skip


def test_reasoning_words_and_calls_of_one_turn_are_one_message():
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "go"}]},
        {
            "type": "reasoning",
            "id": "rs",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "s.",
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "so"}]},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": '{ "x":1}'},
        {"type": "function_call", "call_id": "b", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": "1"},
        {"type": "function_call_output", "call_id": "b", "output": [{"type": "input_text", "text": "2"}]},
    ]
    user, said, one, two = read(input=items)["messages"]
    assert said["content"] == "so"
    assert (said["reasoning_content"], said["encrypted_content"]) == ("hm", "s.")
    assert [call["function"]["arguments"] for call in said["tool_calls"]] == ['{ "x":1}', "{}"]
    assert (user["content"], one["content"], two["content"]) == ("go", "1", "2")


def test_settings_go_by_the_chat_wires_names():
    chat = read(
        max_output_tokens=9, temperature=0.1, reasoning={"effort": "low"}, parallel_tool_calls=False, stream=True,
        tools=[{"type": "function", "name": "f", "parameters": {"z": 1, "a": 2}, "strict": True}],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}},
    )  # fmt: skip
    assert chat["max_completion_tokens"] == 9
    assert chat["reasoning_effort"] == "low"
    assert chat["stream_options"] == {"include_usage": True}
    assert chat["tools"][0]["function"] == {"name": "f", "parameters": {"z": 1, "a": 2}, "strict": True}
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert chat["response_format"]["json_schema"] == {"name": "n", "schema": {"type": "object"}, "strict": True}
    assert read(text={"format": {"type": "text"}})["response_format"] == {"type": "text"}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"previous_response_id": "resp_x"}, "previous_response_id"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"input": [{"type": "computer_call_output"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input"),
        ({"model": 3}, "model"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_field(fields, named):
    with pytest.raises(Refusal) as caught:
        read(**fields)
    assert (caught.value.code, caught.value.fields["field"]) == ("bad_field", named)


def test_nothing_is_stored_unless_the_caller_says_so():
    assert not door.stores(b'{"model":"m","input":"hi"}')
    assert door.stores(b'{"model":"m","input":"hi","store":true}')
    assert written({"content": "a"})["store"] is False


def test_a_conversation_goes_on_by_reference_for_its_own_tenant_and_without_the_instructions():
    kept = Memory(FakeClock(dt.datetime(2026, 11, 22, tzinfo=dt.UTC)))
    first = json.dumps({"model": "m", "input": "one", "instructions": "secretly", "store": True}).encode()
    kept.keep("t", "resp_1", door.remember(first, {"content": "two", "reasoning_content": "hm", "refusal": None}))

    def recall(name):
        return kept.find("t", name)

    second = {"input": "three", "previous_response_id": "resp_1"}
    assert read(recall, **second)["messages"] == [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two", "reasoning_content": "hm"},
        {"role": "user", "content": "three"},
    ]
    with pytest.raises(Refusal):
        read(lambda name: kept.find("other", name), **second)
    again = door.remember(json.dumps({"model": "m", **second}).encode(), {"content": "four"}, recall)
    assert [m["content"] for m in json.loads(again)] == ["one", "two", "three", "four"]


def test_an_answer_is_items_in_order_and_its_id_finds_the_receipt():
    call = {"id": "t", "function": {"name": "f", "arguments": '{ "a":1}'}}
    said = {"reasoning_content": "hm", "encrypted_content": "s.", "content": "yes", "tool_calls": [call]}
    made = written(said, "tool_calls", metadata={"k": "v"})
    assert (made["id"], made["status"], made["metadata"]) == ("resp_r", "completed", {"k": "v"})
    assert [item["type"] for item in made["output"]] == ["reasoning", "message", "function_call"]
    assert made["output"][0]["encrypted_content"] == "s."
    assert made["output"][2]["arguments"] == '{ "a":1}'


@pytest.mark.parametrize(
    ("reason", "why"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter"), ("unknown", "unknown"), (None, "unknown")],
)
def test_whatever_is_no_normal_end_is_incomplete(reason, why):
    made = written({"content": "half"}, reason)
    assert (made["status"], made["incomplete_details"]) == ("incomplete", {"reason": why})


def test_the_models_own_refusal_is_a_part_of_its_kind():
    assert written({"refusal": "no"})["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]
    assert json.loads(door.refusal(Refusal("missing_key")))["error"]["code"] == "missing_key"
