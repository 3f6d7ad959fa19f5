"""Say a text in another tone or length, on this device."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Output, Region, Text, Url, Yes

NAME = "rewrite"


def command(
    text: Text,
    *,
    tone: Annotated[str, typer.Option(help="as-is, more-formal or more-casual.")] = "as-is",
    length: Annotated[str, typer.Option(help="as-is, shorter or longer.")] = "as-is",
    language: Output = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Say a text in another tone or length, on this device."""
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"tone": tone, "length": length, "outputLanguage": language}
    _features.finish(_features.run(device, "rewrite", source, options, quiet=as_json), as_json=as_json)
