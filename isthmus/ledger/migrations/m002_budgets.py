"""Organisations, tenants, budgets, and the counters and leases that keep budgets exact."""

from __future__ import annotations

import sqlalchemy as sa

READS = 1  # it only adds: code of schema 1 that allows for newer ones goes on
_FIRST = "default"  # whose the tenants are that existed before organisations did


def up(connection: sa.Connection) -> None:
    """Add the tables; every tenant that has a key becomes one of the first organisation."""
    connection.exec_driver_sql("ALTER TABLE house ADD COLUMN reads INTEGER DEFAULT 1 NOT NULL")
    tables = sa.MetaData()
    organisations = sa.Table(
        "organisations",
        tables,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    tenants = sa.Table(
        "tenants",
        tables,
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("organisation", sa.String(64), sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    sa.Table(
        "budgets",
        tables,
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("unit", sa.String(16), nullable=False),
        sa.Column("span", sa.String(8), nullable=False),
        sa.Column("most", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("scope", "target", "subject", "unit", "span", "currency", name="one_budget_each"),
    )
    sa.Table(
        "counters",
        tables,
        sa.Column("budget", sa.String(64), primary_key=True),
        sa.Column("starts", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ends", sa.BigInteger, nullable=False),
        sa.Column("taken", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.BigInteger, nullable=False),
    )
    sa.Table(
        "leases",
        tables,
        sa.Column("budget", sa.String(64), primary_key=True),
        sa.Column("starts", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("holder", sa.String(64), primary_key=True),
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Index("ix_leases_holder", "holder"),
    )
    tables.create_all(connection)
    keys = sa.table("keys", sa.column("tenant"), sa.column("made_at"))
    first = sa.select(keys.c.tenant, sa.func.min(keys.c.made_at)).group_by(keys.c.tenant)
    found = connection.execute(first).all()
    if found:
        begun = min(made_at for _, made_at in found)
        connection.execute(organisations.insert().values(id=_FIRST, made_at=begun))
        rows = [{"id": tenant, "organisation": _FIRST, "made_at": made_at} for tenant, made_at in found]
        connection.execute(tenants.insert(), rows)
