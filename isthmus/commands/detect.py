"""Say whether a text or file was produced here, or is a lightly edited version of something that was."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from isthmus.core import config
from isthmus.core.errors import Refusal
from isthmus.export import containers, label
from isthmus.export.demand import Demand
from isthmus.export.label import OURS, Key
from isthmus.ledger import checkpoint, prints
from isthmus.ledger.prints import Match
from isthmus.policy import fingerprint

NAME = "detect"


class Verdict(msgspec.Struct, frozen=True):
    """`produced_here`: yes | unlikely | too_short. `by`: mark (signed here) | fingerprint | "". `at`: ISO time, UTC.

    `share`: of the fingerprint's tokens in common, 0 to 1.
    """

    produced_here: str
    by: str = ""
    receipt: str = ""
    at: str = ""
    route: str = ""
    share: float = 0.0


def command(
    what: Annotated[str, typer.Argument(help="A file, a text, or - for standard input.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say whether a text or file was produced here, or is a lightly edited version of something that was."""
    data = _given(what)
    verdict = judge(data, config.load().ledger)
    if json:
        print(msgspec.json.encode(verdict).decode())
        return
    if verdict.produced_here == "yes":
        share = f", {verdict.share:.0%} of its fingerprint" if verdict.by == "fingerprint" else ""
        print(f"Produced here (by its {verdict.by}{share}): {verdict.at}, {verdict.route or 'route not known'}.")
        print(f"Receipt {verdict.receipt}.")
    elif verdict.produced_here == "too_short":
        print(f"Too short to tell: it needs about {fingerprint.LEAST} words or characters of Chinese.")
    else:
        print("Nothing like it was produced here, as far as fingerprints are kept.")


def judge(data: bytes, folder: Path) -> Verdict:
    """The verdict on a file or text. A mark that this node signed counts first. Raises Refusal bad_file."""
    container = containers.of(data)
    marked = _signed(data, folder)
    if marked is not None:
        return marked
    words: Any = getattr(container, "words", None)
    asked = fingerprint.windows(words(data)) if words is not None else []
    if not asked:
        return Verdict("too_short" if words is not None else "unlikely")
    bar = Progress(
        TextColumn("looking"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
    with bar:
        task = bar.add_task("prints", total=None)
        found = prints.find(folder, asked, lambda done, total: bar.update(task, completed=done, total=total))
    return _told(found)


def _told(found: Match | None) -> Verdict:
    if found is None:
        return Verdict("unlikely")
    at = datetime.fromtimestamp(found.at / 1000, UTC).isoformat(timespec="seconds")
    return Verdict("yes", "fingerprint", found.receipt, at, found.route, round(found.share, 3))


def _signed(data: bytes, folder: Path) -> Verdict | None:
    try:
        key = Key(*checkpoint.public_key(folder))
    except (FileNotFoundError, checkpoint.BadCheckpointError):
        return None
    found = label.check(data, Demand((), "", "", ""), key)
    own = found.marks.get("Provenance", {})
    if found.signature.get("Provenance") != OURS:
        return None
    return Verdict("yes", "mark", own.get("id", ""), own.get("time", ""), own.get("system", ""), 1.0)


def _given(what: str) -> bytes:
    if what == "-":
        return sys.stdin.buffer.read(containers.LIMIT)
    path = Path(what)
    try:
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError) as error:
        if len(what) < 256 and isinstance(error, PermissionError):
            raise Refusal("usage", reason=f"{path} cannot be read ({error.strerror}).") from None
    return what.encode("utf-8", "surrogateescape")
