"""Say what so many queries a day take: GPUs, megawatts, money, and what the law adds."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from isthmus.core.clock import SystemClock, today
from isthmus.core.errors import Refusal
from isthmus.planner import receipts, scenario
from isthmus.planner import validate as validation
from isthmus.planner.document import Wishes, make
from isthmus.planner.scenario import Scenario

NAME = "plan"

app = typer.Typer()
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback(invoke_without_command=True)
def plan(
    context: typer.Context,
    *,
    file: Annotated[Path | None, typer.Option("--scenario", help="A scenario file (TOML); options below win.")] = None,
    queries: Annotated[float | None, typer.Option(help="Queries a day, e.g. 3e9.")] = None,
    model: Annotated[str | None, typer.Option(help="A model of models.toml, e.g. deepseek-v3.")] = None,
    hardware: Annotated[
        str | None, typer.Option(help="An accelerator of hardware.toml, e.g. h800, h20, gb200.")
    ] = None,
    hardware_in: Annotated[str | None, typer.Option(help="Others in single regions, as CN:h20,US:gb200.")] = None,
    regions: Annotated[str | None, typer.Option(help="Regions with their weights, as CN:55,EU:20,US:20,KR:5.")] = None,
    lengths: Annotated[str | None, typer.Option(help="chat, code, long, or a trace file (.csv, .jsonl).")] = None,
    tokens_in: Annotated[float | None, typer.Option(help="Mean tokens of a question.")] = None,
    tokens_out: Annotated[float | None, typer.Option(help="Mean tokens of an answer.")] = None,
    cache: Annotated[float | None, typer.Option(help="Share of question tokens found in a cache, 0 to 1.")] = None,
    utilisation: Annotated[float | None, typer.Option(help="Share of a lab figure kept up at the peak.")] = None,
    token_ms: Annotated[float | None, typer.Option(help="Slowest time per token, ms.")] = None,
    peak: Annotated[float | None, typer.Option(help="A region's peak over its mean.")] = None,
    home: Annotated[
        float | None, typer.Option(help="Share of a region's peak that its own sites carry at least.")
    ] = None,
    device: Annotated[float | None, typer.Option(help="Share of questions that devices answer, 0 to 1.")] = None,
    spare: Annotated[str | None, typer.Option(help="What may be lost at any hour: none, site or region.")] = None,
    growth: Annotated[str | None, typer.Option(help="Growth of the demand, as 2x.")] = None,
    months: Annotated[int, typer.Option(help="Show the way to that growth, month by month.", min=0, max=120)] = 0,
    ledger: Annotated[
        Path | None, typer.Option(help="Fit the demand to this ledger, or to its exported lines.")
    ] = None,
    usd: Annotated[float, typer.Option(help="Also say what so much capital would build, e.g. 22e9.", min=0)] = 0,
    simulate: Annotated[bool, typer.Option("--simulate", help="Simulate a day, event by event.")] = False,
    lose: Annotated[str, typer.Option(help="Lose these regions or sites at their worst hour, by comma; or each.")] = "",
    requests: Annotated[float, typer.Option(help="Requests to simulate.", min=1000, max=1e9)] = 1_200_000,
    compare: Annotated[tuple[Path, Path] | None, typer.Option(help="Two scenario files, side by side.")] = None,
    on: Annotated[str, typer.Option("--date", help="The day whose law counts, YYYY-MM-DD. Default: today.")] = "",
    seed: Annotated[int | None, typer.Option(help="Seed of the simulation.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained report to this file.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Write the pictures (SVG and PNG) to this folder.")] = None,
    json: Json = False,
) -> None:
    """Say what so many queries a day take: GPUs, megawatts, money, and what the law adds."""
    if context.invoked_subcommand is not None:
        return
    words = (model, hardware, lengths, spare)
    numbers = (queries, tokens_in, tokens_out, cache, utilisation, token_ms, peak, home, device, seed)
    changes = {name: value for name, value in zip(_WORDS + _NUMBERS, words + numbers, strict=True) if value is not None}
    changes |= _lists(hardware_in, regions, growth)
    asked, other = _scenarios(file, ledger, compare, changes)
    wishes = Wishes(months, usd, simulate, tuple(filter(None, lose.split(","))), int(requests), other)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        document = make(asked, _day(on or asked.date), wishes, _Bars(bar))
    if html is not None or plots is not None:
        from isthmus.planner import report

        report.write(document, html, plots)
    if json:
        print(msgspec.json.encode(document).decode())
    else:
        from isthmus.planner.show import show

        show(document, Console())


@app.command()
def validate(
    traces: Annotated[
        Path | None, typer.Option(help="Folder with the public traces, for the points about them.")
    ] = None,
    json: Json = False,
) -> None:
    """Compute every published point again and print the error of each; misses are listed, none is dropped."""
    found = validation.validate(traces)
    if json:
        print(msgspec.json.encode(found).decode())
        return
    table = Table(box=None)
    for name in ("point", "use", "published", "ours", "error", "", "unit", "source"):
        table.add_column(name, overflow="fold")
    for each in found.points:
        ours = "-" if each.ours is None else f"{each.ours:,.4g}"
        error = "no trace" if each.error is None else f"{each.error:+.1%}"
        mark = "" if each.error is None else ("" if each.hit else "misses")
        table.add_row(each.id, each.role, f"{each.published:,.4g}", ours, error, mark, each.unit, each.source)
    console = Console()
    console.print(table)
    console.print(
        f"{found.held_hit} of {found.held} held-out points within their bound; misses: {', '.join(found.missed)}."
    )
    console.print(
        f"Held-out throughputs from {validation.LEAST_BATCH} sequences per GPU: a factor of {found.rms_factor:.2f} "
        f"(root mean square, {found.rms_points} points)."
    )
    if found.not_computed:
        console.print(f"Not computed, for want of a trace (--traces): {', '.join(found.not_computed)}.")


_WORDS = ("model", "hardware", "lengths", "spare")
_NUMBERS = (
    "queries", "tokens_in", "tokens_out", "cache", "utilisation", "token_ms", "peak", "home", "device", "seed",
)  # fmt: skip


class _Bars:
    """One progress bar per long piece of work."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, share: float) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=1.0)
        self._bar.update(self._tasks[what], completed=share)


