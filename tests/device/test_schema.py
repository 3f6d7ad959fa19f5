"""Shapes of answers, and half an answer."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.device import schema


class Stop(msgspec.Struct):
    city: str
    minutes: int = 0


class Trip(msgspec.Struct):
    name: str
    stops: list[Stop]


TRIP = {"name": "a", "stops": [{"city": "Bath", "minutes": 5}]}


def test_a_type_becomes_a_schema_that_its_own_values_fit() -> None:
    made = schema.of(Trip)
    assert made["type"] == "object"
    assert schema.problem_of(made, TRIP) == ""
    assert schema.of(made) is made
    assert schema.of(Stop)["properties"]["city"] == {"type": "string"}
    assert schema.of(list[int])["type"] == "array"


def test_a_value_is_decoded_as_its_type_or_checked_against_its_schema() -> None:
    text = schema.text(TRIP)
    assert schema.value(Trip, text).stops[0].city == "Bath"
    assert schema.value(schema.of(Trip), text) == TRIP
    for shape in (Trip, schema.of(Trip)):
        with pytest.raises(ValueError):
            schema.value(shape, '{"name": 5, "stops": []}')
        with pytest.raises(ValueError):
            schema.value(shape, "{")


@pytest.mark.parametrize(("shape", "found", "problem"), [
    ({"type": "integer"}, True, "not of type"), ({"type": ["integer", "null"]}, None, ""), ({"enum": ["a"]}, "b", "none of"),
    ({"const": 1}, 2, "none of"), ({"type": "string", "maxLength": 2}, "abc", "too small or too large"),
    ({"type": "number", "minimum": 3}, 2, "too small"), ({"type": "boolean"}, True, ""), ({"type": "string"}, "", ""),
    ({"type": "array", "minItems": 1}, [], "too few"), ({"items": {"type": "string"}}, ["a", 1], "$[1]"),
    ({"type": "object", "required": ["a"]}, {}, "$.a is missing"), ({"type": "object"}, {"b": 1}, ""),
    ({"type": "object", "properties": {}, "additionalProperties": False}, {"b": 1}, "too many"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3, "none of the allowed shapes"),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, ""), ({"minimum": 1}, None, ""),
    ({"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}, 1, "not of type"),
])  # fmt: skip
def test_what_does_not_fit_is_said_with_its_place(shape: dict, found: object, problem: str) -> None:
    said = schema.problem_of(shape, found)
    assert (problem in said) if problem else said == ""


def test_snapshots_grow_and_never_break() -> None:
    text = '{"name": "a \\"b\\"", "stops": [{"city": "Bath", "minutes": 12}, {"city": "Yo'
    seen = [schema.snapshot(text[:length]) for length in range(len(text) + 1)]
    assert seen[0] is None
    assert all(isinstance(each, dict) for each in seen[1:])
    assert seen[-1] == {"name": 'a "b"', "stops": [{"city": "Bath", "minutes": 12}, {"city": "Yo"}]}
    assert schema.snapshot("x") is None
