"""Ask one question, under the law of one region, and see who answered and how it is labelled."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from isthmus.core import config as settings
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device.client import Client, Reply
from isthmus.node import running

NAME = "ask"
_PLACEHOLDER = re.compile(r"(?<![\w-])rehearsal(?![\w-])")  # the word that stands in operator.toml for an unknown fact
SHEETS = 3  # consents that one question may need: recipient, sensitive details, guardian


def command(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    region: Annotated[str, typer.Option(help="Region whose law applies (else the key's own).")] = "",
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it comes.")] = False,
    model: Annotated[str, typer.Option(help="auto, a tier, a partner, a model or a route.")] = "",
    route: Annotated[str, typer.Option(help="Only this tier: private or partner.")] = "",
    feature: Annotated[str, typer.Option(help="What the question is for.")] = "assistant",
    age: Annotated[str, typer.Option(help="Age in years, or an age band.")] = "",
    data: Annotated[str, typer.Option(help="none, personal or sensitive.")] = "",
    language: Annotated[
        str, typer.Option(help="Of notices and consent sheets, e.g. zh-CN (else the terminal's).")
    ] = "",
    consent: Annotated[str, typer.Option(help="Id of a consent that was given.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Give the consent that is asked for, this once.")] = False,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 512,
    url: Annotated[str, typer.Option(help="Gateway (else the one of this machine).")] = "",
    key: Annotated[str, typer.Option(help="Key (else ISTHMUS_KEY, else the one `isthmus up` made).")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Ask one question, under the law of one region, and see who answered and how it is labelled."""
    config = settings.load()
    headers = {
        "isthmus-region": region,
        "isthmus-feature": feature,
        "isthmus-age": age,
        "isthmus-data": data,
        "isthmus-consent": consent,
        "accept-language": language or terminal_language(),
    }
    given = {name: value for name, value in headers.items() if value}
    node = running(config)
    address = url or (node.url if node is not None else f"http://{config.host}:{config.port}")
    secret = find_key(config, key)
    words = sys.stdin.read() if question == "-" else question
    turn = Turn(address, secret, given, words, model or route or "auto", max_tokens, live=stream and not as_json)
    consents = [consent] if consent else []
    while True:
        try:
            reply = turn.take()
            break
        except Refusal as refusal:
            sheet = (refusal.extra or {}).get("sheet")
            if sheet is None or len(consents) > SHEETS:
                raise
            if not (yes or (not as_json and agreed(sheet))):
                print("Nothing was sent. --yes gives this consent, this once.", file=sys.stderr)
                raise
            consents.append(give(address, secret, given, sheet))
            given["isthmus-consent"] = ",".join(consents)
    show(reply, as_json=as_json, live=turn.live)


class Turn:
    """One question on its way: asked again, unchanged, when consent was given."""

    def __init__(
        self, url: str, key: str, headers: dict[str, str], words: str, model: str, max_tokens: int, *, live: bool
    ) -> None:
        self.live = live
        self._url, self._key, self._headers, self._model, self._max_tokens = url, key, headers, model, max_tokens
        self._messages = [{"role": "user", "content": words}]

    def take(self) -> Reply:
        """Ask, and print the answer as it comes when it is live."""
        client = Client(self._url, self._key, headers=self._headers)
        if not self.live:
            return client.ask(self._messages, model=self._model, max_tokens=self._max_tokens)
        streamed = client.stream(self._messages, model=self._model, max_tokens=self._max_tokens)
        for piece in streamed:
            print(piece, end="", flush=True)
        print()
        return streamed.reply


def find_key(config: Config, key: str) -> str:
    """The key to use. Raises Refusal missing_key."""
    found = key or os.environ.get("ISTHMUS_KEY", "")
    kept = config.home / "demo.key"
    if not found and kept.exists():
        found = kept.read_text("ascii").strip()
    if not found:
        raise Refusal("not_running", url=f"http://{config.host}:{config.port}")
    return found


def agreed(sheet: dict[str, Any]) -> bool:
    """Show the consent sheet and take a person's answer; without a person, nobody agreed."""
    console = Console(stderr=True, highlight=False)
    for name in ("title", "reason", "masked", "who", "purpose", "retention", "rehearsal", "withdraw"):
        if sheet.get(name):
            console.print(sheet[name], style="bold" if name == "title" else "", markup=False)
    if not sys.stdin.isatty():
        return False
    buttons = sheet["buttons"]
    return typer.confirm(f"{buttons['yes']} (y) / {buttons['no']} (n)", default=False, err=True)


def terminal_language(environ: Mapping[str, str] = os.environ) -> str:
    """The language of this terminal, by POSIX locale: a sheet and the prompt below it are then in one."""
    named = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    return "zh-CN" if named.startswith("zh") else "en"


def told(notices: Sequence[str]) -> list[str]:
    """Notices for a terminal: those that still hold a placeholder of the rehearsal are told in one line."""
    real = [each for each in notices if not _PLACEHOLDER.search(each)]
    open_ = len(notices) - len(real)
    if open_:
        many = "notices need facts" if open_ > 1 else "notice needs a fact"
        real.append(f"rehearsal: {open_} {many} that the operator has not stated yet (isthmus doctor lists them)")
    return real


def give(url: str, key: str, headers: dict[str, str], sheet: dict[str, Any]) -> str:
    """Give the consent that the sheet asks for, for this question. Returns its id."""
    fields = {**sheet["consent"], "feature": headers["isthmus-feature"], "language": sheet["language"]}
    return Client(url, key, headers=headers).give_consent(**fields)


def show(reply: Reply, *, as_json: bool, live: bool) -> None:
    """The answer, then who made it, its label, its notices and its receipt."""
    about = reply.isthmus
    if as_json:
        document = {"answer": reply.text, "finish": reply.finish, "usage": reply.usage, "isthmus": about}
        print(msgspec.json.encode(document).decode())
        return
    if not live:
        print(reply.text)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n  answered by  {about['badge']} ({about['source']}, {about['model']})", markup=False)
    console.print(f"  label        {about['label'] or 'none is asked for here'}", markup=False)
    for notice in told(about["notices"]):
        console.print(f"  notice       {notice}", markup=False)
    if about["masked"]:
        masked = ", ".join(f"{name} {count}" for name, count in about["masked"].items())
        console.print(f"  masked       {masked}", markup=False)
    console.print(f"  receipt      {about['receipt']}   (isthmus receipt show {about['receipt']})", markup=False)
