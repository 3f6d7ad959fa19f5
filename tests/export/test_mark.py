import pytest

from isthmus.export import mark
from isthmus.export.mark import KEYS

WHOLE = dict.fromkeys(KEYS, "x") | {"Label": "1"}


def test_a_whole_object_has_no_fault():
    assert mark.faults(WHOLE) == []
    assert mark.decode(mark.encode(WHOLE)) == WHOLE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({key: value for key, value in WHOLE.items() if key != "ProduceID"}, "key ProduceID is missing"),
        (WHOLE | {"PropagatorID": "x"}, "key PropagatorID is not one of the seven"),
        (WHOLE | {"ReservedCode2": ""}, "ReservedCode2 is empty"),
        (WHOLE | {"Label": "AIGC"}, 'Label is not "1", "2" or "3"'),
    ],
)
def test_every_fault_is_named(fields, said):
    assert mark.faults(fields) == [said]


@pytest.mark.parametrize("text", ["", "[]", '{"a":1}', "{", '{"AIGC":{"Label":1}}', '"' + "x" * 40_000 + '"', "\ud800"])
def test_what_is_no_flat_object_of_texts_is_no_mark(text):
    assert mark.decode(text) == {}


def test_an_object_under_its_own_key_is_read():
    assert mark.decode('{"AIGC":{"Label":"2"}}') == {"Label": "2"}


def test_what_was_there_stays_and_gaps_are_filled_in_order():
    assert mark.joined({"b": "old", "z": "kept", "a": ""}, {"a": "new", "b": "new"}) == {
        "a": "new",
        "b": "old",
        "z": "kept",
    }
    assert list(mark.joined({"z": "1", "b": "2"}, {"a": "3", "b": "4"})) == ["a", "b", "z"]
