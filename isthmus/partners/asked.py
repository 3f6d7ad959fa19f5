"""The canonical chat request, read whole, for a dialect whose wire is not OpenAI chat.

Order and bytes are kept where a model or a cache sees them: tools in the caller's order, schemas and tool arguments as
raw JSON. What a wire cannot carry is never dropped in silence: `cannot` passes over the route, and another may serve.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from isthmus.core.decision import Route, RouteSkipped
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.secret import Withheld
from isthmus.partners.fields import FIELDS, require

NOTHING = msgspec.Raw(b"")  # a raw field that was not given


class Function(Withheld, msgspec.Struct):
    """A function a model may call; `parameters` is its JSON Schema, byte for byte as the caller wrote it."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = NOTHING
    strict: bool | None = None


class Tool(Withheld, msgspec.Struct):
    """One tool of the request; only functions exist on the canonical wire."""

    function: Function
    type: str = "function"


class JsonSchema(Withheld, msgspec.Struct):
    name: str = "answer"
    schema: msgspec.Raw = NOTHING
    strict: bool | None = None
    description: str | None = None


class Format(Withheld, msgspec.Struct):
    """`response_format`: text, json_object or json_schema."""

    type: str = "text"
    json_schema: JsonSchema | None = None


class Asked(Withheld):
    """`messages` are plain objects, `fields` the checked numbers and flags by name, `choice` a word or ("", name)."""

    __slots__ = ("choice", "effort", "fields", "format", "limit", "messages", "stop", "stream", "tools")

    def __init__(self, ex: Exchange, extra: tuple[str, ...] = ()) -> None:
        given = ex.ask.fields
        for name, raw in given.items():
            if name in FIELDS:
                require(raw, name)
        self.messages: list[dict[str, Any]] = _generic.decode(ex.rewritten or given["messages"])
        self.fields: dict[str, Any] = {
            name: _generic.decode(raw) for name, raw in given.items() if name in _PLAIN or name in extra
        }
        self.tools: list[Tool] = _typed(_tools, given.get("tools"), "tools") or []
        self.format: Format = _typed(_format, given.get("response_format"), "response_format") or Format()
        self.limit: int | None = self.fields.get("max_completion_tokens") or self.fields.get("max_tokens")
        self.effort: str = self.fields.get("reasoning_effort", "")
        self.stream = ex.ask.stream
        stop = _generic.decode(given["stop"]) if "stop" in given else []
        self.stop: list[str] = [stop] if isinstance(stop, str) else list(stop or ())
        self.choice = _choice(given.get("tool_choice"))


_generic = msgspec.json.Decoder()
_tools = msgspec.json.Decoder(list[Tool])
_format = msgspec.json.Decoder(Format)
_PLAIN = frozenset(FIELDS) - {"stop", "tools", "tool_choice", "response_format"}


def _typed(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw | None, name: str) -> Any:
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except msgspec.MsgspecError:
        raise Refusal("bad_field", field=name, reason="it does not have the shape of the API reference") from None


def _choice(raw: msgspec.Raw | None) -> str | tuple[str, str]:
    """auto, none, required, "" (not said), or ("", name) for one function."""
    if raw is None:
        return ""
    found = _generic.decode(raw)
    if found in ("auto", "none", "required"):
        return str(found)
    if isinstance(found, dict) and isinstance(found.get("function"), dict):
        return ("", str(found["function"].get("name", "")))
    raise Refusal("bad_field", field="tool_choice", reason="auto, none, required or one function")


def cannot(route: Route, field: str, reason: str) -> NoReturn:
    """Pass over this route, whose wire cannot carry what was asked; another lawful one may serve."""
    raise RouteSkipped(Refusal("bad_field", field=field, reason=f"{route.title} {reason}"))


def text_of(content: Any) -> str:
    """All text of a message's content: a string, or its text parts joined as a model joins them."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content or ())


def arguments_of(call: dict[str, Any], route: Route) -> msgspec.Raw:
    """A tool call's arguments as the JSON object they are, byte for byte; an empty string is an empty object."""
    raw = (call.get("function") or {}).get("arguments") or "{}"
    try:
        _object.decode(raw)
    except msgspec.MsgspecError:
        cannot(route, "messages", "takes tool arguments only as a JSON object")
    return msgspec.Raw(raw.encode())


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def schema_of(tool: Tool) -> msgspec.Raw:
    """The tool's parameters; a function without any takes an empty object."""
    raw = tool.function.parameters
    return raw if bytes(raw) not in (b"", b"null") else msgspec.Raw(b'{"type":"object","properties":{}}')


def given(schema: msgspec.Raw) -> msgspec.Raw:
    """A JSON Schema as it came, or the one that allows anything."""
    return schema if bytes(schema) not in (b"", b"null") else msgspec.Raw(b"{}")
