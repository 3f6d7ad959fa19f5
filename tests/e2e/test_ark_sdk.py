"""Volcano Engine's own client for Doubao works by changing base URL and key only."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client's own deprecations are not ours to mend
    from volcenginesdkarkruntime import Ark

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def client(place):
    # A key for which the person's consent to Doubao stands: base URL and key are all that change.
    consent = place.post(
        {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}, path="/v1/consents"
    ).json()
    _, secret = place.new_key("CN", consents=[consent["id"]])
    made = Ark(base_url=place.base_url, api_key=secret, max_retries=3)
    yield made
    made._client.close()


def test_chat_answers_through_doubaos_route(client):
    answer = client.chat.completions.create(
        model="doubao-seed-2-1-pro-260915", max_tokens=12, messages=[{"role": "user", "content": "你好"}]
    )
    assert answer.choices[0].message.content.endswith("内容由AI生成")
    assert answer.usage.total_tokens > 0
    assert answer.model_extra["isthmus"]["badge"] == "rehearsal: local stand-in for Doubao"


def test_a_stream_ends_with_its_origin(client):
    chunks = list(
        client.chat.completions.create(
            model="doubao", max_tokens=12, stream=True, messages=[{"role": "user", "content": "你好"}]
        )
    )
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text.endswith("内容由AI生成")
    assert chunks[-1].model_extra["isthmus"]["source"] == "partner"
