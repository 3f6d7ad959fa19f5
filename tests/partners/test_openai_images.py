import json

import pytest

from isthmus.partners import openai_images as wire


def test_the_prompt_and_listed_fields_pass_and_no_other(asked, at):
    ex = asked([{"role": "user", "content": "a cat"}], size="512x512", seed=3, watermark=False)
    assert json.loads(wire.write_body(ex, at())) == {"model": "wire-model", "prompt": "a cat", "size": "512x512"}


def test_pictures_are_read_and_an_answer_without_any_is_broken():
    assert wire.read_pictures(b'{"data":[{"url":"https://p.example/1"}]}').data[0].url
    for raw in (b'{"data":[]}', b'{"data":[{}]}', b"no"):
        with pytest.raises(wire.BrokenAnswerError):
            wire.read_pictures(raw)
