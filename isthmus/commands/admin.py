"""Run the house from the command line: people who may, the counters' pictures and alarms, the API's description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.ledger.accounts import Accounts
from isthmus.web.admin import openapi
from isthmus.web.admin.alarms import alarms, dashboard
from isthmus.web.admin.api import OPERATIONS
from isthmus.web.admin.store import Store

NAME = "admin"

app = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def admin() -> None:
    """Run the house: people who may, the counters' pictures and alarms, the API's description."""


@app.command("people")
def list_people(json: Json = False) -> None:
    """Print everybody who runs the house; never their tokens."""
    people = _store().people()
    if json:
        print(msgspec.json.encode(people).decode())
        return
    table = Table(box=None)
    for column in ("id", "name", "role", "organisation", "made", "revoked"):
        table.add_column(column)
    for each in people:
        table.add_row(each.id, each.name, each.role, each.organisation or "-", each.made_at, each.revoked_at or "-")
    Console().print(table)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who they are.")],
    role: Annotated[str, typer.Option(help="owner, operator, auditor or developer.")] = "developer",
    organisation: Annotated[str, typer.Option(help="Only this organisation's tenants. Default: the whole house.")] = "",
    json: Json = False,
) -> None:
    """Add a person. Their token is printed once and kept nowhere."""
    person, token = _store().add_person(name, role, organisation)
    if json:
        print(msgspec.json.encode({"person": person, "token": token}).decode())
        return
    print(token)
    Console(stderr=True).print(f"{person.name} ({person.id}) is {person.role}. Keep the token: it is not shown again.")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="Id, as `isthmus admin people` prints it.")], json: Json = False
) -> None:
    """End a person's token and sessions."""
    person = _store().revoke_person(id)
    print(msgspec.json.encode(person).decode() if json else f"{person.name} is out.")


@app.command("openapi")
def describe() -> None:
    """Print the admin API's description (OpenAPI 3.1)."""
    print(msgspec.json.format(msgspec.json.encode(openapi.document(OPERATIONS)), indent=2).decode())


@app.command("monitoring")
def write_monitoring(
    folder: Annotated[Path, typer.Argument(help="Where the two files go.")] = Path("deploy/monitoring"),
    json: Json = False,
) -> None:
    """Write the Grafana dashboard and the Prometheus alert rules."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {"dashboard.json": dashboard(), "alerts.yml": alarms()}
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    print(msgspec.json.encode(sorted(written)).decode() if json else f"{len(written)} files in {folder}")


def _store() -> Store:
    clock = SystemClock()
    accounts = Accounts.open(config.load().accounts, clock)
    return Store(accounts.database.engine, accounts.keyed, clock)
