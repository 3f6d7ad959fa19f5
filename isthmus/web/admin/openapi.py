"""The description of the admin API (OpenAPI 3.1), made from the operations' own structs. It cannot fall behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from isthmus import __version__
from isthmus.core.errors import TABLE
from isthmus.web.admin.access import ANYBODY, SELF
from isthmus.web.admin.operation import CHANGING, COMMON, PREFIX, SIGNED, Empty, Operation

_REFERENCE = "#/components/schemas/{name}"


class Fault(msgspec.Struct, frozen=True):
    """What was wrong, in words and as a code."""

    message: str
    type: str
    param: str | None
    code: str
    isthmus: dict[str, Any] = {}


class Refused(msgspec.Struct, frozen=True):
    """Every refusal."""

    error: Fault


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The whole description as a dict."""
    types: list[Any] = [Refused]
    for each in operations:
        types += [each.answer, each.query, *([each.body] if each.body is not None else [])]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    by_type = dict(zip(map(id, types), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(PREFIX + each.path, {})[each.method.lower()] = _one(each, by_type, components, types)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Isthmus admin API",
            "version": __version__,
            "description": "On the control process's own listener, never on the public one.",
        },
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "isthmus_session"},
            },
        },
    }


def codes(operation: Operation) -> tuple[str, ...]:
    """Every code that this operation can be refused with."""
    found = [*COMMON, *operation.refusals]
    if operation.needs not in (ANYBODY, SELF):
        found += SIGNED
    if operation.method != "GET":
        found += CHANGING
    return tuple(dict.fromkeys((*found, "overloaded")))


def _one(operation: Operation, by_type: dict[int, Any], components: dict[str, Any], types: list[Any]) -> dict[str, Any]:
    parameters = [
        {"name": word, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for word in _words(operation.path)
    ]
    if operation.query is not Empty:
        about = components[operation.query.__name__]
        parameters += [
            {"name": name, "in": "query", "required": False, "schema": schema}
            for name, schema in about["properties"].items()
        ]
    made: dict[str, Any] = {
        "operationId": f"{operation.method.lower()}{operation.path.replace('/', '_').translate(_PLAIN)}",
        "summary": operation.summary,
        "description": f"Needs the permission `{operation.needs}`.",
        "tags": [operation.path.split("/")[1]],
        "parameters": parameters,
        "responses": _answers(operation, by_type),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": by_type[id(operation.body)]}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _answers(operation: Operation, by_type: dict[int, Any]) -> dict[str, Any]:
    good = {"application/json": {"schema": by_type[id(operation.answer)]}}
    found: dict[str, Any] = {str(operation.status): {"description": "Done.", "content": good}}
    refused = {"application/json": {"schema": {"$ref": _REFERENCE.format(name="Refused")}}}
    by_status: dict[int, list[str]] = {}
    for code in codes(operation):
        by_status.setdefault(TABLE[code].status, []).append(code)
    for status, words in sorted(by_status.items()):
        found[str(status)] = {"description": "Refused: " + ", ".join(sorted(words)), "content": refused}
    return found


_PLAIN = str.maketrans("{}-.", "____")


def _words(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]
