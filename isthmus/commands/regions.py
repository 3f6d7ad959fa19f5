"""Check, list, show, compare and replay the law that Isthmus holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table as Grid

from isthmus.core import config, operator
from isthmus.core.clock import SystemClock, today
from isthmus.core.decision import Question
from isthmus.core.errors import Refusal
from isthmus.partners import load as partner_files
from isthmus.policy import cases as case_files
from isthmus.policy import replay as machine
from isthmus.policy import supposed
from isthmus.policy.compile import Table
from isthmus.regions import load as region_files
from isthmus.regions.compare import compare
from isthmus.regions.json_schema import region_schema
from isthmus.regions.matrix import matrix as make_matrix
from isthmus.regions.matrix import svg
from isthmus.regions.pages import binds, pages
from isthmus.regions.schema import VERBS, Region

NAME = "regions"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Folder = Annotated[Path | None, typer.Option("--regions", help="Another folder of region files.")]
One = Annotated[str, typer.Argument(help="Id of a region, e.g. CN, or a draft file (PATH.toml).")]
LOOKUPS = 100_000
CASES = Path(region_files.__file__).parents[2] / "tests" / "regions" / "cases"


@app.callback()
def regions() -> None:
    """The law as data: one file per jurisdiction, each rule with its article and date."""


@app.command()
def check(
    folder: Folder = None,
    cases: Annotated[Path, typer.Option(help="Folder of cases in words.")] = CASES,
    json: Json = False,
) -> None:
    """Read every file strictly, compile every region, and try every case."""
    known = region_files.load(folder)
    partners = partner_files.load()
    held = operator.rehearsal()
    clock = SystemClock()
    started = clock.monotonic()
    table = supposed.table(known, partners, held, {}, today(clock))
    outcomes = table.warm()
    compiled = clock.monotonic() - started
    tried = case_files.load(cases)
    court = case_files.Court(known, partners, held)
    steps = track(tried, "cases", console=Console(stderr=True), transient=True, disable=json)
    wrong = [line for case in steps for line in court.try_one(case)]
    rules = {rule.id: rule for region in known.values() for rule in region.own}
    bare = sorted(set(rules) - {case.rule for case in tried}) if tried else []
    counts = {
        "files": len(known),
        "rules": len(rules),
        "drafts": sum(region.reviewed.status == "draft" for region in known.values()),
        "sure": {word: sum(rule.sure == word for rule in rules.values()) for word in ("high", "medium", "low")},
        "outcomes": outcomes,
        "compile_seconds": round(compiled, 3),
        "lookup_us": round(_lookup_us(table), 3),
        "cases": len(tried),
        "wrong": wrong,
        "rules_without_case": bare,
    }
    if json:
        print(msgspec.json.encode(counts).decode())
    else:
        sure = ", ".join(f"{n} {word}" for word, n in counts["sure"].items())  # type: ignore[attr-defined]
        print(f"{len(known)} files, {len(rules)} rules ({sure}), {len(tried)} cases")
        print(
            f"{outcomes} outcomes compiled in {counts['compile_seconds']} s; a look-up takes {counts['lookup_us']} us"
        )
        for line in wrong:
            print(f"wrong: {line}")
        for rule in bare:
            print(f"no case: {rule}")
    if wrong or bare:
        raise typer.Exit(1)


@app.command("list")
def list_regions(folder: Folder = None, json: Json = False) -> None:
    """Print every region: its parent, its rules, and whether a lawyer has signed."""
    known = region_files.load(folder)
    if json:
        rows = [
            {"id": r.id, "name": r.name, "extends": r.chain[1:], "rules": len(r.rules), "reviewed": r.reviewed}
            for r in known.values()
        ]
        print(msgspec.json.encode(rows).decode())
        return
    grid = Grid(box=None)
    for column in ("region", "name", "extends", "own", "all", "review"):
        grid.add_column(column)
    for r in known.values():
        grid.add_row(r.id, r.name, ", ".join(r.chain[1:]), str(len(r.own)), str(len(r.rules)), r.reviewed.status)
    Console().print(grid)


@app.command()
def show(region: One, folder: Folder = None, json: Json = False) -> None:
    """Print every rule of one region: duty, law, date, when it binds."""
    one = _region(region_files.load(folder), region, folder)
    if json:
        print(msgspec.json.encode(one).decode())
        return
    console = Console()
    for rule in one.rules:
        law = "; ".join(f"{cited.title} {cited.article}".strip() for cited in rule.law)
        lines = (
            f"{rule.id}  {rule.check}",
            f"   {rule.duty}",
            f"   {law}; since {rule.since.isoformat()}; sure: {rule.sure}{'; draft' if rule.draft else ''}",
            f"   binds: {binds(rule.when)}",
        )
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)


@app.command()
def diff(a: One, b: One, folder: Folder = None, json: Json = False) -> None:
    """Print how region B differs from region A; either may be a draft file (PATH.toml)."""
    known = region_files.load(folder)
    found = compare(_region(known, a, folder), _region(known, b, folder))
    if json:
        print(msgspec.json.encode(found).decode())
        return
    for name, duty in found.only_a.items():
        print(f"- {name}: {duty}")
    for name, duty in found.only_b.items():
        print(f"+ {name}: {duty}")
    for change in found.changed:
        print(f"~ {change.rule}.{change.key}: {_plain(change.before)} -> {_plain(change.after)}")


@app.command()
def matrix(
    folder: Folder = None,
    on: Annotated[str, typer.Option("--date", help="The day whose law counts, YYYY-MM-DD. Default: today.")] = "",
    picture: Annotated[Path | None, typer.Option("--svg", help="Write the picture to this file.")] = None,
    json: Json = False,
) -> None:
    """Print jurisdictions against duties: rules in force, and (+n) rules still to come."""
    day = _day(on)
    table = make_matrix(region_files.load(folder), day)
    if picture is not None:
        picture.write_text(svg(table, day), "utf-8")
    if json:
        print(msgspec.json.encode(table).decode())
        return
    grid = Grid(box=None, title=f"Rules by duty on {day.isoformat()}")
    grid.add_column("region")
    for verb in VERBS:
        grid.add_column(verb.replace(".", " "), justify="right")
    for name, cells in table.items():
        words = (f"{c.now or ''}{f'+{c.later}' if c.later else ''}" for c in cells.values())
        grid.add_row(name, *words)
    Console(width=180).print(grid)


@app.command()
def docs(
    folder: Annotated[Path, typer.Argument(help="Where the pages go.")] = Path("docs/regions"), json: Json = False
) -> None:
    """Write one page per region, an index and the matrix."""
    known = region_files.load()
    written = pages(known)
    # The picture shows the day on which the files were last looked through, so that it changes only with them.
    day = max(region.reviewed.on for region in known.values())
    written["matrix.svg"] = svg(make_matrix(known, day), day)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    print(msgspec.json.encode(sorted(written)).decode() if json else f"{len(written)} files in {folder}")


@app.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of region files, for editors."""
    print(msgspec.json.format(msgspec.json.encode(region_schema()), indent=2).decode())


