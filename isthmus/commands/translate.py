"""Translate a text, on this device."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Region, Text, Url, Yes

NAME = "translate"


def command(
    text: Text,
    *,
    target: Annotated[str, typer.Option("--to", help="Language to translate into, e.g. en or zh.")],
    origin: Annotated[str, typer.Option("--from", help="Language of the text; else it is detected.")] = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Translate a text, on this device."""
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"targetLanguage": target, "sourceLanguage": origin}
    _features.finish(_features.run(device, "translate", source, options, quiet=as_json), as_json=as_json)
