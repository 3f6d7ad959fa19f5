import json

import pytest

from isthmus.partners import openai_embeddings as wire

ANSWER = {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": "AAAA"}], "usage": {"prompt_tokens": 2}}


def test_each_message_is_an_input_and_only_listed_fields_pass(asked, at):
    ex = asked(
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
        dimensions=8, encoding_format="float", input_type="query",
    )  # fmt: skip
    body = json.loads(wire.write_body(ex, at()))
    assert body == {"model": "wire-model", "input": ["a", "b"], "dimensions": 8, "encoding_format": "float"}


def test_what_was_masked_goes_out_masked(asked, at):
    ex = asked()
    ex.rewritten = b'[{"role":"user","content":"[NAME_1]"}]'
    assert json.loads(wire.write_body(ex, at()))["input"] == ["[NAME_1]"]


def test_vectors_are_read_when_they_are_all_there_and_in_order():
    assert len(wire.read_vectors(json.dumps(ANSWER).encode(), 2).data) == 2
    turned = {**ANSWER, "data": ANSWER["data"][::-1]}
    for wrong, count in ((ANSWER, 3), (ANSWER, 1), (turned, 2)):
        with pytest.raises(wire.BrokenAnswerError):
            wire.read_vectors(json.dumps(wrong).encode(), count)
    with pytest.raises(wire.BrokenAnswerError):
        wire.read_vectors(b"<html>", 1)