@app.command()
def replay(
    ledger: Annotated[Path | None, typer.Option(help="Ledger folder, or receipts as JSON lines. Default: own.")] = None,
    at: Annotated[str, typer.Option(help="Replay against the law of this day, YYYY-MM-DD.")] = "",
    draft: Annotated[Path | None, typer.Option("--with", help="Replay against this draft region file.")] = None,
    json: Json = False,
) -> None:
    """Replay recorded answers against another day or a draft, and say what would change."""
    if bool(at) == (draft is not None):
        raise Refusal("usage", reason="Give either --at DATE or --with FILE.")
    known, partners = region_files.load(), partner_files.load()
    held = operator.load_or_rehearsal(config.load().operator)
    keys = supposed.secrets(partners, os.environ)
    counts, passed = machine.count(ledger or config.load().ledger)
    tables = supposed.ByDay(lambda day: supposed.table(known, partners, held, keys, day))
    changed = known if draft is None else region_files.load(instead=(draft,))
    after = supposed.table(changed, partners, held, keys, _day(at))
    report = machine.replay(counts, tables.on, after)
    report.passed_over += passed
    if json:
        print(msgspec.json.encode(report).decode())
    else:
        _show_report(report, at or str(draft))


def _show_report(report: machine.Report, against: str) -> None:
    print(f"{report.answers} answers replayed against {against}: {report.changed} would change.")
    if report.passed_over:
        print(f"{report.passed_over} entries passed over (refusals, consents, unknown regions).")
    for feature, shift in sorted(report.features.items()):
        print(f"\n{feature}: {shift.changed} of {shift.answers} answers change")
        words = {
            "no longer by": shift.lost,
            "becomes": shift.verdicts,
            "new duty": shift.new_duties,
            "duty ends": shift.ended_duties,
        }
        for label, found in words.items():
            for word, n in sorted(found.items(), key=lambda pair: -pair[1]):
                # The figures matter only where the same duty stands on both sides with other ones.
                name = word.partition(" {")[0]
                both = all(any(w.startswith(f"{name} {{") for w in d) for d in (shift.new_duties, shift.ended_duties))
                print(f"   {label}: {word if both else name} ({n})")


def _lookup_us(table: Table) -> float:
    """Microseconds of one decision that was asked before, the loop's own cost included."""
    question = Question((next(iter(table.regions)),))
    clock = SystemClock()
    table.decide(question)
    started = clock.monotonic()
    for _ in range(LOOKUPS):
        table.decide(question)
    return (clock.monotonic() - started) / LOOKUPS * 1e6


def _region(known: Mapping[str, Region], word: str, folder: Path | None) -> Region:
    """A region by id, or read from a draft file."""
    if word.endswith(".toml"):
        return region_files.load_draft(Path(word), folder)
    region = known.get(word.upper())
    if region is None:
        raise Refusal("unknown_region", region=word, known=", ".join(sorted(known)))
    return region


def _day(word: str) -> date:
    if not word:
        return today(SystemClock())
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise Refusal("bad_field", field="--date", reason=f"{word!r} is not a day: YYYY-MM-DD") from None


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
