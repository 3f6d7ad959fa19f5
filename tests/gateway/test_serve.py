"""Which path goes where, heard over a real door."""

import asyncio

import pytest
from scripted import Wire, request_bytes
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from isthmus.core.errors import TABLE
from isthmus.gateway.door import BODY_LIMIT, Doors
from isthmus.gateway.serve import CHAT, OTHER_LIMIT, body_limit


async def page(request):
    return PlainTextResponse("a page")


async def broken(request):
    raise ZeroDivisionError("a private word")


APP = Starlette(routes=[Route("/", page), Route("/broken", broken)])


@pytest.fixture
def say(house):
    """Says raw bytes to the whole service."""
    service = house.service(APP)
    return lambda raw: house.say(raw, service.serve, service.refused)


def get(path, method="GET", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: h", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_chat_goes_to_the_corridor(house, say):
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    assert say(request_bytes(body, house.key, {})).json["isthmus"]["route"] == "local/small"
    assert len(house.book.entries) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_chat_is_posted_and_nothing_else(say, method):
    heard = say(get("/v1/chat/completions", method, **{"Content-Length": 0}))
    assert (heard.status, heard.json["error"]["code"]) == (405, "method_not_allowed")
    assert not heard.closed


def test_health_is_for_everybody(say):
    assert say(get("/health")).json == {"status": "ok"}


def test_everything_else_goes_to_the_pages(say):
    assert say(get("/")).body == b"a page"
    assert say(get("/nowhere")).status == 404


def test_a_page_that_breaks_says_so_without_detail_and_ends_the_connection(say):
    heard = say(get("/broken"))
    assert heard.status == 500
    assert heard.closed
    assert b"private word" not in heard.out


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/v1/chat/completions", "/nowhere"])
def test_a_head_request_is_answered_by_a_head_alone(say, path):
    heard = say(get(path, "HEAD"))
    assert heard.out.endswith(b"\r\n\r\n")
    assert heard.out.count(b"\r\n\r\n") == 1
    assert not heard.closed


def models(house, say, **headers):
    return say(get("/v1/models", Authorization=f"Bearer {house.key}", **headers))


def test_the_models_are_those_that_may_answer_where_the_key_is(house, say):
    listed = models(house, say).json
    names = {each["id"] for each in listed["data"]}
    assert listed["object"] == "list"
    assert listed["data"][0]["id"] == "auto"
    assert {"local/small", "private", "doubao-pro", "deepseek/deepseek-chat"} <= names
    assert not any("gpt" in name for name in names)
    assert all(each["object"] == "model" and each["owned_by"] for each in listed["data"])


def test_another_region_lists_other_models(house, say):
    names = {each["id"] for each in models(house, say, **{"isthmus-region": "EU"}).json["data"]}
    assert "openai/gpt-5@eu" in names
    assert not any("doubao" in name for name in names)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (get("/v1/models"), "missing_key"),
        (get("/v1/models", Authorization="Bearer x"), "invalid_key"),
        (get("/v1/models", "DELETE"), "method_not_allowed"),
    ],
)
def test_a_list_that_cannot_be_given_is_an_enumerated_refusal(say, raw, code):
    heard = say(raw)
    assert (heard.status, heard.json["error"]["code"]) == (TABLE[code].status, code)


def test_a_wrong_region_is_refused_before_anything_is_listed(house, say):
    assert models(house, say, **{"isthmus-region": "XX"}).json["error"]["code"] == "unknown_region"


def test_a_revoked_key_lists_nothing(house, say):
    caller, secret = house.accounts.create_key("other", ("CN",), "CN")
    house.accounts.revoke_key(caller.key_id)
    house.corridor.ring.refresh(house.accounts)
    assert say(get("/v1/models", Authorization=f"Bearer {secret}")).json["error"]["code"] == "revoked_key"


def test_a_chat_may_be_long_and_other_bodies_short():
    assert body_limit(CHAT) == BODY_LIMIT
    assert body_limit(b"/v1/consents") == OTHER_LIMIT < BODY_LIMIT


def too_long(key):
    named = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\n{named}Content-Length: {BODY_LIMIT + 1}\r\n\r\n".encode()


def test_a_refusal_at_the_door_leaves_a_receipt_where_the_key_is_known(house, say):
    heard = say(too_long(house.key))
    assert heard.json["error"]["code"] == "body_too_large"
    assert (house.receipt.outcome, house.receipt.refusal, house.receipt.tenant) == ("refused", "body_too_large", "demo")


@pytest.mark.parametrize("key", ["", "isk_nobody"])
def test_a_refusal_at_the_door_of_somebody_unknown_leaves_nothing(house, say, key):
    assert say(too_long(key)).status == 413
    assert not house.book.entries


def test_requests_on_one_connection_are_answered_in_order(house):
    service = house.service(APP)
    heard = house.loop.run_until_complete(both(house, service, get("/health") + get("/")))
    assert heard.index(b'{"status":"ok"}') < heard.index(b"a page")


async def both(house, service, raw):
    """Everything that is heard when `raw` holds two requests."""
    door, wire = Doors(house.loop, service.serve, body_limit)(), Wire()
    door.connection_made(wire)
    door.data_received(raw)
    await asyncio.sleep(0)  # the second is taken with the next turn of the loop
    while door.task is not None:
        await door.task.over()
    return wire.out
