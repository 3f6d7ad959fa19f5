import json

import pytest

from isthmus.core.errors import Refusal
from isthmus.gateway.doors import images as door


def read(**fields):
    return json.loads(door.read(json.dumps({"model": "m", "prompt": "a cat", **fields}).encode()))


def test_the_prompt_is_a_message_that_every_duty_reads():
    chat = read(n=1, size="512x512", response_format="b64_json", watermark=True, seed=4)
    assert chat == {
        "model": "m", "messages": [{"role": "user", "content": "a cat"}], "size": "512x512",
        "response_format": "b64_json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [{"watermark": False}, {"n": 2}, {"stream": True}, {"prompt": ""}, {"size": "9" * 33}, {"output_format": "exe"}],
)
def test_a_mark_stays_on_and_what_is_not_offered_is_refused(wrong):
    with pytest.raises(Refusal) as caught:
        read(**wrong)
    assert caught.value.fields["field"] == next(iter(wrong))


def test_pictures_go_back_without_words_that_no_stage_has_read():
    answer = {"created": 1, "data": [{"url": "https://p.example/1", "revised_prompt": "unread"}], "usage": None}
    body = json.loads(door.write(json.dumps(answer).encode(), b"{}"))
    assert body == {"created": 1, "data": [{"url": "https://p.example/1"}], "usage": None, "isthmus": {}}
    assert b"bad_json" in door.refusal(Refusal("bad_json"))
