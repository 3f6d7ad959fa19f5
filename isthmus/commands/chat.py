"""Talk with the assistant, on this device; it asks before anything leaves."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Self

import msgspec
import typer
from rich.console import Console

from isthmus.commands import _features
from isthmus.commands._features import Age, Json, Mode, Region, Url, Yes
from isthmus.core.errors import Refusal
from isthmus.device.result import Result
from isthmus.device.session import Session

NAME = "chat"
HELP = "/region ID, /why, /receipt, /history, /quit"


def command(
    text: Annotated[str, typer.Argument(help="One message; without it, a conversation begins.")] = "",
    *,
    system: Annotated[str, typer.Option(help="What the assistant is to be.")] = "",
    mode: Mode = "prefer_on_device",
    region: Region = "",
    age: Age = "",
    url: Url = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Talk with the assistant, on this device; it asks before anything leaves.

    In the conversation: /region ID changes the law that applies, /why and /receipt tell of the last answer, /history
    shows what was said, /quit ends.
    """

    def make(region: str) -> Any:
        return _features.open_device(mode=mode, region=region, age=age, url=url, yes=yes, ask=not as_json)

    chat = Chat(make, region, system, live=not as_json)
    with chat:
        if text or as_json or not sys.stdin.isatty():
            for message in [text] if text else _lines():
                chat.take(message)
        else:
            chat.converse()
    if as_json:
        print(msgspec.json.encode({"turns": [result.document() for result in chat.results]}).decode())


def _lines() -> list[str]:
    """What stands on standard input, without empty lines. Raises Refusal usage."""
    try:
        return [line.strip() for line in sys.stdin if line.strip()]
    except UnicodeDecodeError:
        raise Refusal("usage", reason="Standard input cannot be read as UTF-8 text.") from None


class Chat:
    """One conversation at the terminal. `make` opens the device for a region."""

    def __init__(self, make: Any, region: str, system: str, *, live: bool) -> None:
        self.results: list[Result[Any]] = []
        self._make = make
        self._region = region
        self._live = live
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._device = make(region)
        self._session: Session = self._device.session(system=system)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._device.close()

    def converse(self) -> None:
        """Read and answer until /quit or the end of input."""
        import readline  # noqa: F401 - gives the prompt its line editing and history

        self._console.print(HELP, style="dim")
        while True:
            try:
                said = input("> ").strip()
            except (EOFError, KeyboardInterrupt):
                return
            if said == "/quit":
                return
            try:
                self.take(said)
            except Refusal as refusal:
                self._console.print(refusal.sentence(), style="yellow", markup=False)

    def take(self, said: str) -> None:
        """One line: a command with a slash, or something said."""
        word, _, rest = said.partition(" ")
        match word:
            case "":
                return
            case "/region":
                self.move(rest.strip().upper())
            case "/why" | "/receipt":
                self._tell(word)
            case "/history":
                for message in self._session.messages:
                    self._console.print(f"{message['role']}: {message['content']}", markup=False)
            case _ if word.startswith("/"):
                self._console.print(HELP, style="dim")
            case _:
                self._answer(said)

    def move(self, region: str) -> None:
        """The same conversation under another region's law."""
        moved = self._make(region)
        kept = self._session.messages
        self._device.close()
        self._device, self._region = moved, region
        self._session = moved.session(initial_prompts=kept)
        self._console.print(f"Region {region or '-'}", style="dim")

    def _answer(self, said: str) -> None:
        shown, source = "", ""
        for draft in self._session.stream(said):
            if self._live:
                if not draft.text.startswith(shown) or (source and draft.source != source):
                    print("\n(asked further)")
                    shown = ""
                print(draft.text[len(shown) :], end="", flush=True)
            shown, source = draft.text, draft.source
            if draft.result is not None:
                self.results.append(draft.result)
        if self._live:
            print()
            last = self.results[-1]
            label = f"  {last.label}" if last.label else ""
            self._console.print(f"  {last.badge}{label}", style="dim", markup=False)

    def _tell(self, word: str) -> None:
        if not self.results:
            self._console.print("Nothing was answered yet.", style="dim")
        elif word == "/receipt":
            self._console.print(self.results[-1].receipt or "no receipt", markup=False)
        else:
            _features.about(self.results[-1], self._console)
