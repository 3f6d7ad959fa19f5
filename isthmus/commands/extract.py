"""Take facts out of a text as a JSON object, on this device."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Region, Text, Url, Yes
from isthmus.core.errors import Refusal

NAME = "extract"


def command(
    text: Text,
    *,
    fields: Annotated[str, typer.Option(help="Names of the facts, with commas between, e.g. name,date,place.")] = "",
    shape: Annotated[str, typer.Option(help="A file with a JSON schema of the object, instead of --fields.")] = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take facts out of a text as a JSON object, on this device."""
    wanted = constraint(fields, shape)
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"responseConstraint": wanted}
    _features.finish(_features.run(device, "extract", source, options, quiet=as_json), as_json=as_json)


def constraint(fields: str, shape: str) -> dict[str, Any]:
    """The JSON schema that a person named. Raises Refusal usage."""
    names = [name.strip() for name in fields.split(",") if name.strip()]
    if bool(names) == bool(shape):
        raise Refusal("usage", reason="Name the facts with --fields, or a schema's file with --shape.")
    if names:
        said = {name: {"type": "string", "maxLength": 200} for name in names}
        return {"type": "object", "properties": said, "required": names, "additionalProperties": False}
    try:
        return msgspec.json.decode(_features.read(shape), type=dict[str, Any])
    except msgspec.DecodeError:
        raise Refusal("usage", reason=f"{shape} is no JSON schema: it must hold one JSON object.") from None
