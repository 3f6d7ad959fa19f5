"""Leases in the accounts' own database: SQLite where there is one machine, PostgreSQL where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import sqlalchemy as sa

from isthmus.ledger.database import Database
from isthmus.ledger.leases import KEEP_MS, TTL_MS, Claim, Held, Level, Standing, StoreDownError, decide
from isthmus.ledger.tables import counters as _counters
from isthmus.ledger.tables import leases as _leases


class SqlLeases:
    """A Store over tables `counters` and `leases`. A call's claims are met in one transaction, durable at its end."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._sqlite = self._engine.dialect.name == "sqlite"

    def settle(self, holder: str, claims: Sequence[Claim], now_ms: int) -> list[Standing]:
        """Meet claims, each on its own."""
        # Rows are locked in one order by everybody, so that two nodes never wait for each other.
        order = sorted(range(len(claims)), key=lambda place: claims[place][:2])
        standings = [Standing(0, 0)] * len(claims)
        try:
            with self._engine.begin() as connection:
                if self._sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                for place in order:
                    standings[place] = self._meet(connection, holder, claims[place], now_ms)
        except sa.exc.SQLAlchemyError as error:
            raise StoreDownError(type(error).__name__) from None
        return standings

    def held_by(self, holder: str) -> list[Held]:
        """Every open lease of a holder."""
        words = (_leases.c.budget, _leases.c.starts, _leases.c.slot, _leases.c.granted, _leases.c.used)
        return [Held(*row) for row in self._read(sa.select(*words).where(_leases.c.holder == holder))]

    def level(self, budget: str, starts: int, now_ms: int) -> Level:
        """Where one window of a budget stands."""
        here = (_counters.c.budget == budget) & (_counters.c.starts == starts)
        rows = self._read(sa.select(_counters.c.taken).where(here))
        there = (_leases.c.budget == budget) & (_leases.c.starts == starts) & (_leases.c.expires > now_ms)
        total = sa.func.coalesce(sa.func.sum(_leases.c.granted - _leases.c.used), 0)
        reserved = int(self._read(sa.select(total).where(there))[0][0])
        if not starts:
            total = sa.func.coalesce(sa.func.sum(_leases.c.used), 0)
            return Level(int(self._read(sa.select(total).where(there))[0][0]), reserved)
        return Level((rows[0].taken if rows else 0) - reserved, reserved)

    def tidy(self, now_ms: int) -> None:
        """Drop what belongs to windows that ended a day ago."""
        old = (_counters.c.ends > 0) & (_counters.c.ends * 1000 < now_ms - KEEP_MS)
        gone = sa.select(_counters.c.budget, _counters.c.starts).where(old)
        try:
            with self._engine.begin() as connection:
                for row in connection.execute(gone.limit(10_000)).all():
                    for table in (_leases, _counters):
                        here = (table.c.budget == row.budget) & (table.c.starts == row.starts)
                        connection.execute(table.delete().where(here))
        except sa.exc.SQLAlchemyError as error:
            raise StoreDownError(type(error).__name__) from None

    def close(self) -> None:
        """The database is the accounts' own, and closed by them."""

    def _meet(self, connection: sa.Connection, holder: str, claim: Claim, now_ms: int) -> Standing:
        here = (_counters.c.budget == claim.budget) & (_counters.c.starts == claim.starts)
        taken, settled = self._counter(connection, claim, here)
        if not claim.starts:
            taken -= self._free_expired(connection, holder, claim, now_ms)
        mine = (_leases.c.budget == claim.budget) & (_leases.c.starts == claim.starts) & (_leases.c.holder == holder)
        lease = connection.execute(sa.select(_leases.c.granted).where(mine)).first()
        granted = 0 if lease is None else lease.granted
        if claim.closes:
            if lease is None:  # closed before, and the answer was lost
                return Standing(0, claim.limit - taken)
            spent = claim.used if claim.starts else 0
            taken, settled = taken + spent - granted, settled + spent
            connection.execute(_leases.delete().where(mine))
            connection.execute(_counters.update().where(here).values(taken=taken, settled=settled))
            return Standing(0, claim.limit - taken)
        new = decide(claim, granted, taken)
        taken += new - granted
        fresh = {"granted": new, "used": claim.used, "slot": claim.slot, "expires": now_ms + TTL_MS}
        if lease is None:
            row = {"budget": claim.budget, "starts": claim.starts, "holder": holder} | fresh
            connection.execute(_leases.insert().values(**row))
        else:
            connection.execute(_leases.update().where(mine).values(**fresh))
        connection.execute(_counters.update().where(here).values(taken=taken))
        return Standing(new, claim.limit - taken)

    def _counter(self, connection: sa.Connection, claim: Claim, here: sa.ColumnElement[bool]) -> tuple[int, int]:
        """`taken` and `settled` of the claim's window, locked; made when it is new."""
        find = sa.select(_counters.c.taken, _counters.c.settled).where(here).with_for_update()
        row = connection.execute(find).first()
        if row is None:
            fresh = {"budget": claim.budget, "starts": claim.starts, "ends": claim.ends, "taken": 0, "settled": 0}
            # Only the dialect that is spoken is read: the other one takes 3 MB.
            insert = import_module(f"sqlalchemy.dialects.{self._engine.dialect.name}").insert
            connection.execute(insert(_counters).values(**fresh).on_conflict_do_nothing())
            row = connection.execute(find).one()
        return row.taken, row.settled

    def _free_expired(self, connection: sa.Connection, holder: str, claim: Claim, now_ms: int) -> int:
        """Slots whose holder is gone are free; how many."""
        gone = (_leases.c.budget == claim.budget) & (_leases.c.starts == 0) & (_leases.c.expires <= now_ms)
        gone &= _leases.c.holder != holder
        total = sa.select(sa.func.coalesce(sa.func.sum(_leases.c.granted), 0)).where(gone)
        freed = int(connection.execute(total).scalar_one())
        if freed:
            connection.execute(_leases.delete().where(gone))
        return freed

    def _read(self, query: sa.Select[Any]) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except sa.exc.SQLAlchemyError as error:
            raise StoreDownError(type(error).__name__) from None
