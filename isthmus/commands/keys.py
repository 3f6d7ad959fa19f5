"""Make, list and revoke the keys that callers show."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.decision import age_band
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts

NAME = "keys"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def create(
    *,
    region: Annotated[str, typer.Option(help="Region that this key asks from, e.g. CN, EU, US-CA.")],
    tenant: Annotated[str, typer.Option(help="Whose key it is.")] = "default",
    also: Annotated[
        list[str] | None, typer.Option(help="Another region that this key may ask for. Repeatable.")
    ] = None,
    age: Annotated[str, typer.Option(help="Age in years or age band of everyone behind this key.")] = "unknown",
    consent: Annotated[
        list[str] | None, typer.Option(help="Id of a consent that stands for every request of this key. Repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key. Its secret is printed once and kept nowhere."""
    regions = list(dict.fromkeys([region, *(also or [])]))
    try:
        band = age_band(age)
    except ValueError as error:
        raise Refusal("bad_field", field="age", reason=str(error)) from None
    caller, secret = _accounts().create_key(tenant, regions, region, band, consent or [])
    if json:
        document = {"id": caller.key_id, "tenant": tenant, "regions": regions, "region": region, "key": secret}
        print(msgspec.json.encode(document).decode())
        return
    print(secret)
    Console(stderr=True).print(f"Key {caller.key_id} for {tenant}, region {region}. Keep it: it is not shown again.")


@app.command("list")
def list_keys(json: Json = False) -> None:
    """Print every key: never its secret."""
    keys = _accounts().list_keys()
    if json:
        print(msgspec.json.encode(keys).decode())
        return
    table = Table(box=None)
    table.add_column("id", no_wrap=True)
    for column in ("tenant", "region", "may ask for", "age", "consents", "made", "revoked"):
        table.add_column(column, overflow="fold")
    for key in keys:
        regions, consents = ", ".join(key.regions), ", ".join(key.consents)
        table.add_row(key.id, key.tenant, key.region, regions, key.age, consents, key.made_at, key.revoked_at or "-")
    Console().print(table)


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="Id of the key, as `isthmus keys list` prints it.")], json: Json = False
) -> None:
    """Revoke a key. Streams that run under it end within a second."""
    _accounts().revoke_key(id)
    if json:
        print(msgspec.json.encode({"id": id, "revoked": True}).decode())
        return
    print(f"Key {id} is revoked.")


def _accounts() -> Accounts:
    return Accounts.open(config.load().accounts, SystemClock())
