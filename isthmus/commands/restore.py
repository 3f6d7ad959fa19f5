"""Restore a house from a backup file into an empty home, and prove that it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from isthmus.commands import _archive as archive
from isthmus.core import config

NAME = "restore"


def command(
    file: Annotated[Path, typer.Argument(help="What `isthmus backup` wrote.")],
    database: Annotated[str, typer.Option(help="URL of an empty PostgreSQL database for the accounts.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Restore a house from a backup file into an empty home, and prove that it is whole."""
    home = config.load().home
    found = archive.restore(file, home, database)
    if json:
        print(msgspec.json.encode(found).decode())
        return
    print(f"{home}: {len(found.files)} files restored, each as it was; the ledger is sound ({found.entries} entries).")
