"""See what the guard would do to a text: block, mask, flag, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.errors import Refusal
from isthmus.policy import term_lists
from isthmus.policy.detect import details
from isthmus.policy.moderation import cover
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import masked
from isthmus.policy.terms import TermScanner
from isthmus.policy.wording import law_line
from isthmus.regions import load as region_files
from isthmus.regions.schema import HOUSE_ID

NAME = "guard"

app = typer.Typer(no_args_is_help=True)


@app.callback()
def guard() -> None:
    """See what the guard would do to a text."""


@app.command("test")
def try_file(
    file: Annotated[Path, typer.Argument(help="A text file (UTF-8), or - for standard input. Each line is one text.")],
    region: Annotated[str, typer.Option(help="The region whose lists are scanned for.")] = "CN",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show line by line what would be blocked, masked or flagged, and by which rule."""
    scanners = _scanners(region)
    rows = [row for number, line in enumerate(_lines(file), 1) for row in _judge(number, line, scanners)]
    if json:
        print(msgspec.json.encode(rows).decode())
        return
    table = Table("line", "place", "what", "which", "why")
    for row in rows:
        table.add_row(str(row["line"]), f"{row['start']}-{row['end']}", row["what"], row["which"], row["why"])
    Console().print(table if rows else "Nothing would be blocked, masked or flagged.")


def _lines(file: Path) -> list[str]:
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("usage", reason=f"{file} cannot be read: {error}") from None
    return text.splitlines()


def _scanners(region: str) -> list[tuple[str, TermScanner]]:
    """One scanner for each scan rule of the region and the house, with the rule and its law in words."""
    regions = region_files.load()
    if region not in regions:
        known = ", ".join(sorted(name for name in regions if name != HOUSE_ID))
        raise Refusal("unknown_region", region=region, known=known)
    index = term_lists.load(config.load().home).index
    rules = [rule for rule in (*regions[region].rules, *regions[HOUSE_ID].rules) if rule.check == "scan"]
    return [(f"{rule.id}: {law_line(rule.law)}", TermScanner(index, [rule.values["taxonomy"]])) for rule in rules]


def _judge(number: int, line: str, scanners: list[tuple[str, TermScanner]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for why, scanner in scanners:
        rows.extend(
            {"line": number, "start": hit.start, "end": hit.end, "what": hit.action, "which": hit.category, "why": why}
            for hit in cover(scanner, line)[1]
        )
    shown = masked(line, Placeholders(), {})
    rows.extend(
        {
            "line": number,
            "start": one.start,
            "end": one.end,
            "what": "mask",
            "which": one.kind,
            "why": "HOUSE.mask",
            "sent": shown,
        }
        for one in details(line)
    )
    return rows
