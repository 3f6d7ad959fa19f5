"""Fetch, list and remove the models of the local engine."""

from __future__ import annotations

from typing import Annotated, Any, Self

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as Bar
from rich.table import Table

from isthmus.core import config
from isthmus.core.errors import Refusal
from isthmus.device import catalogue
from isthmus.device.store import Store

NAME = "models"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Model = Annotated[str, typer.Argument(help="Id of a model, as `isthmus models list` prints it.")]


class Meter:
    """A progress bar on standard error with MB and MB/s. `say` and `progress` are what the store calls."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=self._console)
        self._task = self._bar.add_task("model", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """Print one line above the bar."""
        self._console.print(line, highlight=False)

    def full(self) -> None:
        """Fill the bar: what came was checked, and is whole."""
        total = self._bar.tasks[0].total
        self._bar.update(self._task, completed=total or 0)

    def progress(self, done: int, total: int) -> None:
        """Show `done` of `total` bytes."""
        self._bar.update(self._task, completed=done, total=total, visible=True)


def _store() -> Store:
    return Store(config.load().models)


def _print_json(document: Any) -> None:
    print(msgspec.json.encode(document).decode())


def _rows() -> list[dict[str, Any]]:
    store = _store()
    index = store.index()
    rows = []
    for name, entry in catalogue.load().items():
        path = store.path(entry)
        row = msgspec.to_builtins(entry) | {"id": name, "here": path is not None}
        row["source"] = index[name].source if path is not None and name in index else None
        row["path"] = str(path) if path is not None else None
        rows.append(row)
    return rows


@app.command("list")
def list_models(json: Json = False) -> None:
    """Print every model of the catalogue, and whether it is here."""
    rows = _rows()
    if json:
        _print_json(rows)
        return
    table = Table(box=None)
    for column in ("model", "size", "memory", "licence", "languages", "here"):
        table.add_column(column, no_wrap=True)
    for row in rows:
        size, memory = f"{row['size'] / 1e6:,.0f} MB", f"{row['memory_mb']:,} MB"
        here = "yes" if row["here"] else "no"
        table.add_row(row["id"], size, memory, row["licence"], ", ".join(row["languages"]), here)
    console = Console(soft_wrap=True)
    console.print(table)
    for row in rows:
        console.print(f"  {row['id']}: {row['note']}", style="dim", highlight=False)


@app.command()
def pull(model: Model = catalogue.DEFAULT, json: Json = False) -> None:
    """Fetch a model, going on where an earlier pull stopped, and check its digest."""
    entry = catalogue.find(model, catalogue.load())
    with Meter() as meter:
        path = _store().pull(model, entry, say=meter.say, progress=meter.progress)
        meter.full()
    if json:
        _print_json({"id": model, "path": str(path), "sha256": entry.sha256, "size": entry.size})
    else:
        print(path)


@app.command()
def path(model: Model = catalogue.DEFAULT, json: Json = False) -> None:
    """Print the file of a model that is here."""
    found = _store().path(catalogue.find(model, catalogue.load()))
    if found is None:
        raise Refusal("model_unavailable", model=model, reason=f"It is not here. Fetch it: isthmus models pull {model}")
    if json:
        _print_json({"id": model, "path": str(found)})
    else:
        print(found)


@app.command()
def rm(model: Model, json: Json = False) -> None:
    """Delete a model and what was left of unfinished pulls."""
    freed = _store().remove(model, catalogue.find(model, catalogue.load()))
    if json:
        _print_json({"id": model, "freed_bytes": freed})
    else:
        print(f"Freed {freed / 1e6:,.0f} MB.")
