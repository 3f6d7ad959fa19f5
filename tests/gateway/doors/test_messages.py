import json

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.sse import DONE, EventReader
from isthmus.gateway.doors import messages as door

HI = [{"role": "user", "content": "hi"}]
TOLD = {"receipt": "w0-1-1"}


def read(**fields):
    return json.loads(door.read(json.dumps({"model": "m", "max_tokens": 9, "messages": HI, **fields}).encode()))


def written(message, reason="stop", **more):
    chat = {
        "id": "c",
        "model": "m",
        "choices": [{"message": message, "finish_reason": reason, **more}],
        "isthmus": TOLD,
    }
    return json.loads(door.write(json.dumps(chat).encode(), b"{}"))


def events(*chunks):
    writer = door.Writer()
    writer.note(b': isthmus {"receipt":"w0-1-1"}')
    raw = b"".join(writer.feed(each if each == DONE else json.dumps(each).encode()) for each in chunks)
    return [json.loads(event) for event in EventReader().feed(raw)]


def chunk(finish=None, **delta):
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def test_a_plain_request_keeps_its_words_and_its_limit():
    assert read(system="be brief") == {
        "model": "m", "max_tokens": 9, "messages": [{"role": "system", "content": "be brief"}, *HI]
    }  # fmt: skip


def test_settings_go_by_the_chat_wires_names():
    chat = read(stop_sequences=["x"], temperature=0.5, top_p=0.9, top_k=3, stream=True)
    assert {**chat, "messages": 0, "model": 0, "max_tokens": 0} == {
        "model": 0, "messages": 0, "max_tokens": 0, "stop": ["x"], "temperature": 0.5, "top_p": 0.9, "top_k": 3,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_results_come_before_what_is_said_beside_them_and_input_keeps_its_bytes():
    body = (
        b'{"model":"m","max_tokens":9,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f",'
        b'"input":{ "b" : 1.0 }}]},{"role":"user","content":[{"type":"text","text":"and"},'
        b'{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"no"}]}]}]}'
    )
    call, result, said = json.loads(door.read(body))["messages"]
    assert call["tool_calls"][0]["function"]["arguments"] == '{ "b" : 1.0 }'
    assert result == {"role": "tool", "tool_call_id": "t", "content": "error: no"}
    assert said == {"role": "user", "content": "and"}


def test_thinking_goes_with_its_seal_and_what_was_redacted_too():
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "a.MQ==:"},
        {"type": "redacted_thinking", "data": "a.Mg==:"},
        {"type": "text", "text": "yes"},
    ]
    (message,) = read(messages=[{"role": "assistant", "content": blocks}])["messages"]
    assert message == {
        "role": "assistant", "content": "yes", "reasoning_content": "hm", "encrypted_content": "a.MQ==:a.Mg==:"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, "high"),
        ({"thinking": {"type": "adaptive"}}, "medium"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "xhigh"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, None),
        ({}, None),
    ],
)
def test_depth_of_thought_is_an_effort(given, effort):
    assert read(**given).get("reasoning_effort") == effort


