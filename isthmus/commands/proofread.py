"""Correct a text, on this device, and show each change."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text as Styled

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Region, Text, Url, Yes
from isthmus.device.features.proofread import Proofread
from isthmus.device.result import Result

NAME = "proofread"


def command(
    text: Text,
    *,
    types: Annotated[bool, typer.Option("--types", help="Say of each correction what kind it is.")] = False,
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Correct a text, on this device, and show each change."""
    source = _features.read(text)
    device = _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)
    result = _features.run(device, "proofread", source, {"includeCorrectionTypes": types}, quiet=as_json)

    def show(result: Result[Any]) -> None:
        _show(result, source, Console(highlight=False, soft_wrap=True), types=types)

    _features.finish(result, as_json=as_json, show=show)


def _show(result: Result[Any], source: str, console: Console, *, types: bool) -> None:
    """In a terminal the text with its changes in colour, else the corrected text alone."""
    value = result.value
    if not console.is_terminal or not isinstance(value, Proofread):
        print(result.text)
        return
    console.print(painted(source, value))
    if types:
        for each in value.corrections:
            before = source[each.start_index : each.end_index]
            console.print(f"  {', '.join(each.types)}: {before!r} -> {each.correction!r}", markup=False)


def painted(source: str, value: Proofread) -> Styled:
    """The source with what goes struck out in red, and what comes in green."""
    shown = Styled()
    at = 0
    for each in value.corrections:
        shown.append(source[at : each.start_index])
        shown.append(source[each.start_index : each.end_index], style="red strike")
        shown.append(each.correction, style="green")
        at = each.end_index
    return shown.append(source[at:])
