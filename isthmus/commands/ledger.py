"""Check, export and count the ledger of receipts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from isthmus.core import config
from isthmus.core.errors import TABLE, Refusal
from isthmus.ledger import audit, checkpoint, query
from isthmus.ledger import witness as witnesses
from isthmus.ledger.verify import Report
from isthmus.ledger.verify import verify as verify_ledger

NAME = "ledger"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Region = Annotated[str, typer.Option(help="Only entries of this region, e.g. CN.")]
Since = Annotated[str, typer.Option(help="Only entries from this day on (YYYY-MM-DD, UTC).")]


@app.command()
def verify(
    *,
    since: Since = "",
    witness: Annotated[
        Path | None, typer.Option(help="File of checkpoints kept elsewhere; the ledger must continue the last one.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that share the work; 0: one for each core.", min=0)] = 0,
    json: Json = False,
) -> None:
    """Check every receipt, chain, tree and signature. Exit code 6 when anything is not what was written."""
    bar = Progress(
        TextColumn("checking"), BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    )
    with bar:
        task = bar.add_task("ledger", total=None)
        report = verify_ledger(
            config.load().ledger,
            lambda done, total: bar.update(task, completed=done, total=total),
            since=audit.day(since) if since else 0,
            witness=None if witness is None else _last_note(witness),
            jobs=jobs or os.cpu_count() or 1,
        )
    if json:
        print(msgspec.json.encode(msgspec.to_builtins(report) | {"sound": report.sound}).decode())
    else:
        _say(report)
    if not report.sound:
        raise typer.Exit(TABLE["data_damaged"].exit)


@app.command()
def export(
    *,
    region: Region = "",
    since: Since = "",
    to: Annotated[
        Path | None, typer.Option(help="File to write; one that ends in .parquet needs DuckDB. Default: print lines.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print how many entries were written, as JSON.")] = False,
) -> None:
    """Write entries as they are kept: one JSON object a line, or a Parquet file."""
    selection = audit.Selection(region, audit.day(since) if since else 0)
    payloads = [payload for payload, _ in audit.selected(config.load().ledger, selection)]
    if to is None:
        if json:
            raise Refusal("usage", reason="With --json, name a file with --to: lines are JSON already.")
        sys.stdout.writelines(payload.decode() + "\n" for payload in payloads)
        return
    if to.suffix == ".parquet":
        query.write_parquet(payloads, to)
    else:
        to.write_bytes(b"".join(payload + b"\n" for payload in payloads))
    print(
        msgspec.json.encode({"entries": len(payloads), "file": str(to)}).decode()
        if json
        else f"{len(payloads)} entries."
    )


@app.command("query")
def ask(
    sql: Annotated[str, typer.Argument(help="SQL over the table `entries`, e.g. SELECT outcome, count(*) FROM ...")],
    region: Region = "",
    since: Since = "",
    json: Json = False,
) -> None:
    """Ask in SQL (needs DuckDB). The query sees a copy of the entries and nothing else of this machine."""
    selection = audit.Selection(region, audit.day(since) if since else 0)
    payloads = (payload for payload, _ in audit.selected(config.load().ledger, selection))
    names, rows = query.ask(payloads, sql)
    if json:
        print(msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows], enc_hook=str).decode())
        return
    table = Table(*names, box=None)
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)


@app.command()
def report(
    region: Region = "",
    month: Annotated[str, typer.Option(help="Month to count (YYYY-MM, UTC). Default: all.")] = "",
    json: Json = False,
) -> None:
    """Count what an authority asks for: answers, refusals, labels, consents, minors, partners, tokens."""
    since, until = audit.month(month) if month else (0, 1 << 62)
    found = audit.tally(config.load().ledger, audit.Selection(region, since, until))
    if json:
        print(msgspec.json.encode(found).decode())
        return
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in msgspec.to_builtins(found).items():
        counts = ", ".join(f"{word} {count:,}" for word, count in value.items()) if isinstance(value, dict) else value
        table.add_row(name.replace("_", " "), f"{counts:,}" if isinstance(counts, int) else counts or "-")
    Console().print(table)


@app.command("witness")
def show_witness(
    to: Annotated[str, typer.Argument(help="A file elsewhere, or the URL of a witness (C2SP tlog-witness).")],
    json: Json = False,
) -> None:
    """Leave the node's checkpoint where nobody here can change it, after checking that it continues the last one."""
    folder = config.load().ledger
    left = witnesses.show(folder, to) if "://" in to else witnesses.keep(folder, Path(to))
    if json:
        print(msgspec.json.encode({"origin": left.origin, "size": left.size, "witness": to}).decode())
        return
    print(f"{to} has seen {left.size:,} entries of {left.origin}.")


def _say(report: Report) -> None:
    console = Console()
    for each in report.damages:
        entry = "" if each.number < 0 else f", entry {each.number}"
        after = f" (after receipt {each.after})" if each.after else ""
        console.print(f"{each.log}/{each.file}, offset {each.offset}{entry}: {each.reason}{after}", highlight=False)
    if report.unfinished:
        console.print(f"{report.unfinished} bytes at the end are unfinished; nobody was told that they were kept.")
    state = "All is what was written" if report.sound else f"{len(report.damages)} places are damaged"
    console.print(
        f"{state}: {report.entries:,} entries, {report.segments:,} segments, {report.checkpoints:,} checkpoints.",
        highlight=False,
    )


def _last_note(path: Path) -> bytes:
    """The last checkpoint in a file of one or several."""
    try:
        block = path.read_bytes()
        return ([block] + checkpoint.split(block)[0])[-1]
    except OSError as error:
        raise Refusal("usage", reason=f"{path} cannot be read ({error.strerror}).") from None