def test_a_schema_of_the_answer_is_a_response_format():
    shape = read(output_config={"format": {"type": "json_schema", "schema": {"type": "object"}}})["response_format"]
    assert shape == {
        "type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("choice", "found"),
    [
        ({"type": "auto"}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_choice_of_tool_is_the_same_choice(choice, found):
    chat = read(tools=[{"name": "f", "input_schema": {"type": "object"}}], tool_choice=choice)
    assert chat["tool_choice"] == found
    assert chat["tools"] == [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert read(tool_choice={"type": "auto", "disable_parallel_tool_use": True})["parallel_tool_calls"] is False


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "messages"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools"),
        ({"max_tokens": "9"}, "max_tokens"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_its_field(fields, named):
    with pytest.raises(Refusal) as caught:
        read(**fields)
    assert (caught.value.code, caught.value.fields["field"]) == ("bad_field", named)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"\xff"', b"[" * 2000])
def test_what_is_no_json_object_is_refused_as_such(body):
    with pytest.raises(Refusal) as caught:
        door.read(body)
    assert caught.value.code == "bad_json"


def test_an_answer_says_thought_words_and_calls_in_order_with_its_origin():
    call = {"id": "t", "function": {"name": "f", "arguments": '{"a":1}'}}
    said = {"reasoning_content": "hm", "encrypted_content": "s.", "content": "yes", "tool_calls": [call]}
    message = written(said, "tool_calls")
    assert [block["type"] for block in message["content"]] == ["thinking", "text", "tool_use"]
    assert message["content"][0]["signature"] == "s."
    assert message["content"][2]["input"] == {"a": 1}
    assert (message["id"], message["stop_reason"], message["isthmus"]) == ("msg_w0-1-1", "tool_use", TOLD)


def test_arguments_that_are_no_object_are_not_lost():
    call = {"id": "t", "function": {"name": "f", "arguments": '{"cut'}}
    assert written({"tool_calls": [call]})["content"][0]["input"] == {"invalid_json": '{"cut'}


def test_the_partners_own_reason_is_told_where_it_is_one_and_unknown_stays_unknown():
    assert written({"content": "a"}, "length", native_finish_reason="pause_turn")["stop_reason"] == "pause_turn"
    assert written({"content": "a"}, "length", native_finish_reason="MAX_TOKENS")["stop_reason"] == "max_tokens"
    assert written({"content": "a"}, "unknown")["stop_reason"] == "unknown"


def test_a_stream_opens_and_closes_each_block_once():
    said = events(
        chunk(reasoning_content="h"), chunk(reasoning_content="m"), chunk(encrypted_content="s.MQ==:"),
        chunk(content="yes"), chunk(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]), chunk("tool_calls"),
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3,
                                             "prompt_tokens_details": {"cached_tokens": 2}}, "isthmus": TOLD}, DONE,
    )  # fmt: skip
    assert [e["type"] for e in said] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_delta",
        "content_block_stop", "content_block_start", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
    ]  # fmt: skip
    assert [e["index"] for e in said if "index" in e] == [0, 0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert said[0]["message"]["id"] == "msg_w0-1-1"
    assert said[-2]["usage"] == {
        "input_tokens": 3, "output_tokens": 3, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 0
    }  # fmt: skip
    assert said[-2]["isthmus"] == TOLD


def test_a_seal_that_comes_after_its_thought_is_a_block_of_its_own_and_can_be_sent_back():
    said = events(chunk(content="yes"), chunk(encrypted_content="s.MQ==:"), chunk("stop"), DONE)
    block = next(e["content_block"] for e in said if e["type"] == "content_block_start" and e["index"] == 1)
    assert block == {"type": "redacted_thinking", "data": "s.MQ==:"}
    assert read(messages=[{"role": "assistant", "content": [block]}])["messages"][0]["encrypted_content"] == "s.MQ==:"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("missing_key", "authentication_error"), ("no_lawful_route", "permission_error"), ("unknown_model",
     "not_found_error"), ("upstream_busy", "rate_limit_error"), ("overloaded", "overloaded_error"),
     ("internal", "api_error"), ("bad_json", "invalid_request_error")],
)  # fmt: skip
def test_a_refusal_has_anthropics_shape_and_our_code(code, kind):
    body = json.loads(door.refusal(Refusal(code), "w0-1-1"))
    assert (body["type"], body["error"]["type"], body["error"]["code"]) == ("error", kind, code)
    assert body["request_id"] == "w0-1-1"


def test_a_stream_that_fails_says_so_in_an_error_event():
    said = events(chunk(content="half"), {**Refusal("upstream_lost", route="P").body(), "isthmus": TOLD})
    assert said[-1]["type"] == "error"
    assert said[-1]["error"]["code"] == "upstream_lost"
