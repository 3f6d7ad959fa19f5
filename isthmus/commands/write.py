"""Write a short text from a description of what it should say, on this device."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Output, Region, Text, Url, Yes

NAME = "write"


def command(
    text: Text,
    *,
    tone: Annotated[str, typer.Option(help="formal, neutral or casual.")] = "neutral",
    length: Annotated[str, typer.Option(help="short, medium or long.")] = "short",
    form: Annotated[str, typer.Option("--format", help="markdown or plain-text.")] = "markdown",
    language: Output = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Write a short text from a description of what it should say, on this device."""
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"tone": tone, "length": length, "format": form, "outputLanguage": language}
    _features.finish(_features.run(device, "write", source, options, quiet=as_json), as_json=as_json)
