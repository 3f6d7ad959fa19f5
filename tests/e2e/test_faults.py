"""When those who answer fail: a typed error, never a silent stop, never another border."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest


def stream(place, text, **headers):
    """Every data event of one streamed answer; the raw text comes with it."""
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": text}]}
    headers["Authorization"] = f"Bearer {place.key}"
    with httpx.stream("POST", f"{place.base_url}/chat/completions", json=body, headers=headers, timeout=60) as answer:
        raw = answer.read().decode()
    events = [line[6:] for line in raw.split("\n") if line.startswith("data: ")]
    return answer, [json.loads(event) for event in events if event != "[DONE]"], raw


@pytest.mark.parametrize("word", ["die:2", "die:5", "nodone", "error200"])
def test_a_stream_that_breaks_after_content_ends_in_a_typed_error_event(scripted, word):
    _, events, raw = stream(scripted, word)
    assert events[-1]["error"]["code"] == "upstream_lost"
    assert events[-1]["isthmus"]["receipt"]
    assert "secret upstream text" not in raw
    assert "[DONE]" not in raw


def test_a_stream_that_breaks_before_content_moves_on_inside_the_decision(scripted):
    before = scripted.answers.calls
    answer, _, _ = stream(scripted, "empty")
    assert answer.status_code in (502, 503)
    assert answer.json()["error"]["code"] in ("upstream_lost", "upstream_unavailable")
    # Only the private tier may be asked without consent in CN: no other route was tried.
    assert scripted.answers.calls == before + 1


@pytest.mark.parametrize(
    ("word", "status", "code"),
    [
        ("status:500", 503, "upstream_unavailable"),
        ("status:401", 502, "upstream_refused"),
        ("status:429", 429, "upstream_busy"),
        ("status:400", 400, "upstream_rejected"),
        ("garbage", 502, "upstream_broken"),
        ("lying", 502, "upstream_lost"),
    ],
)
def test_a_failure_upstream_has_its_own_code_and_leaks_nothing(scripted, word, status, code):
    answer = scripted.ask(word)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "secret upstream text" not in answer.text
    assert answer.headers["isthmus-receipt"]


def test_a_busy_partner_passes_on_when_to_come_back(scripted):
    assert scripted.ask("status:429").headers["retry-after"] == "7"


def test_failover_goes_to_the_next_lawful_route_and_the_receipt_tells(scripted):
    consents = [
        scripted.post(
            {"kind": "separate", "recipient": each, "region": "CN", "scope": "always"}, path="/v1/consents"
        ).json()["id"]
        for each in ("doubao", "qwen", "deepseek")
    ]
    before = scripted.answers.calls
    answer = scripted.post(
        {"model": "auto", "messages": [{"role": "user", "content": "status:500"}]},
        isthmus_consent=",".join(consents),
    )
    assert answer.status_code == 503
    tried = scripted.answers.seen[before:]
    assert len(tried) > 3
    receipt = httpx.get(
        f"{scripted.base_url}/receipts/{answer.headers['isthmus-receipt']}",
        headers={"Authorization": f"Bearer {scripted.key}"},
    ).json()
    partners = {attempt["route"].partition("/")[0] for attempt in receipt["attempts"]}
    assert partners == {"local", "doubao", "qwen", "deepseek"}
    assert {attempt["outcome"] for attempt in receipt["attempts"]} <= {"unavailable", "skipped"}


def test_a_request_that_breaks_its_engine_is_not_repeated_elsewhere(scripted):
    given = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}
    consent = scripted.post(given, path="/v1/consents").json()["id"]
    scripted.ask("plain")  # a connection is open and idle
    before = scripted.answers.calls
    answer = scripted.ask("drop", headers={"isthmus_consent": consent})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
    # At most once more, on a fresh connection, because an idle one may have died by itself.
    assert scripted.answers.calls - before <= 2


def test_a_consent_for_one_use_serves_one_of_many_who_come_together(place):
    given = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "once"}
    consent = place.post(given, path="/v1/consents").json()["id"]

    def use(_):
        return place.ask("hi", model="doubao", max_tokens=2, headers={"isthmus_consent": consent}).status_code

    with ThreadPoolExecutor(12) as crowd:
        heard = list(crowd.map(use, range(12)))
    assert sorted(heard) == [200] + [403] * 11


def test_a_caller_who_leaves_gets_an_aborted_receipt_and_the_partner_is_let_go(scripted):
    before = scripted.answers.calls
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{scripted.base_url}/chat/completions",
            json={"model": "auto", "messages": [{"role": "user", "content": "hang"}]},
            headers={"Authorization": f"Bearer {scripted.key}"},
            timeout=0.5,
        )
    assert scripted.answers.calls == before + 1
    assert scripted.ask("plain").status_code == 200


def test_a_consent_that_is_withdrawn_stops_the_stream_that_rests_on_it(scripted):
    given = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}
    consent = scripted.post(given, path="/v1/consents").json()["id"]
    headers = {"Authorization": f"Bearer {scripted.key}", "isthmus-consent": consent}
    body = {"model": "doubao", "stream": True, "messages": [{"role": "user", "content": "wait"}]}
    with httpx.stream(
        "POST", f"{scripted.base_url}/chat/completions", json=body, headers=headers, timeout=60
    ) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(": isthmus")
        assert scripted.answers.waiting.wait(20)
        withdrawn = httpx.delete(f"{scripted.base_url}/consents/{consent}", headers=headers)
        assert withdrawn.json() == {"id": consent, "withdrawn": True}
        scripted.answers.release()
        last = [line for line in lines if line.startswith("data: ")][-1]
    assert json.loads(last[6:])["error"]["code"] == "stream_ended"
    receipt = httpx.get(f"{scripted.base_url}/receipts/{answer.headers['isthmus-receipt']}", headers=headers).json()
    assert (receipt["outcome"], receipt["refusal"]) == ("interrupted", "stream_ended")


def kill_at_the_fourth_chunk(asked, pid):
    for number, _ in enumerate(asked):
        if number == 3:
            os.kill(pid, signal.SIGKILL)


def test_killing_the_engine_in_the_middle_of_a_stream_gives_a_typed_error_and_the_next_request_works(place):
    pid = place.answers.pid
    with openai.OpenAI(base_url=place.base_url, api_key=place.key, max_retries=0) as client:
        asked = client.chat.completions.create(
            model="auto", max_tokens=400, stream=True, messages=[{"role": "user", "content": "Tell a long story."}]
        )
        with pytest.raises(openai.APIError) as broken:
            kill_at_the_fourth_chunk(asked, pid)
        assert broken.value.code == "upstream_lost"
    again = place.ask("Say hello.")
    assert again.status_code == 200
    assert place.answers.restarts >= 1
