"""region.schema.json: the tables of schema.py as JSON Schema (2020-12), for completion and checking in an editor.

It is generated (`isthmus regions schema`), and a test holds the file to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from isthmus.core.decision import FEATURE_ALIASES
from isthmus.regions import schema
from isthmus.regions.schema import Field, Verb

FILE = Path(__file__).parent / "region.schema.json"
_DAY = {"type": "string", "format": "date", "description": "A TOML date without quotes."}
_TEXT = {"type": "string"}
_PLACE = {"type": "string", "pattern": r"^([A-Z]{2}|EU|EEA|\*)$"}


def region_schema() -> dict[str, Any]:
    """The JSON Schema of a region file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": schema.SCHEMA,
        "type": "object",
        "additionalProperties": False,
        "required": ["id", "reviewed", "source"],
        "properties": {
            "schema": {"const": schema.SCHEMA},
            "id": {"type": "string", "pattern": "^([A-Z]{2}(-[A-Z]{2})?|HOUSE)$"},
            "name": _TEXT,
            "countries": _list(_PLACE),
            "extends": _TEXT,
            "applies": _words(schema.APPLIES),
            "fallback": _words(schema.FALLBACK),
            "reviewed": {
                "type": "object",
                "additionalProperties": False,
                "required": ["by", "on", "status"],
                "properties": {"by": _TEXT, "on": _DAY, "status": {"enum": list(schema.STATUS)}},
            },
            "source": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "array",
                    "prefixItems": [_TEXT, {"enum": list(schema.RANKS)}, _DAY],
                    "minItems": 3,
                    "maxItems": 3,
                },
            },
            "rule": {
                "type": "object",
                "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$"},
                "additionalProperties": _rule(),
            },
        },
    }


def _rule() -> dict[str, Any]:
    narrowing = {key: _words(words) for key, words in schema.WHEN.items()}
    narrowing["feature"] = _words((*schema.WHEN["feature"], *FEATURE_ALIASES))
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["duty", "law", "check"],
        "properties": {
            "duty": _TEXT | {"description": "One sentence that a lawyer signs."},
            "law": _list(_TEXT) | {"description": 'Source and article: "label#4". The first is the principal one.'},
            "from": _DAY,
            "until": _DAY,
            "grace": {
                "type": "object",
                "additionalProperties": False,
                "required": ["until", "if"],
                "properties": {
                    "until": _DAY,
                    "if": {"type": "string", "pattern": r"^placed_on_market<\d{4}-\d\d-\d\d$"},
                },
            },
            "when": {
                "type": "object",
                "additionalProperties": False,
                "properties": narrowing
                | {"age_under": {"type": "integer", "minimum": 0}, "unknown_age": {"enum": list(schema.UNKNOWN_AGE)}},
                "dependentRequired": {"age_under": ["unknown_age"], "unknown_age": ["age_under"]},
            },
            "unless": {"enum": list(schema.UNLESS)},
            "except": {"type": "object", "additionalProperties": False, "properties": narrowing},
            "check": {"enum": list(schema.VERBS)},
            "with": {"type": "object"},
            "sure": {"enum": list(schema.SURE)},
            "delegable": {"type": "boolean"},
            "replaces": {"type": "string", "pattern": r"^[a-z-]+\.[a-z][a-z0-9_]*$"},
        },
        "allOf": [_verb(name, verb) for name, verb in schema.VERBS.items()],
    }


def _verb(name: str, verb: Verb) -> dict[str, Any]:
    """With this `check`, `with` holds these keys."""
    fields = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _field(field) for key, field in verb.fields.items()},
        "required": list(verb.required),
    }
    needs = {"required": ["with"]} if verb.required else {}
    return {"if": {"properties": {"check": {"const": name}}}, "then": {"properties": {"with": fields}} | needs}


def _field(field: Field) -> dict[str, Any]:
    match field.kind:
        case "text":
            return _TEXT
        case "word":
            return {"enum": list(field.allowed)}
        case "words":
            return _words(field.allowed) if field.allowed else _list(_TEXT)
        case "places":
            return _list(_PLACE)
        case "facts":
            return _list({"type": "string", "pattern": f"^[a-z]{{2}}_({'|'.join(schema.FACTS)})$"})
        case "whole":
            return {"type": "integer", "minimum": 0}
        case "days":
            return {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "{operator}"}]}
        case "flag":
            return {"type": "boolean"}
        case "table":
            return {"type": "object", "additionalProperties": _TEXT}
        case _:
            return _list(_list(_TEXT))


def _words(words: tuple[str, ...]) -> dict[str, Any]:
    return _list({"enum": list(words)})


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}
