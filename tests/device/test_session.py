"""A conversation: it remembers, calls tools, keeps to a shape, and knows its window."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.device.session import Tool
from isthmus.device.voice import Called, Said

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class Place(msgspec.Struct):
    city: str


@pytest.fixture
def talk(device, scripted):
    def make(*answers, **given):
        make.voice = scripted(*answers)
        return device(make.voice).session(**given)

    return make


def test_what_was_said_is_remembered_and_a_clone_goes_its_own_way(talk) -> None:
    session = talk("Hello there.", "Fine.", system="Be short.")
    assert session.prompt("Hi").text == "Hello there."
    other = session.clone()
    session.prompt("How are you?")
    assert [message["content"] for message in session.messages] == [
        "Be short.",
        "Hi",
        "Hello there.",
        "How are you?",
        "Fine.",
    ]
    assert len(other.messages) == 3
    assert (session.context_usage, other.context_usage, talk("x").context_usage) == (50, 30, 0)


def test_appended_messages_and_prefixes_reach_the_model(talk) -> None:
    session = talk("there.")
    session.append([{"role": "user", "content": "Greet me."}])
    session.prompt([{"role": "assistant", "content": "Hello ", "prefix": True}])
    assert talk.voice.seen[0].messages == [
        {"role": "user", "content": "Greet me."},
        {"role": "assistant", "content": "Hello "},
    ]
    assert session.measure_context_usage("x") == 10
    assert session.messages[-1] == {"role": "assistant", "content": "Hello there."}


def test_a_prefix_does_not_say_in_which_language_the_answer_is(talk) -> None:
    session = talk("今天天气很好，适合出去走走。")
    asked = [
        {"role": "user", "content": "请说说今天的天气怎么样。"},
        {"role": "assistant", "content": "Sure, here it is:"},
    ]
    assert session.prompt(asked).misses == []


def test_a_shape_gives_an_object_and_snapshots_of_it(talk) -> None:
    session = talk('{"city":"Bath"}')
    drafts = list(session.stream("Where? Bath.", response_constraint=Place))
    assert drafts[-1].result.value == Place("Bath")
    assert {"city": "B"} in [draft.value for draft in drafts] or {"city": "Ba"} in [draft.value for draft in drafts]
    assert session.messages[-1]["content"] == '{"city":"Bath"}'


def test_a_tool_is_called_and_its_answer_told_to_the_model(talk) -> None:
    asked = []
    tool = Tool("weather", "Weather of a city.", SCHEMA, lambda city: asked.append(city) or {"sky": "blue"})
    call = Said(calls=[Called("c1", "weather", '{"city":"Bath"}')], finish="tool_calls")
    session = talk(call, "It is blue.", tools=[tool])
    assert session.prompt("And the sky?").text == "It is blue."
    assert asked == ["Bath"]
    assert talk.voice.seen[0].tools[0]["function"]["name"] == "weather"
    told = talk.voice.seen[1].messages
    assert told[-2]["tool_calls"][0]["function"]["arguments"] == '{"city":"Bath"}'
    assert told[-1] == {"role": "tool", "tool_call_id": "c1", "content": '{"sky":"blue"}'}


@pytest.mark.parametrize(("name", "arguments", "told"), [
    ("other", "{}", "There is no tool other."), ("weather", "[]", "The arguments are not a JSON object."),
    ("weather", "", "The arguments do not fit: $.city is missing."), ("weather", '{"city":7}', "The arguments do not fit: $.city is not of type string."),
])  # fmt: skip
def test_a_bad_call_is_told_to_the_model(talk, name: str, arguments: str, told: str) -> None:
    tool = Tool("weather", "d", SCHEMA, lambda city: city)
    session = talk(Said(calls=[Called("c1", name, arguments)]), "Fine.", tools=[tool])
    session.prompt("Sky?")
    assert talk.voice.seen[1].messages[-1]["content"] == told


def test_a_call_written_as_text_is_never_shown_and_endless_calls_end(talk) -> None:
    tool = Tool("weather", "d", SCHEMA, lambda city: "blue")
    session = talk('{"name":"weather","arguments":{"city":"Bath"}}', tools=[tool])
    with pytest.raises(Refusal) as refused:
        list(session.stream("Sky?"))
    assert refused.value.code == "upstream_broken"
    assert session.messages == []
    shown = [
        draft.text
        for draft in talk('{"name":"weather","arguments":{"city":"Bath"}}', "Blue.", tools=[tool]).stream("Sky?")
    ]
    assert shown == ["Blue.", "Blue."]


def test_old_messages_go_when_the_window_is_full_but_never_the_systems(talk) -> None:
    session = talk("Fine.", system="Be short.")
    session.append([{"role": "user", "content": "old " * 3000}, {"role": "assistant", "content": "older " * 2000}])
    session.prompt("New?")
    sent = talk.voice.seen[0].messages
    assert sent[0]["content"] == "Be short."
    assert sent[-1]["content"] == "New?"
    assert session.dropped >= 1
    with pytest.raises(Refusal) as refused:
        talk("x").prompt("long " * 6000)
    assert refused.value.fields["field"] == "messages"


def test_what_a_tool_said_goes_with_its_call_and_never_in_mid_turn(talk) -> None:
    tool = Tool("weather", "d", SCHEMA, lambda city: "blue " * 900)
    call = Said(calls=[Called("c1", "weather", '{"city":"Bath"}')])
    session = talk(call, "Blue.", tools=[tool])
    session.append([{"role": "user", "content": "old " * 2600}])
    session.prompt("Sky?")
    assert [message["role"] for message in talk.voice.seen[1].messages] == ["user", "assistant", "tool"]
    session.prompt("And now? " + "word " * 2200)
    assert [message["role"] for message in talk.voice.seen[2].messages] == ["assistant", "user"]


def test_facts_of_the_models_own_making_do_not_pass(talk) -> None:
    assert not talk("It has 21893095 people.").prompt("How large is it?").sure
    assert talk("You said 5 of you.").prompt("We are 5 people.").sure
