"""Shapes of answers: a JSON schema from a type, a value checked against a schema, half a JSON text read as it grows.

Only what answers need of JSON Schema is understood: type, enum, const, properties, required, additionalProperties,
items, minItems, maxItems, minLength, maxLength, minimum, maximum, anyOf, $ref to $defs.
Source: JSON Schema 2020-12, validation vocabulary.
"""

from __future__ import annotations

from typing import Any

import msgspec

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def of(shape: Any) -> dict[str, Any]:
    """The JSON schema of `shape`: itself when it is one, else that of a msgspec Struct, dataclass or other type."""
    if isinstance(shape, dict):
        return shape
    schema = msgspec.json.schema(shape)
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        top: dict[str, Any] = {**schema["$defs"].pop(name)}
        return {**top, "$defs": schema["$defs"]} if schema["$defs"] else top
    return schema


def value(shape: Any, text: str) -> Any:
    """The JSON in `text` as `shape` says. Raises ValueError when it is not JSON or does not fit."""
    try:
        if not isinstance(shape, dict):
            return msgspec.json.decode(text, type=shape)
        found = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    problem = problem_of(shape, found)
    if problem:
        raise ValueError(problem)
    return found


def problem_of(schema: dict[str, Any], found: Any, at: str = "$", root: dict[str, Any] | None = None) -> str:
    """Why `found` does not fit `schema`, "" when it does. Names places, never values."""
    root = root if root is not None else schema
    if "$ref" in schema:
        return problem_of(root["$defs"][schema["$ref"].rpartition("/")[2]], found, at, root)
    if "anyOf" in schema:
        fits = any(not problem_of(each, found, at, root) for each in schema["anyOf"])
        return "" if fits else f"{at} fits none of the allowed shapes"
    if ("enum" in schema and found not in schema["enum"]) or ("const" in schema and found != schema["const"]):
        return f"{at} is none of the allowed words"
    wanted = schema.get("type")
    if wanted is not None and not _is(found, wanted):
        return f"{at} is not of type {wanted}"
    if isinstance(found, dict):
        return _object(schema, found, at, root)
    if isinstance(found, list):
        return _array(schema, found, at, root)
    return _bounds(schema, found, at)


def _is(found: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(found, bool):
        return "boolean" in names
    return any(isinstance(found, _TYPES.get(name, ())) for name in names)


def _object(schema: dict[str, Any], found: dict[str, Any], at: str, root: dict[str, Any]) -> str:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in found:
            return f"{at}.{name} is missing"
    for name, inner in found.items():
        if name not in properties:
            if schema.get("additionalProperties") is False:
                return f"{at} has a field too many"
            continue
        problem = problem_of(properties[name], inner, f"{at}.{name}", root)
        if problem:
            return problem
    return ""


def _array(schema: dict[str, Any], found: list[Any], at: str, root: dict[str, Any]) -> str:
    if not schema.get("minItems", 0) <= len(found) <= schema.get("maxItems", len(found)):
        return f"{at} has too few or too many items"
    for place, inner in enumerate(found):
        problem = problem_of(schema.get("items", {}), inner, f"{at}[{place}]", root)
        if problem:
            return problem
    return ""


def _bounds(schema: dict[str, Any], found: Any, at: str) -> str:
    if isinstance(found, str):
        size = len(found)
        fits = schema.get("minLength", 0) <= size <= schema.get("maxLength", size)
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        fits = schema.get("minimum", found) <= found <= schema.get("maximum", found)
    else:
        fits = True
    return "" if fits else f"{at} is too small or too large"


def snapshot(text: str) -> Any:
    """What can be read of a JSON text that is still being written, None when it is nothing yet.

    Open strings and numbers count as far as they go; an open name or word does not.
    """
    closers, in_string, escaped = _scan(text)
    body = text
    if in_string:
        body = (body[:-1] if escaped else body) + '"'
    for _ in range(len(text)):
        try:
            return msgspec.json.decode(body.rstrip().rstrip(",") + closers)
        except msgspec.DecodeError:
            body = _shorter(body)
            if not body:
                return None
            closers, _, _ = _scan(body)
    return None


def _scan(text: str) -> tuple[str, bool, bool]:
    """What closes the open brackets of `text`, and whether it ends inside a string, and after a backslash."""
    closers: list[str] = []
    in_string = escaped = False
    for sign in text:
        if in_string:
            escaped, in_string = (False, True) if escaped else (sign == "\\", sign != '"')
        elif sign == '"':
            in_string = True
        elif sign in "{[":
            closers.append("}" if sign == "{" else "]")
        elif sign in "}]" and closers:
            closers.pop()
    return "".join(reversed(closers)), in_string, escaped


def _shorter(body: str) -> str:
    """`body` without its last, unfinished member."""
    depth_cut = max(body.rfind(","), body.rfind("{") + 1, body.rfind("[") + 1)
    return body[:depth_cut] if depth_cut < len(body) else body[:-1]


def text(found: Any) -> str:
    """A value as JSON text."""
    return msgspec.json.encode(found).decode()
