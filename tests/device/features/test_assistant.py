"""Assistant: conversation, tools, shapes."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.device.features.assistant import FEATURE
from isthmus.device.voice import Called, Said

TOOL = {"type": "function", "function": {"name": "weather", "description": "d", "parameters": {}}}


@pytest.fixture
def asked(task):
    def make(**options):
        return msgspec.structs.replace(task("assistant", "Hi", **options), given=[{"role": "user", "content": "Hi"}])

    return make


def test_the_conversation_is_the_prompt(asked) -> None:
    prompt = FEATURE.render(asked(max_tokens=7, samplingMode="creative", tools=[TOOL], response_constraint=int))
    assert (prompt.messages, prompt.max_tokens, prompt.temperature) == ([{"role": "user", "content": "Hi"}], 7, 0.8)
    assert (prompt.tools, prompt.schema) == ([TOOL], {"type": "integer"})
    assert FEATURE.render(asked()).tools is None


def test_an_answer_is_text_or_the_object_that_was_asked_for(asked) -> None:
    assert FEATURE.parse(asked(), " Hello ") == "Hello"
    assert FEATURE.parse(asked(response_constraint=int), "5") == 5
    assert FEATURE.show(asked(), 5) == "5"
    assert FEATURE.show(asked(), "five") == "five"
    with pytest.raises(ValueError, match="empty"):
        FEATURE.parse(asked(), " ")


@pytest.mark.parametrize(
    "text",
    ['{"name":"weather","arguments":{"city":"Bath"}}', '```json\n{"name":"weather","arguments":{"city":"Bath"}}\n```'],
)
def test_a_tool_call_may_be_written_as_text(asked, text: str) -> None:
    (call,) = FEATURE.calls(asked(tools=[TOOL]), Said(text=text))
    assert (call.name, call.arguments) == ("weather", '{"city":"Bath"}')
    assert FEATURE.calls(asked(), Said(text=text)) == []


def test_calls_on_the_wire_count_and_other_text_does_not(asked) -> None:
    wire = [Called("1", "weather", "{}")]
    assert FEATURE.calls(asked(tools=[TOOL]), Said(calls=wire)) == wire
    assert FEATURE.calls(asked(tools=[TOOL]), Said(text="Hello")) == []
    assert FEATURE.calls(asked(tools=[TOOL]), Said(text='{"name":"other","arguments":{}}')) == []
