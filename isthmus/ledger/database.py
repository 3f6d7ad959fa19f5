"""The one database of a house: SQLite in WAL mode on one machine, PostgreSQL for many nodes.

It says whether anything changed by one number, `revision`, which every change of accounts raises in its own
transaction; leases do not raise it. Beside the SQLite file's place lie, readable by their owner only, the pepper of the
keys (`accounts.pepper`) and, where there are many nodes, the address of the common database (`accounts.url`).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from isthmus.core.errors import Refusal
from isthmus.ledger import tables
from isthmus.ledger.accounts_bell import Bell, strike
from isthmus.ledger.migrations import migrate
from isthmus.ledger.once import write_once

# A paused or lost server must cost a worker seconds, not minutes: what is known goes on to hold meanwhile.
_POSTGRES: dict[str, Any] = {
    "connect_timeout": 5,
    "options": "-c statement_timeout=5000 -c lock_timeout=5000 -c timezone=UTC",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}


class Database:
    """An engine whose schema is the newest. Methods run a transaction each."""

    def __init__(self, url: str) -> None:
        """`url` in SQLAlchemy's form. Migrates. Raises Refusal data_damaged, or usage when a driver is missing."""
        self.engine = _engine(url)
        self._bells: list[Bell] = []
        try:
            with self.engine.begin() as connection:
                migrate(connection)
        except sa.exc.DatabaseError as error:
            self.engine.dispose()
            # The driver's own words may hold an address or a password, so only its kind is told.
            raise Refusal("data_damaged", reason=f"The accounts cannot be read ({type(error).__name__}).") from None
        except Refusal:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Let go of every connection."""
        for bell in self._bells:
            bell.close()
        self.engine.dispose()

    def version(self) -> int:
        """A number that changes whenever anybody writes accounts. One row is read."""
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(tables.house.c.revision)).scalar_one())

    def rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        """All rows of a query."""
        with self.engine.connect() as connection:
            return connection.execute(query).all()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One change of accounts. Only one is under way at a time: the others wait for the row of the house."""
        with self.engine.begin() as connection:
            connection.execute(tables.house.update().values(revision=tables.house.c.revision + 1))
            strike(connection)
            yield connection

    def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring`, from another thread, whenever accounts were written, until `close`. In SQLite nothing rings."""
        if self.engine.dialect.name == "postgresql":
            words, named = self.engine.dialect.create_connect_args(self.engine.url)
            connect = partial(self.engine.dialect.connect, *words, **{**named, **_POSTGRES})
            self._bells.append(Bell(connect, ring))


def address(path: Path) -> str:
    """The database's URL for a house whose SQLite file is, or would be, `path`: `accounts.url` beside it wins."""
    told = path.with_suffix(".url")
    return told.read_text("utf-8").strip() if told.exists() else f"sqlite:///{path}"


def pepper(path: Path) -> bytes:
    """The pepper's 32 bytes for the house at `path`; made at first use. Every node of a house needs the same."""
    place = path.with_suffix(".pepper")
    if not place.exists():
        write_once(place, secrets.token_bytes(32), 0o600)
    return place.read_bytes()


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(parsed, connect_args=_POSTGRES, pool_pre_ping=True, pool_size=4, max_overflow=4)
        engine = sa.create_engine(parsed)
    except ModuleNotFoundError as error:
        raise Refusal("usage", reason=f"{error.name} is missing. Install isthmus[postgres].") from None
    except sa.exc.ArgumentError:
        raise Refusal("usage", reason="accounts.url holds no database URL, such as postgresql://host/name.") from None
    sa.event.listen(engine, "connect", _tune)
    return engine


def _tune(connection: Any, _record: object) -> None:
    """WAL lets workers read while one writes; a writer waits for another instead of failing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
