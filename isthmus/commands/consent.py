"""List, give and revoke consents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.consent import Consent
from isthmus.ledger import consents
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.segments import Ledger

NAME = "consent"
SHARD = "cli"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_consents(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None, json: Json = False
) -> None:
    """Print every consent: to whom, for what, until when, and whether it still holds."""
    found = Accounts.open(config.load().accounts, SystemClock()).list_consents(tenant)
    if json:
        _print_json(found)
        return
    table = Table(box=None)
    table.add_column("id", no_wrap=True)
    for column in ("tenant", "kind", "recipient", "region", "feature", "scope", "until", "state"):
        table.add_column(column, overflow="fold")
    for each in found:
        state = "withdrawn" if each.withdrawn else "used" if each.used else "given"
        until = each.until.date().isoformat()
        kind, to = each.kind, each.recipient or "-"
        table.add_row(each.id, each.tenant, kind, to, each.region, each.feature, each.scope, until, state)
    Console().print(table)


@app.command()
def give(
    *,
    kind: Annotated[str, typer.Option(help="separate, sensitive, guardian or label_duty.")],
    region: Annotated[str, typer.Option(help="Region whose law asks for it, e.g. CN.")],
    recipient: Annotated[str, typer.Option(help="Id of the partner that receives the data; none for a guardian.")] = "",
    tenant: Annotated[str, typer.Option(help="Whose consent it is.")] = "default",
    feature: Annotated[str, typer.Option(help='One feature, or "*" for all.')] = "*",
    scope: Annotated[str, typer.Option(help="once or always.")] = "always",
    subject: Annotated[str, typer.Option(help="The person, as the tenant names them.")] = "",
    language: Annotated[str, typer.Option(help="Language of the sheet that was shown.")] = "en",
    days: Annotated[int, typer.Option(help="How long it holds, in days.", min=1, max=3650)] = 180,
    json: Json = False,
) -> None:
    """Record that a person agreed. The receipt in the ledger names the person by a commitment only."""
    clock = SystemClock()
    now = clock.now()
    until = now + timedelta(days=days)
    consent = Consent("", tenant, kind, recipient, region, feature, scope, subject, language, now, until)
    with _house() as (accounts, ledger):
        receipt = consents.give(accounts, ledger, consent, clock)
        ledger.flush()
    if json:
        _print_json({"consent": consent, "receipt": receipt.id})
        return
    print(f"Consent {consent.id} is given until {until.date()}. Receipt {receipt.id}.")


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="Id of the consent, as `isthmus consent list` prints it.")],
    json: Json = False,
) -> None:
    """Withdraw a consent. Streams that run under it end within a second."""
    with _house() as (accounts, ledger):
        receipt = consents.withdraw(accounts, ledger, id, SystemClock())
        ledger.flush()
    if json:
        _print_json({"id": id, "withdrawn": True, "receipt": receipt.id})
        return
    print(f"Consent {id} is withdrawn. Receipt {receipt.id}.")


@app.command()
def forget(
    subject: Annotated[str, typer.Argument(help="The person, as the tenant names them.")],
    tenant: Annotated[str, typer.Option(help="Whose person it is.")] = "default",
    json: Json = False,
) -> None:
    """Withdraw all that a person agreed to and erase the person. Receipts stay, and name nobody any more."""
    with _house() as (accounts, ledger):
        gone = consents.forget(accounts, ledger, tenant, subject, SystemClock())
        ledger.flush()
    if json:
        _print_json({"forgotten": True, "consents": gone})
        return
    print(f"The person is erased, and {gone} consents.")


@contextmanager
def _house() -> Iterator[tuple[Accounts, Ledger]]:
    """Accounts, and a ledger of the command line's own shard, closed (and signed) at the end."""
    places, clock = config.load(), SystemClock()
    ledger = Ledger.open(places.ledger, SHARD, clock)
    try:
        yield Accounts.open(places.accounts, clock), ledger
    finally:
        ledger.close()


def _print_json(document: Any) -> None:
    print(msgspec.json.encode(document).decode())
