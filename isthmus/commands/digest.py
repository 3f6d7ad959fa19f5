"""Sort notifications by what presses, one line each, on this device."""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Output, Region, Text, Url, Yes
from isthmus.core.errors import Refusal

NAME = "digest"


def command(
    text: Text,
    *,
    language: Output = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Sort notifications by what presses, one line each, on this device.

    One notification a line, or a JSON list of texts or of objects with app, title and text.
    """
    given = notifications(_features.read(text))
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"outputLanguage": language}
    _features.finish(_features.run(device, "digest", given, options, quiet=as_json), as_json=as_json)


def notifications(source: str) -> list[Any]:
    """One notification a line, or a JSON list. Raises Refusal usage."""
    if not source.lstrip().startswith("["):
        return [line for line in source.splitlines() if line.strip()]
    try:
        return msgspec.json.decode(source, type=list[Any])
    except msgspec.DecodeError:
        raise Refusal("usage", reason="The notifications are no JSON list.") from None
