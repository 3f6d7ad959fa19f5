"""A partner killed at a random byte, through a real node: every stream ends in words, and its receipt says the bill."""

import json
import os
import random

import httpx

STREAMS = 500 if os.environ.get("ISTHMUS_LONG") else 40
BODY = 9000  # bytes of the stand-in's stream, and a little more: some are whole


def heard(client, place, text, consent):
    """Status, events and whether it ended in [DONE]."""
    body = {"model": "doubao", "stream": True, "messages": [{"role": "user", "content": text}]}
    headers = {"Authorization": f"Bearer {place.key}", "isthmus-consent": consent, "isthmus-age": "40"}
    answer = client.post(f"{place.base_url}/chat/completions", json=body, headers=headers)
    if answer.status_code != 200:
        return answer.json()["error"]["code"], answer.headers["isthmus-receipt"], False
    events = [line[6:] for line in answer.text.split("\n") if line.startswith("data: ")]
    if events[-1] == "[DONE]":
        return "", answer.headers["isthmus-receipt"], True
    error = json.loads(events[-1])["error"]
    assert error["isthmus"]["billed"]["usage"]
    assert "delivered" in error["isthmus"]
    return error["code"], answer.headers["isthmus-receipt"], False


def receipt_of(client, place, name):
    found = client.get(f"{place.base_url}/receipts/{name}", headers={"Authorization": f"Bearer {place.key}"}).json()
    return found.get("receipt") or found


def test_killed_streams_end_in_an_answer_or_a_typed_error_and_the_bill_is_the_partners_own(scripted):
    agreed = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}
    consent = scripted.post(agreed, path="/v1/consents").json()["id"]
    chance = random.Random(3)
    calls = scripted.answers.calls
    ended, billed, metered = [], 0, 0
    with httpx.Client(timeout=60) as client:
        for _ in range(STREAMS):
            before = len(scripted.answers.meter)
            code, name, whole = heard(client, scripted, f"cut:{chance.randrange(BODY)}", consent)
            ended.append(code or whole)
            receipt = receipt_of(client, scripted, name)
            usage = receipt.get("usage")
            if code in ("upstream_lost", "") and usage:
                assert not receipt.get("estimated")
                assert receipt["cost"].endswith(("USD", "CNY"))
                billed += usage["total_tokens"]
                (one,) = scripted.answers.meter[before:]
                metered += one.prompt + one.completion
    assert all(ended)
    assert set(ended) <= {True, "upstream_lost", "upstream_unavailable"}
    assert billed == metered > 0
    assert scripted.answers.calls - calls <= 1.2 * STREAMS
