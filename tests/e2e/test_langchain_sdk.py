"""LangChain's OpenAI chat model works by changing base URL and key only."""

import pytest
from langchain_openai import ChatOpenAI

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def model(place, **more):
    return ChatOpenAI(model="auto", base_url=place.base_url, api_key=place.key, max_retries=0, max_tokens=16, **more)


def test_a_real_engine_answers_with_label_and_tokens(place):
    message = model(place).invoke("Say hello.")
    assert message.content.endswith("内容由AI生成")
    assert message.usage_metadata["output_tokens"] > 0


def test_a_stream_counts_its_tokens_once(scripted):
    made = None
    for chunk in model(scripted, stream_usage=True).stream("plain"):
        made = chunk if made is None else made + chunk
    assert made.content.startswith("Hello from the stand-in.")
    assert (made.usage_metadata["input_tokens"], made.usage_metadata["output_tokens"]) == (1, 8)


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_with_their_arguments(scripted, stream):
    bound = model(scripted).bind_tools([WEATHER])
    message = bound.invoke("tools")
    if stream:
        message = None
        for chunk in bound.stream("tools"):
            message = chunk if message is None else message + chunk
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Paris"})
