"""The official `openai` client works by changing base URL and key only."""

import openai
import pytest

TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}

SCHEMA = {
    "name": "greeting",
    "schema": {"type": "object", "properties": {"hello": {"type": "string"}}, "required": ["hello"]},
}


@pytest.fixture(scope="module")
def client(place):
    with openai.OpenAI(base_url=place.base_url, api_key=place.key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def scripted_client(scripted):
    with openai.OpenAI(base_url=scripted.base_url, api_key=scripted.key, max_retries=0) as made:
        yield made


def ask(client, **more):
    return client.chat.completions.create(
        model="auto", max_tokens=16, messages=[{"role": "user", "content": "Say hello."}], **more
    )


def test_chat_answers_with_label_and_receipt(client):
    answer = ask(client)
    assert answer.choices[0].message.content.endswith("内容由AI生成")
    assert answer.usage.completion_tokens > 0
    assert answer.isthmus["label"] == "内容由AI生成"
    assert answer.isthmus["receipt"]


def test_headers_say_the_same_as_the_body(client):
    raw = client.chat.completions.with_raw_response.create(
        model="auto", max_tokens=4, messages=[{"role": "user", "content": "Hi"}]
    )
    said = raw.parse().isthmus
    assert raw.headers["isthmus-receipt"] == said["receipt"]
    assert raw.headers["isthmus-route"] == said["route"]
    assert raw.headers["isthmus-label"] == "%E5%86%85%E5%AE%B9%E7%94%B1AI%E7%94%9F%E6%88%90"


def test_a_stream_gives_text_label_and_origin_in_its_last_chunk(client):
    chunks = list(ask(client, stream=True))
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text.endswith("内容由AI生成")
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    assert chunks[-1].isthmus["receipt"]
    assert not any(getattr(chunk, "usage", None) for chunk in chunks)


def test_a_stream_with_usage_ends_in_the_usage_chunk(client):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0
    assert chunks[-1].isthmus["receipt"]


def test_a_tool_call_passes_through_and_back(scripted_client, scripted):
    answer = scripted_client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "tools"}], tools=[TOOL], tool_choice="required"
    )
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Paris"}')
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.isthmus["label_at"] == "metadata"
    assert scripted.answers.seen[-1]["tools"] == [TOOL]
    said = answer.choices[0].message.model_dump(exclude_none=True)
    scripted_client.chat.completions.create(
        model="auto",
        messages=[
            {"role": "user", "content": "tools"},
            said,
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ],
        tools=[TOOL],
    )
    assert scripted.answers.seen[-1]["messages"][1] == said


def test_a_streamed_tool_call_arrives_byte_for_byte(scripted_client):
    stream = scripted_client.chat.completions.create(
        model="auto", stream=True, messages=[{"role": "user", "content": "tools"}], tools=[TOOL]
    )
    name, arguments, finish = "", "", ""
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert (name, arguments, finish) == ("weather", '{"city":"Paris"}', "tool_calls")


def test_json_mode_binds_a_real_engine_and_stays_json(client):
    answer = ask(client, response_format={"type": "json_schema", "json_schema": SCHEMA})
    assert answer.choices[0].message.content.lstrip().startswith("{")
    assert answer.isthmus["label_at"] == "metadata"


def test_models_are_listed_with_their_badge(client):
    listed = {model.id: model for model in client.models.list()}
    assert {"auto", "local", "doubao"} <= set(listed)
    assert listed["doubao"].isthmus["badge"] == "rehearsal: local stand-in for Doubao"
    assert "openai" not in listed


def test_a_wrong_key_is_an_authentication_error(place):
    with (
        openai.OpenAI(base_url=place.base_url, api_key="isk_wrong", max_retries=0) as wrong,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        ask(wrong)
    assert refused.value.code == "invalid_key"


def test_consent_missing_carries_the_sheet(client):
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="doubao", messages=[{"role": "user", "content": "My mobile: 13812345678"}])
    sheet = refused.value.body["isthmus"]["sheet"]
    assert refused.value.code == "consent_required"
    assert "Doubao" in sheet["title"]
    assert "1" in sheet["masked"]
    assert sheet["consent"] == {"kind": "separate", "recipient": "doubao", "region": "CN"}
