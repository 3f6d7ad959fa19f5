"""Bad input gets an OpenAI-shaped error with an enumerated code, nothing goes upstream, and a known key gets a receipt."""

import socket

import httpx
import pytest

from isthmus.core.errors import TABLE

GOOD = [{"role": "user", "content": "hi"}]
CASES = {
    "malformed JSON": (b'{"model": "auto", "messages": ', 400, "bad_json"),
    "not an object": (b"[]", 400, "bad_json"),
    "not UTF-8": (b'{"model": "\xff", "messages": []}', 400, "bad_json"),
    "no model": ({"messages": GOOD}, 400, "bad_field"),
    "model of a wrong type": ({"model": 5, "messages": GOOD}, 400, "bad_field"),
    "no messages": ({"model": "auto"}, 400, "bad_field"),
    "empty messages": ({"model": "auto", "messages": []}, 400, "bad_field"),
    "content of a wrong type": ({"model": "auto", "messages": [{"role": "user", "content": 7}]}, 400, "bad_field"),
    "an unknown role": ({"model": "auto", "messages": [{"role": "king", "content": "x"}]}, 400, "bad_field"),
    "stream of a wrong type": ({"model": "auto", "messages": GOOD, "stream": "yes"}, 400, "bad_field"),
    "temperature out of range": ({"model": "auto", "messages": GOOD, "temperature": 99}, 400, "bad_field"),
    "a negative max_tokens": ({"model": "auto", "messages": GOOD, "max_tokens": -1}, 400, "bad_field"),
    "two answers": ({"model": "auto", "messages": GOOD, "n": 2}, 400, "bad_field"),
    "an unknown model": ({"model": "gpt-99", "messages": GOOD}, 404, "unknown_model"),
    "a model that is not lawful here": ({"model": "openai", "messages": GOOD}, 451, "no_lawful_route"),
    "nesting without end": (b'{"model":"auto","messages":' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "bad_json"),
}


def receipt(place, answer):
    found = httpx.get(
        f"{place.base_url}/receipts/{answer.headers['isthmus-receipt']}",
        headers={"Authorization": f"Bearer {place.key}"},
    )
    return found.json()


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_bad_body_is_refused_with_its_code_and_a_receipt_and_nothing_goes_upstream(scripted, case):
    body, status, code = case
    before = scripted.answers.calls
    answer = scripted.post(body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert error["type"] == TABLE[code].type
    assert set(error) >= {"message", "type", "param", "code"}
    assert scripted.answers.calls == before
    assert receipt(scripted, answer)["refusal"] == code


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"isthmus_region": "XX"}, 400, "unknown_region"),
        ({"isthmus_region": "CN, EU, US, KR"}, 400, "bad_header"),
        ({"isthmus_feature": "mindreading"}, 400, "bad_header"),
        ({"isthmus_age": "young"}, 400, "bad_header"),
        ({"isthmus_data": "secret"}, 400, "bad_header"),
        ({"isthmus_wish": "x"}, 400, "bad_header"),
    ],
)
def test_a_bad_header_is_refused(scripted, headers, status, code):
    before = scripted.answers.calls
    answer = scripted.ask("hi", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert scripted.answers.calls == before


def test_a_key_serves_only_its_own_regions(scripted):
    _, secret = scripted.new_key("EU")
    answer = scripted.post({"model": "auto", "messages": GOOD}, key=secret, isthmus_region="CN")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "region_not_allowed")


def test_no_key_and_a_wrong_key_are_told_apart(scripted):
    url = f"{scripted.base_url}/chat/completions"
    body = {"model": "auto", "messages": GOOD}
    assert httpx.post(url, json=body).json()["error"]["code"] == "missing_key"
    assert httpx.post(url, json=body, headers={"Authorization": "Bearer x"}).json()["error"]["code"] == "invalid_key"


def test_a_revoked_key_is_refused_and_leaves_a_receipt(scripted):
    caller, secret = scripted.new_key("CN")
    body = {"model": "auto", "messages": GOOD}
    assert scripted.post(body, key=secret).status_code == 200
    accounts = scripted.accounts()
    accounts.revoke_key(caller.key_id)
    accounts.close()
    # A read of a wrong key brings the news in at once.
    scripted.post(body, key="isk_nobody")
    answer = scripted.post(body, key=secret)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "revoked_key")
    assert receipt(scripted, answer)["refusal"] == "revoked_key"


def test_a_ten_megabyte_body_is_refused_before_it_is_read(scripted):
    before = scripted.answers.calls
    host, port = scripted.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: 10000000\r\n\r\n"
            % scripted.key.encode()
        )
        assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert scripted.answers.calls == before


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(200)) + b"\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 40000 + b"\r\n\r\n", b"431"),
    ],
    ids=["second Host", "many headers", "long header"],
)
def test_hostile_heads_are_refused_and_the_connection_closes(scripted, head, status):
    host, port = scripted.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(head)
        answer = b""
        while piece := wire.recv(4096):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_unknown_paths_and_methods_are_enumerated_errors(scripted):
    assert scripted.post({}, path="/v2/nothing").json()["error"]["code"] == "not_found"
    answer = httpx.get(f"{scripted.base_url}/chat/completions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")


def test_a_caller_cannot_name_an_upstream(scripted):
    scripted.post(
        {
            "model": "auto",
            "messages": GOOD,
            "api_base": "http://127.0.0.1:9/",
            "base_url": "x",
            "n_discard": -1,
            "id_slot": 0,
        }
    )
    assert set(scripted.answers.seen[-1]) <= {"model", "messages", "max_tokens"}
