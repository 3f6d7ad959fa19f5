"""`isthmus extract`: the shape that a person names reaches the model, and the object the person."""

from __future__ import annotations

import json

import pytest

TEXT = "Anna Lee arrives on Friday."
SAID = '{"name":"Anna Lee","day":"Friday"}'


def test_fields_are_named_with_commas(isthmus):
    code, out, _ = isthmus("extract", TEXT, "--fields", "name, day", says=(SAID,))
    assert (code, json.loads(out)) == (0, {"name": "Anna Lee", "day": "Friday"})
    assert isthmus.voice.seen[0].schema["required"] == ["name", "day"]


def test_a_schema_comes_from_a_file(isthmus, tmp_path):
    shape = tmp_path / "shape.json"
    shape.write_text('{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}')
    code, out, _ = isthmus("extract", TEXT, "--shape", str(shape), "--json", says=('{"name":"Anna Lee"}',))
    assert (code, json.loads(out)["value"]) == (0, {"name": "Anna Lee"})


@pytest.mark.parametrize(
    "words", [[], ["--fields", "a", "--shape", "b.json"], ["--shape", "nowhere.json"], ["--shape", "[1]"]]
)
def test_without_one_clear_shape_nothing_is_asked(isthmus, words: list[str]):
    code, _, err = isthmus("extract", TEXT, *words)
    assert code == 2
    assert err
    assert not getattr(isthmus, "voice", None) or not isthmus.voice.seen
