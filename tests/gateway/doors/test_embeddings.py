import json

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.wire import decode_ask
from isthmus.gateway.doors import embeddings as door


def read(**fields):
    return json.loads(door.read(json.dumps({"model": "m", "input": "a", **fields}).encode()))


def test_each_input_is_a_message_that_every_duty_reads():
    chat = read(input=["a", "b"], encoding_format="base64", dimensions=8, user="u")
    assert [m["content"] for m in chat["messages"]] == ["a", "b"]
    assert list(decode_ask(json.dumps(chat).encode()).texts()) == ["a", "b"]
    assert (chat["encoding_format"], chat["dimensions"]) == ("base64", 8)
    assert "user" not in chat
    assert len(read()["messages"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"input": []}, {"input": ""}, {"input": ["a", ""]}, {"input": [1, 2]}, {"input": ["a"] * 2049},
     {"dimensions": 0}, {"encoding_format": "hex"}],
)  # fmt: skip
def test_what_no_duty_can_read_is_refused(wrong):
    with pytest.raises(Refusal) as caught:
        read(**wrong)
    assert caught.value.fields["field"] == next(iter(wrong))


def test_vectors_go_back_with_their_origin_and_nothing_else_of_the_partners():
    answer = {
        "data": [{"index": 0, "embedding": [0.5], "text": "echo"}],
        "model": "m",
        "usage": {"total_tokens": 1},
        "x": 1,
    }
    body = json.loads(door.write(json.dumps(answer).encode(), b'{"receipt":"r"}'))
    assert body == {
        "object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m",
        "usage": {"total_tokens": 1}, "isthmus": {"receipt": "r"},
    }  # fmt: skip
    assert b"bad_json" in door.refusal(Refusal("bad_json"))
