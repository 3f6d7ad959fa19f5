"""Check the ledger of receipts."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from isthmus.core import config
from isthmus.core.errors import TABLE
from isthmus.ledger.verify import Report
from isthmus.ledger.verify import verify as verify_ledger

NAME = "ledger"

app = typer.Typer(no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """The ledger remembers every answer, and shows when anybody changed it."""


@app.command()
def verify(json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Check every receipt, chain, tree and signature. Exit code 6 when anything is not what was written."""
    bar = Progress(
        TextColumn("checking"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
    with bar:
        task = bar.add_task("ledger", total=None)
        report = verify_ledger(config.load().ledger, lambda done, total: bar.update(task, completed=done, total=total))
    if json:
        print(msgspec.json.encode(msgspec.to_builtins(report) | {"sound": report.sound}).decode())
    else:
        _say(report)
    if not report.sound:
        raise typer.Exit(TABLE["data_damaged"].exit)


def _say(report: Report) -> None:
    console = Console()
    for each in report.damages:
        entry = "" if each.number < 0 else f", entry {each.number}"
        console.print(f"{each.log}/{each.file}, offset {each.offset}{entry}: {each.reason}", highlight=False)
    if report.unfinished:
        console.print(f"{report.unfinished} bytes at the end are unfinished; nobody was told that they were kept.")
    state = "All is what was written" if report.sound else f"{len(report.damages)} places are damaged"
    console.print(
        f"{state}: {report.entries:,} entries, {report.segments:,} segments, {report.checkpoints:,} checkpoints.",
        highlight=False,
    )
