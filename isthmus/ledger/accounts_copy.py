"""All rows of one accounts database into another, whichever of SQLite and PostgreSQL they are: for backup and restore.

Read in one snapshot while others go on writing (REPEATABLE READ; SQLite's own transaction). Tables that other rooms
keep in the same database come along: they are read off the source, with types that both understand.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from isthmus.core.errors import Refusal
from isthmus.ledger import tables
from isthmus.ledger.database import Database

CHUNK = 1000


def copy(source: Database, target: Database) -> int:
    """Copy everything into a database that nobody has used yet; how many rows. Raises Refusal usage."""
    if target.version() or target.rows(sa.select(tables.keys.c.id).limit(1)):
        raise Refusal("usage", reason="The database that accounts should go to is in use. Name an empty one.")
    snapshot = {} if source.engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    rows = 0
    with source.engine.connect().execution_options(**snapshot) as old, target.engine.begin() as new:
        everything = known(old)
        everything.create_all(new)
        for table in reversed(everything.sorted_tables):
            new.execute(table.delete())
        for table in everything.sorted_tables:
            for part in old.execute(sa.select(table)).mappings().partitions(CHUNK):
                new.execute(table.insert(), [dict(row) for row in part])
                rows += len(part)
    return rows


def known(connection: sa.Connection) -> sa.MetaData:
    """Every table of the database: those of this room as they are declared, the others as they are found."""
    found = sa.MetaData()
    for table in tables.metadata.sorted_tables:
        table.to_metadata(found)

    def plain(_inspector: object, _table: object, column: dict[str, Any]) -> None:
        column["type"] = column["type"].as_generic()
        column.pop("default", None)  # every row is written whole, and a default is said in its database's own words

    sa.event.listen(found, "column_reflect", plain)
    found.reflect(connection)
    return found