def _scenarios(
    file: Path | None, ledger: Path | None, compare: tuple[Path, Path] | None, changes: dict[str, Any]
) -> tuple[Scenario, Scenario | None]:
    """The scenario to answer, and the one to set beside it."""
    if compare is not None:
        if file is not None or ledger is not None:
            raise Refusal("usage", reason="--compare takes two scenario files and no --scenario or --ledger.")
        first, second = (scenario.with_changes(scenario.load(path), changes) for path in compare)
        return first, second
    base = Scenario() if file is None else scenario.load(file)
    if ledger is not None:
        base = receipts.scenario(receipts.seen(receipts.entries(ledger)), base)
    return scenario.with_changes(base, changes), None


def _lists(hardware_in: str | None, regions: str | None, growth: str | None) -> dict[str, Any]:
    """The options that are more than one word or number, where given."""
    found: dict[str, Any] = {}
    if hardware_in is not None:
        found["hardware_in"] = _pairs(hardware_in, "--hardware-in")
    if regions is not None:
        found["regions"] = _weights(regions)
    if growth is not None:
        found["growth"] = _growth(growth)
    return found


def _pairs(text: str, option: str) -> dict[str, str]:
    found = {}
    for part in text.split(","):
        name, sign, value = part.partition(":")
        if not sign or not name.strip() or not value.strip():
            raise Refusal("usage", reason=f"{option} is NAME:VALUE,NAME:VALUE; {part!r} is not.")
        found[name.strip().upper()] = value.strip()
    return found


def _weights(text: str) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in _pairs(text, "--regions").items()}
    except ValueError:
        raise Refusal("usage", reason=f"--regions takes numbers, as CN:55,EU:20; {text!r} does not.") from None


def _growth(text: str) -> float:
    try:
        return float(text.removesuffix("x"))
    except ValueError:
        raise Refusal("usage", reason=f"--growth is a factor, as 2x; {text!r} is not.") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text) if text else today(SystemClock())
    except ValueError:
        raise Refusal("usage", reason=f"{text!r} is not a day: YYYY-MM-DD.") from None
