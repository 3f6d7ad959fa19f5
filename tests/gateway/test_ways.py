"""How routes are spoken to: where key, model and host stand on each wire."""

import pytest
from corridor_parts import route

from isthmus.gateway.ways import way
from isthmus.partners import anthropic, gemini, openai_chat
from isthmus.partners.schema import Habits

THERE = {"host": "api.example", "port": 443, "tls": True, "tier": "partner", "key_env": "X_KEY"}


def heads(dialect, **more):
    made = way(route("p/m", dialect=dialect, **{**THERE, **more}), "s3cret")
    return made.whole.decode(), made.stream.decode()


def test_a_chat_route_takes_its_key_as_a_bearer():
    whole, stream = heads("openai_chat")
    assert whole.startswith("POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\n")
    assert "\r\nAuthorization: Bearer s3cret\r\n" in whole
    assert "\r\nAccept: application/json\r\n" in whole
    assert "\r\nAccept: text/event-stream\r\n" in stream
    assert whole.endswith("\r\nContent-Length: ")


def test_a_partner_may_take_its_key_in_another_header_and_then_without_bearer():
    assert "\r\napi-key: s3cret\r\n" in heads("openai_chat", facts={"habits": Habits(auth="api-key")})[0]


def test_a_stand_in_takes_the_engines_key_whatever_its_partner_does():
    head = heads("openai_chat", facts={"habits": Habits(auth="api-key")}, key_env="", port=8081)[0]
    assert "\r\nAuthorization: Bearer s3cret\r\n" in head
    assert "\r\nHost: api.example:8081\r\n" in head


def test_the_messages_wire_has_headers_of_its_own():
    whole, _ = heads("anthropic", path="/v1/messages")
    assert "\r\nx-api-key: s3cret\r\n" in whole
    assert "authorization" not in whole.lower()


def test_a_model_may_stand_in_the_path_and_a_key_never_does():
    whole, stream = heads("gemini", path="/v1beta/models")
    assert whole.startswith("POST /v1beta/models/m:generateContent HTTP/1.1\r\n")
    assert stream.startswith("POST /v1beta/models/m:streamGenerateContent?alt=sse HTTP/1.1\r\n")
    assert "s3cret" not in whole.split("\r\n")[0]


@pytest.mark.parametrize(
    ("name", "dialect", "translates"),
    [("openai_chat", openai_chat, False), ("anthropic", anthropic, True), ("gemini", gemini, True)],
)
def test_only_another_wire_is_translated(name, dialect, translates):
    made = way(route("p/m", dialect=name, **THERE), "s")
    assert made.dialect is dialect
    assert (made.to_chat is not None) == (made.reader is not None) == translates
