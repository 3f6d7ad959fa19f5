"""The tables of accounts, budgets and leases, as they stand after the newest migration. No SQL is built from text."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

house = sa.Table(
    "house",
    metadata,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("reads", sa.Integer, nullable=False, server_default="1"),
)
keys = sa.Table(
    "keys",
    metadata,
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
consents = sa.Table(
    "consents",
    metadata,
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
people = sa.Table(
    "people",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
)
organisations = sa.Table(
    "organisations",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)
tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("organisation", sa.String(64), sa.ForeignKey("organisations.id"), nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)
budgets = sa.Table(
    "budgets",
    metadata,
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
# One row per budget and window: `taken` is never above the limit; it is `settled` and all that leases hold.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("budget", sa.String(64), primary_key=True),
    sa.Column("starts", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ends", sa.BigInteger, nullable=False),
    sa.Column("taken", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.BigInteger, nullable=False),
)
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("budget", sa.String(64), primary_key=True),
    sa.Column("starts", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String(64), primary_key=True),
    sa.Column("slot", sa.Integer, nullable=False),
    sa.Column("granted", sa.BigInteger, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sa.Index("ix_leases_holder", "holder"),
)
