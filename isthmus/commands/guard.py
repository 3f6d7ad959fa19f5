"""See what the guard would do to a text: block, mask, flag, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.policy import allow as exceptions
from isthmus.policy import guards, term_lists
from isthmus.policy.attack_model import AttackModel
from isthmus.policy.detect import details
from isthmus.policy.judges import MODEL
from isthmus.policy.moderation import cover
from isthmus.policy.numbers import Detail
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import masked, with_names
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
    tenant: Annotated[str, typer.Option(help="Whose exceptions (allow.toml) and wishes (guard.toml) count.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show line by line what would be blocked, masked or flagged, and by which rule."""
    scanners = _scanners(region)
    wishes = _wishes(tenant)
    rows = [row for number, line in enumerate(_lines(file), 1) for row in _judge(number, line, scanners, wishes)]
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


class _Wishes(NamedTuple):
    """A tenant's own: the letters that may pass, how details are found, and the attack model where it is asked."""

    allowed: Collection[str]
    find: Callable[[str], list[Detail]]
    model: AttackModel | None


def _wishes(tenant: str) -> _Wishes:
    home = config.load().home
    allowed = exceptions.letters(exceptions.load(home), tenant, SystemClock().now().date())
    guard = guards.of(guards.load(home), Caller(key_id="", tenant=tenant, regions=(), region=""))
    named = guard is not None and guard.names
    asked = guard is not None and any(one.name == MODEL for one in guard.judge)
    return _Wishes(allowed, with_names if named else details, AttackModel.load() if asked else None)


def _judge(
    number: int, line: str, scanners: list[tuple[str, TermScanner]], wishes: _Wishes
) -> list[dict[str, Any]]:  # fmt: skip
    found: list[tuple[int, int, str, str, str, str]] = []
    for why, scanner in scanners:
        hits = cover(scanner, line, wishes.allowed)[1]
        found += [(hit.start, hit.end, hit.action, hit.category, why, "") for hit in hits]
    if wishes.model is not None and wishes.model.is_attack(line):
        found.append((0, len(line), "flag", f"{MODEL}.attack", "guard.toml", ""))
    shown = masked(line, Placeholders(), {}, wishes.find)
    for one in wishes.find(line):
        why = "guard.toml" if one.kind in ("name", "address") else "HOUSE.mask"
        found.append((one.start, one.end, "mask", one.kind, why, shown))
    names = ("start", "end", "what", "which", "why", "sent")
    return [
        {"line": number, **{name: value for name, value in zip(names, row, strict=True) if value != ""}}
        for row in found
    ]
