"""Extract: an object of the asked shape, whose words stand in the text."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.device import gate
from isthmus.device.features.extract import FEATURE
from isthmus.device.voice import Said


class Meeting(msgspec.Struct):
    person: str
    day: str = ""
    topics: list[str] = []


TEXT = "Dinner with Anna Smith on Friday, about the boat and the new roof."


def misses(task, said, shape=Meeting):
    asked = task("extract", TEXT, response_constraint=shape)
    return gate.examine(asked, FEATURE.parse(asked, said), Said(text=said))


def test_a_type_gives_a_value_of_that_type(task) -> None:
    asked = task("extract", TEXT, response_constraint=Meeting)
    value = FEATURE.parse(asked, '{"person":"Anna Smith","day":"Friday"}')
    assert value == Meeting("Anna Smith", "Friday")
    assert misses(task, '{"person":"Smith, Anna","day":"Friday"}') == []
    assert FEATURE.render(asked).schema["required"] == ["person"]
    assert "Anna" in FEATURE.show(asked, value)


@pytest.mark.parametrize(("said", "reason"), [
    ('{"person":"Bob"}', "1 values are not in the text"), ('{"person":""}', "it found nothing"),
    ('{"person":"Anna","day":"Monday 7"}', "not in the"),
])  # fmt: skip
def test_what_the_text_does_not_say_fails(task, said: str, reason: str) -> None:
    assert any(reason in each for each in misses(task, said))


def test_words_of_the_schema_itself_need_not_stand_in_the_text(task) -> None:
    shape = {"type": "object", "properties": {"kind": {"enum": ["private", "work"]}}}
    assert misses(task, '{"kind":"private"}', shape) == []
    assert misses(task, '["boat"]', {"type": "array", "items": {"type": "string"}}) == []


def test_pieces_of_a_long_text_are_merged(task) -> None:
    asked = task("extract", TEXT, response_constraint=Meeting)
    parts = [Meeting("", "Friday", ["boat"]), Meeting("Anna", "Monday", ["boat", "roof"])]
    assert FEATURE.merge(asked, parts) == Meeting("Anna", "Friday", ["boat", "roof"])
    assert FEATURE.merge(asked, [["a"], ["b"]]) == ["a"]


def test_a_shape_is_needed(task) -> None:
    with pytest.raises(Refusal) as refused:
        task("extract", TEXT)
    assert refused.value.fields["field"] == "response_constraint"
