"""Where a house keeps its leases: in the accounts' database, or where `leases.url` beside them says (Valkey)."""

from __future__ import annotations

from pathlib import Path

from isthmus.ledger.accounts import Accounts
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.lease_valkey import ValkeyLeases
from isthmus.ledger.leases import Store


def open_store(home: Path, accounts: Accounts) -> Store:
    """The store of the house at `home`. Raises Refusal usage, StoreDownError."""
    told = home / "leases.url"
    if told.exists():
        return ValkeyLeases(told.read_text("utf-8").strip())
    return SqlLeases(accounts.database)
