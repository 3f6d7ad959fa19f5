"""Keys, consents, people."""

from __future__ import annotations

import sqlalchemy as sa

READS = 1


def up(connection: sa.Connection) -> None:
    """Make the first tables."""
    tables = sa.MetaData()
    sa.Table(
        "house",
        tables,
        sa.Column("one", sa.Integer, primary_key=True),
        sa.Column("schema", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    sa.Table(
        "keys",
        tables,
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("regions", sa.JSON, nullable=False),
        sa.Column("region", sa.String(16), nullable=False),
        sa.Column("age", sa.String(16), nullable=False),
        sa.Column("consents", sa.JSON, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
    )
    sa.Table(
        "consents",
        tables,
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("tenant", sa.String(64), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("recipient", sa.String(64), nullable=False),
        sa.Column("region", sa.String(16), nullable=False),
        sa.Column("feature", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("given_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger),
        sa.Column("used_at", sa.BigInteger),
    )
    sa.Table(
        "people",
        tables,
        sa.Column("tenant", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(200), primary_key=True),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
    )
    # A database may be half made by hand or by an old version: what is there stays.
    tables.create_all(connection)
