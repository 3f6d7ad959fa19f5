"""Accounts copied from one database into another: every row, other rooms' tables too, and never over what is there."""

from __future__ import annotations

from contextlib import closing

import pytest
import sqlalchemy as sa

from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.accounts_copy import copy, known
from isthmus.ledger.database import Database

KINDS = ["sqlite", "postgresql"]


@pytest.fixture
def url(request, tmp_path):
    """A function that gives the URL of a new, empty database of a kind."""
    made = []

    def new(kind):
        made.append(kind)
        return (
            f"sqlite:///{tmp_path}/{len(made)}.sqlite"
            if kind == "sqlite"
            else request.getfixturevalue("postgres").new()
        )

    return new


def rows(database):
    with database.engine.connect() as connection:
        found = known(connection)
        return {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in found.sorted_tables}


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_every_row_of_every_table_arrives(url, clock, source, target):
    with closing(Accounts(url(source), b"p" * 32, clock)) as old, closing(Database(url(target))) as new:
        for number in range(3):
            old.create_key(f"t{number}", ("CN", "EU"), "EU", consents=("c",))
        others = sa.Table(
            "others", sa.MetaData(), sa.Column("id", sa.String(8), primary_key=True),
            sa.Column("words", sa.JSON), sa.Column("bytes", sa.LargeBinary), sa.Column("at", sa.BigInteger),
        )  # fmt: skip
        with old.database.engine.begin() as connection:
            others.create(connection)
            row = {"id": "x", "words": ["日本", 1], "bytes": b"\0\xff", "at": 1 << 60}
            connection.execute(others.insert().values(**row))
        counted = copy(old.database, new)
        assert rows(new) == rows(old.database)
        assert counted == sum(map(len, rows(new).values()))
        assert new.version() == old.version()


def test_a_database_in_use_is_left_alone(url, clock):
    with closing(Database(url("sqlite"))) as old, closing(Accounts(url("sqlite"), b"p" * 32, clock)) as used:
        used.create_key("theirs", ("CN",), "CN")
        before = rows(used.database)
        with pytest.raises(Refusal) as refusal:
            copy(old, used.database)
        assert refusal.value.code == "usage"
        assert rows(used.database) == before
