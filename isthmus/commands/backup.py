"""Back up this house into one file, while it runs: accounts, ledger, consents, law, operator's facts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from isthmus.commands import _archive as archive
from isthmus.core import config
from isthmus.core.clock import SystemClock

NAME = "backup"


def command(
    file: Annotated[Path, typer.Argument(help="The file to write (.tar.gz). It holds keys' hashes: keep it private.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Back up this house into one file, while it runs: accounts, ledger, consents, law, operator's facts."""
    with Progress(console=Console(stderr=True), transient=True, disable=json) as bar:
        task = bar.add_task("backup", total=None)
        made = archive.write(
            config.load(), file, SystemClock(), lambda done, total: bar.update(task, completed=done, total=total)
        )
    if json:
        print(msgspec.json.encode(made).decode())
        return
    print(f"{file}: {len(made.files)} files, {made.bytes:,} bytes. Restore with: isthmus restore {file}")
