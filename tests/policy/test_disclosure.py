"""Disclosure: told at first contact, reminded in time."""

from __future__ import annotations

from isthmus.core.decision import Question
from isthmus.policy import disclosure


def test_a_conversation_is_told_once_that_this_is_ai(house, route, owed, asked):
    rule = owed("disclose", region="EU", text="You are chatting with an AI assistant.", at="first_message")
    stage = disclosure.compile([rule], route(), house)
    first = asked("hi")
    stage.on_request(first)
    stage.on_request(first)
    assert first.notices == ["You are chatting with an AI assistant."]
    assert first.met == ["disclosure"]
    later = asked("hi", ("assistant", "hello"), "and")
    stage.on_request(later)
    assert later.notices == []


def test_every_message_is_told_where_the_rule_says_so(house, route, owed, asked):
    stage = disclosure.compile([owed("disclose", text="AI", at="every_message")], route(), house)
    ex = asked("hi", ("assistant", "hello"), "and")
    stage.on_request(ex)
    assert ex.notices == ["AI"]


def test_an_agent_names_its_principal(house, route, owed, asked):
    rule = owed("disclose", region="EU", text="AI.", at="first_message", agent_names_principal=True)
    stage = disclosure.compile([rule], route(), house)
    agent = asked(question=Question(("EU",), feature="agent"))
    stage.on_request(agent)
    assert agent.notices == ["AI. It acts for rehearsal."]
    chat = asked()
    stage.on_request(chat)
    assert chat.notices == ["AI."]


def test_a_person_is_reminded_every_three_hours(house, route, owed, asked, clock):
    stage = disclosure.compile([owed("remind", text="Take a break.", every_hours=3)], route(), house)
    said = []
    for wait in (0, 3600, 7200, 60):
        clock.advance(wait)
        ex = asked(subject="p1")
        stage.on_request(ex)
        said.append(bool(ex.notices))
    assert said == [True, False, True, False]


def test_a_person_without_a_name_is_reminded_each_time(house, route, owed, asked):
    stage = disclosure.compile([owed("remind", text="Take a break.")], route(), house)
    for _ in range(2):
        ex = asked()
        stage.on_request(ex)
        assert ex.notices == ["Take a break."]


def test_memory_of_people_is_bounded(house, route, owed, asked, monkeypatch):
    monkeypatch.setattr(disclosure, "_PEOPLE", 1)
    stage = disclosure.compile([owed("remind", text="Take a break.")], route(), house)
    for person in ("a", "b", "a"):
        ex = asked(subject=person)
        stage.on_request(ex)
        assert ex.notices == ["Take a break."]
