"""Numbered steps from an empty database to the newest schema; the folder is the registry.

A step is a file `mNNN_name.py` with `up(connection)` and `READS`, the oldest schema whose code may still use the
result: a step that only adds keeps it, so that nodes of two versions run side by side while they are replaced.
A step never imports `ledger.tables`: it says what was true on its day. Each runs once, in the transaction that notes it
(SQLite and PostgreSQL both undo half-made tables).
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa

from isthmus.core.errors import Refusal

_LOCK = 0x49737468  # "Isth": the advisory lock under which one node migrates and the others wait
_house = sa.table("house", sa.column("one"), sa.column("schema"), sa.column("revision"), sa.column("reads"))


def steps() -> list[ModuleType]:
    """All steps, first to newest. The number of a step is its place, from 1."""
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    return [import_module(f"{__name__}.{name}") for name in names]


def migrate(connection: sa.Connection) -> int:
    """Bring the database to the newest schema, inside the caller's transaction. The schema it has then.

    Others who want the same wait. Raises Refusal data_damaged when a newer Isthmus made it and this one cannot use it.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    todo = steps()
    found = _schema(connection)
    if found > len(todo):
        _meet_newer(connection, found, len(todo))
        return found
    for number, step in enumerate(todo[found:], found + 1):
        step.up(connection)
        note = _house.update().values(schema=number)
        if number == 1:
            note = _house.insert().values(one=1, schema=1, revision=0)  # type: ignore[assignment]
        elif number > 1:
            note = note.values(reads=step.READS)
        connection.execute(note)
    return len(todo)


def _schema(connection: sa.Connection) -> int:
    if not sa.inspect(connection).has_table("house"):
        return 0
    return int(connection.execute(sa.select(_house.c.schema)).scalar_one_or_none() or 0)


def _meet_newer(connection: sa.Connection, found: int, known: int) -> None:
    if int(connection.execute(sa.select(_house.c.reads)).scalar_one()) > known:
        reason = f"The accounts have schema {found}; this Isthmus reads schema {known}. Install the one that made them."
        raise Refusal("data_damaged", reason=reason)
