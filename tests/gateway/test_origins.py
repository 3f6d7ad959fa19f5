"""Other sites' pages: who may read an answer in a browser, heard over a real door."""

import pytest
from scripted import request_bytes
from starlette.applications import Starlette

from isthmus.core.errors import Refusal
from isthmus.core.operator import parse

APP = b"https://app.example.com"
ASK = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def say(house):
    house.corridor.origins = frozenset((APP,))
    service = house.service(Starlette())
    return lambda raw: house.say(raw, service.serve, service.refused)


def ask(house, origin, **more):
    return request_bytes(ASK | more, house.key, {} if origin is None else {"Origin": origin.decode()})


def preflight(origin, headers="authorization, content-type, isthmus-region", path="/v1/chat/completions"):
    lines = [
        f"OPTIONS {path} HTTP/1.1", "Host: h", f"Origin: {origin.decode()}", "Access-Control-Request-Method: POST",
        f"Access-Control-Request-Headers: {headers}", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def test_a_known_sites_page_may_read_the_answer_and_its_headers(house, say):
    heard = say(ask(house, APP))
    assert heard.head["access-control-allow-origin"] == APP.decode()
    assert "isthmus-receipt" in heard.head["access-control-expose-headers"]
    assert heard.head["vary"] == "Origin"
    assert heard.json["isthmus"]["route"] == "local/small"


@pytest.mark.parametrize("origin", [None, b"https://evil.example", b"null", b"https://app.example.com.evil.example"])
def test_nobody_else_may(house, say, origin):
    assert "access-control-allow-origin" not in say(ask(house, origin)).head


def test_a_refusal_can_be_read_too(house, say):
    heard = say(request_bytes(ASK, "no-such-key", {"Origin": APP.decode()}))
    assert (heard.status, heard.head["access-control-allow-origin"]) == (401, APP.decode())


def test_the_next_request_of_the_connection_is_judged_on_its_own(house, say):
    heard = say(ask(house, APP) + ask(house, None))
    assert heard.out.count(b"Access-Control-Allow-Origin") == 1


def test_a_preflight_of_a_known_site_hears_what_it_may_send(say):
    heard = say(preflight(APP))
    assert (heard.status, heard.body) == (204, b"")
    assert heard.head["access-control-allow-origin"] == APP.decode()
    assert heard.head["access-control-allow-methods"] == "POST, OPTIONS"
    assert heard.head["access-control-allow-headers"] == "authorization, content-type, isthmus-region"
    assert "content-length" not in heard.head  # RFC 9110, 8.6


@pytest.mark.parametrize("names", ["x y", "x: y", "x" * 65, "a;b", ",".join(["a"] * 40)])
def test_what_is_no_header_name_is_not_repeated(say, names):
    assert say(preflight(APP, names)).head["access-control-allow-headers"] == "authorization, content-type"


def test_a_preflight_of_an_unknown_site_hears_the_methods_alone(say):
    heard = say(preflight(b"https://evil.example"))
    assert heard.status == 204
    assert heard.head["allow"] == "POST, OPTIONS"
    assert not [name for name in heard.head if name.startswith("access-control")]


@pytest.mark.parametrize("origin", ["*", "null", "app.example.com", "https://app.example.com/", "https://a b"])
def test_the_operator_lists_origins_and_nothing_wider(origin):
    with pytest.raises(Refusal) as refused:
        parse(f'[browser]\norigins = ["{origin}"]\n', "operator.toml")
    assert "browser.origins" in refused.value.sentence()


def test_no_site_is_known_until_the_operator_names_it(house):
    service = house.service(Starlette())
    heard = house.say(ask(house, APP), service.serve, service.refused)
    assert "access-control-allow-origin" not in heard.head
