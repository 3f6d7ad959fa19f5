"""Show the receipt of one answer, and prove it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.ledger import proof, read
from isthmus.ledger.receipt import decode

NAME = "receipt"

app = typer.Typer(no_args_is_help=True)


@app.callback()
def receipts() -> None:
    """Receipts say how an answer was made, and hold nothing of what was said."""


@app.command()
def show(
    id: Annotated[str, typer.Argument(help="Id of the receipt, as the answer carried it.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print one receipt, where it lies in the ledger, and its leaf in the Merkle tree."""
    place, payload = read.locate(config.load().ledger, id)
    entry = msgspec.to_builtins(decode(payload))
    where = place._asdict()
    if json:
        print(msgspec.json.encode({"receipt": entry, "ledger": where}).decode())
        return
    table = Table(box=None, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in [*entry.items(), *where.items()]:
        table.add_row(name, _plain(value))
    Console().print(table)


@app.command()
def prove(
    id: Annotated[str, typer.Argument(help="Id of the receipt, as the answer carried it.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the proof that a receipt is in the ledger: two Merkle paths and the node's signature."""
    made = proof.prove(config.load().ledger, id)
    if json:
        print(msgspec.json.encode(made).decode())
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(made.payload, markup=False)
    for step in (made.shard, made.node):
        if step is None:
            console.print("\nThe node's log has not taken the shard's checkpoint in yet. Ask again in a second.")
            continue
        console.print(
            f"\nentry {step.number}",
            f"chain {step.chain}",
            f"leaf  {step.leaf}",
            *(f"  with {each}" for each in step.path),
            sep="\n",
        )
        console.print(f"\n{step.checkpoint}", markup=False)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
