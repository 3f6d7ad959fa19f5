"""The official `openai` client's Responses, embeddings and batches work by changing base URL and key only."""

import json
import time

import openai
import pytest

PATIENCE = 60.0  # seconds that a batch of two lines may take


@pytest.fixture(scope="module")
def client(place):
    with openai.OpenAI(base_url=place.base_url, api_key=place.key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def scripted_client(scripted):
    with openai.OpenAI(base_url=scripted.base_url, api_key=scripted.key, max_retries=0) as made:
        yield made


def test_a_real_engine_answers_a_responses_request(client):
    made = client.responses.create(model="auto", input="Say hello.", max_output_tokens=16)
    assert made.output_text.endswith("内容由AI生成")
    assert made.usage.output_tokens > 0
    assert made.store is False
    assert made.model_extra["isthmus"]["receipt"] in made.id


def test_a_streamed_response_completes_with_its_text(client):
    with client.responses.stream(model="auto", input="Say hello.", max_output_tokens=16) as stream:
        *_, last = stream
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text.endswith("内容由AI生成")


def test_a_conversation_goes_on_by_reference_only_where_the_caller_asked(scripted_client, scripted):
    first = scripted_client.responses.create(model="auto", input="say:one", store=True)
    scripted_client.responses.create(model="auto", input="plain", previous_response_id=first.id)
    assert [m["role"] for m in scripted.answers.seen[-1]["messages"]] == ["user", "assistant", "user"]
    other = scripted_client.responses.create(model="auto", input="say:two")
    with pytest.raises(openai.BadRequestError):
        scripted_client.responses.create(model="auto", input="plain", previous_response_id=other.id)


def test_a_response_that_breaks_off_has_failed_and_is_no_end(scripted_client):
    kinds = [
        event.type for event in scripted_client.responses.create(model="auto", input="die:4", stream=True)
    ]  # fmt: skip
    assert kinds[-1] == "response.failed"


def test_embeddings_come_back_one_per_input(scripted_client, scripted):
    given = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}
    consent = scripted.post(given, path="/v1/consents").json()["id"]
    made = scripted_client.embeddings.create(
        model="auto", input=["a", "two words"], encoding_format="float", extra_headers={"isthmus-consent": consent}
    )
    assert [each.embedding for each in made.data] == [[1.0, 1.0], [9.0, 2.0]]
    assert made.model_extra["isthmus"]["receipt"]


def test_texts_for_embedding_leave_only_with_consent(scripted_client):
    with pytest.raises(openai.PermissionDeniedError) as caught:
        scripted_client.embeddings.create(model="auto", input="a")
    assert caught.value.code == "consent_required"


def test_a_batch_is_worked_off_and_read(scripted_client):
    rows = [
        {"custom_id": word, "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "auto", "messages": [{"role": "user", "content": f"say:{word}"}]}}
        for word in ("one", "two")
    ]  # fmt: skip
    raw = "\n".join(json.dumps(row) for row in rows).encode()
    file = scripted_client.files.create(file=("in.jsonl", raw), purpose="batch")
    batch = scripted_client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    until = time.monotonic() + PATIENCE
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        assert time.monotonic() < until, batch.status
        batch = scripted_client.batches.retrieve(batch.id)
    assert (batch.status, batch.request_counts.completed) == ("completed", 2)
    found = [json.loads(row) for row in scripted_client.files.content(batch.output_file_id).text.splitlines()]
    texts = {row["custom_id"]: row["response"]["body"]["choices"][0]["message"]["content"] for row in found}
    assert set(texts) == {"one", "two"}
    assert texts["one"].startswith("one")
