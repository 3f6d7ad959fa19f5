"""Three short replies to a message, on this device."""

from __future__ import annotations

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Output, Region, Text, Url, Yes

NAME = "reply"


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
    """Three short replies to a message, on this device."""
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    options = {"outputLanguage": language}
    _features.finish(_features.run(device, "smart_reply", source, options, quiet=as_json), as_json=as_json)
