"""The official `anthropic` client works by changing base URL and key only."""

import anthropic
import pytest

TOOL = {
    "name": "weather",
    "description": "The weather in a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def client(place):
    with anthropic.Anthropic(base_url=place.url, api_key=place.key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def scripted_client(scripted):
    with anthropic.Anthropic(base_url=scripted.url, api_key=scripted.key, max_retries=0) as made:
        yield made


def ask(client, text="Say hello.", **more):
    return client.messages.create(
        **{"model": "auto", "max_tokens": 16, "messages": [{"role": "user", "content": text}], **more}
    )


def test_a_real_engine_answers_with_label_and_receipt(client):
    message = ask(client)
    assert message.content[0].text.endswith("内容由AI生成")
    assert message.usage.output_tokens > 0
    assert message.model_extra["isthmus"]["receipt"]


def test_a_stream_gives_text_label_and_origin(client):
    with client.messages.stream(
        model="auto", max_tokens=16, messages=[{"role": "user", "content": "Say hello."}]
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text.endswith("内容由AI生成")
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_goes_through_and_its_result_back(scripted_client, scripted, stream):
    asked = {"model": "auto", "max_tokens": 64, "tools": [TOOL]}
    turns = [{"role": "user", "content": "tools"}]
    if stream:
        with scripted_client.messages.stream(messages=turns, **asked) as events:
            message = events.get_final_message()
    else:
        message = scripted_client.messages.create(messages=turns, **asked)
    (call,) = [block for block in message.content if block.type == "tool_use"]
    assert (call.name, call.input, message.stop_reason) == ("weather", {"city": "Paris"}, "tool_use")
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    turns += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [result]}]
    scripted_client.messages.create(messages=turns, **asked)
    sent = scripted.answers.seen[-1]["messages"]
    assert [m["role"] for m in sent][-2:] == ["assistant", "tool"]


def test_a_wrong_key_is_an_authentication_error(place):
    with (
        anthropic.Anthropic(base_url=place.url, api_key="isk_wrong", max_retries=0) as wrong,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        ask(wrong)
    assert refused.value.body["error"]["code"] == "invalid_key"


def test_a_stream_that_breaks_off_is_an_error_and_never_an_end(scripted_client):
    with (
        pytest.raises(anthropic.APIError),
        scripted_client.messages.stream(
            model="auto", max_tokens=64, messages=[{"role": "user", "content": "die:4"}]
        ) as stream,
    ):
        stream.get_final_message()
