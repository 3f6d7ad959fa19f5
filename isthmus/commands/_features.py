"""What the commands of the device's features share: the text, the model that is at hand, and how a result is shown.

Rules of this file. A running node's model is used, through the gateway, as the private tier of this very machine; else
a model is started for the time of the command. The answer goes to standard output, everything about it to standard
error, so that it can be piped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console

from isthmus import node
from isthmus.commands.ask import agreed, find_key, terminal_language, told
from isthmus.core import config as settings
from isthmus.core.errors import Refusal
from isthmus.device.device import Device
from isthmus.device.orchestrator import MODES
from isthmus.device.result import Result
from isthmus.device.voice import Voice

LONGEST_NAME = 1024  # a longer argument is a text, not the path of a file
ENDINGS = frozenset((".txt", ".md", ".eml", ".csv", ".json", ".html", ".log", ".rst", ".srt"))
Text = Annotated[str, typer.Argument(help="A text, the path of a file, or - for standard input.")]
Mode = Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")]
Region = Annotated[str, typer.Option(help="Region whose law applies (with a running node: else the key's own).")]
Age = Annotated[str, typer.Option(help="Age in years, or an age band.")]
Url = Annotated[str, typer.Option(help="Gateway to go to when the device does not suffice.")]
Yes = Annotated[bool, typer.Option("--yes", help="Give the consent that is asked for, this once.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Output = Annotated[
    str, typer.Option("--output-language", help="Language of the answer, e.g. en; else that of the text.")
]


def read(text: str) -> str:
    """What a person named: a file's content, standard input, or the words themselves.

    Raises Refusal usage: for what is no UTF-8 text, and for one word that is the name of a file which is not there.
    """
    try:
        if text == "-":
            return _decoded(sys.stdin.buffer.read())
        path = Path(text)
        if len(text) < LONGEST_NAME and path.is_file():
            return _decoded(path.read_bytes())
    except (OSError, ValueError):
        what = "Standard input" if text == "-" else "The file"
        raise Refusal("usage", reason=f"{what} cannot be read as UTF-8 text.") from None
    if path.suffix.lower() in ENDINGS and not text.split()[1:]:
        raise Refusal("usage", reason=f"There is no file {text}. A text of several words is taken as it stands.")
    return text


def _decoded(raw: bytes) -> str:
    """Text from bytes, without the mark that some editors put before it. Raises ValueError."""
    text = raw.decode("utf-8-sig")
    if "\0" in text:
        raise ValueError("this is no text")
    return text


def open_device(*, mode: str, region: str, age: str = "", url: str = "", yes: bool = False, ask: bool = True) -> Device:
    """The device as it is here and now. With `ask`, a person answers consent sheets. Raises Refusal."""
    config = settings.load()
    running = None if url else node.running(config)
    console = Console(stderr=True)
    given: dict[str, Any] = {"mode": mode, "region": region, "age": age, "config": config, "say": console.print}
    given["language"] = terminal_language()
    if yes or (ask and sys.stdin.isatty()):
        given["agree"] = _agree(yes=yes)
    if url:
        given |= {"url": url, "key": find_key(config, "")}
    elif running is not None:
        key = find_key(config, "")
        named = {"isthmus-region": region, "isthmus-age": age, "accept-language": terminal_language()}
        headers = {name: value for name, value in named.items() if value}
        voice = Voice(running.url, key, model="private", tier="private", badge="On this machine", headers=headers)
        given |= {"url": running.url, "key": key, "model": "partner", "voice": voice}
    return Device(**given)


def _agree(*, yes: bool) -> Callable[[dict[str, Any]], Literal["once", "always", ""]]:
    def agree(sheet: dict[str, Any]) -> Literal["once", "always", ""]:
        return "once" if yes or agreed(sheet) else ""

    return agree


def run(device: Device, feature: str, given: Any, options: dict[str, Any], *, quiet: bool) -> Result[Any]:
    """One feature, with a word on standard error while it takes time; the device is closed afterwards."""
    console = Console(stderr=True, quiet=quiet)
    chosen = {name: value for name, value in options.items() if value != ""}
    with device, console.status("Thinking") as status:

        def monitor(done: float, what: str) -> None:
            status.update(f"{what} ({done:.0%})")

        return device.run(feature, given, monitor=monitor, **chosen)


def finish(result: Result[Any], *, as_json: bool, show: Callable[[Result[Any]], None] | None = None) -> None:
    """Print the answer, then what is to be known about it."""
    if as_json:
        print(msgspec.json.encode(result.document()).decode())
        return
    if show is None:
        print(result.text)
    else:
        show(result)
    about(result, Console(stderr=True, highlight=False, soft_wrap=True))


def about(result: Result[Any], console: Console) -> None:
    """Who answered, the label, the notices, the reasons and the receipt."""
    console.print(f"  answered by  {result.badge} ({result.source}, {result.tier})", markup=False, style="dim")
    if result.label:
        console.print(f"  label        {result.label}", markup=False, style="dim")
    for notice in told(result.notices):
        console.print(f"  notice       {notice}", markup=False, style="dim")
    console.print(f"  why          {'; '.join(result.why)}", markup=False, style="dim" if result.sure else "yellow")
    if result.receipt:
        console.print(f"  receipt      {result.receipt}", markup=False, style="dim")
