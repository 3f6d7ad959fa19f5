"""What the admin API keeps beside the accounts, in the same database: people, sessions, drained partners (and,
in law.py, nodes and versions of the law). SQLAlchemy Core; no SQL is built from text.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import msgspec
import sqlalchemy as sa

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.web.admin.access import ROLES, TOKEN, Person, Session

SESSION_MS = 8 * 3600 * 1000
_LOCK = 0x41646D69  # "Admi": the advisory lock under which one node makes the tables
metadata = sa.MetaData()
_people = sa.Table(
    "admin_people",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("organisation", sa.String(64), nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
)
_sessions = sa.Table(
    "admin_sessions",
    metadata,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("person", sa.String(16), nullable=False),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
)
_drains = sa.Table(
    "drained_partners",
    metadata,
    sa.Column("partner", sa.String(64), primary_key=True),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(16), nullable=False),
)


class Drain(msgspec.Struct, frozen=True):
    """A partner that is asked only where nobody else may answer."""

    partner: str
    since: str
    by: str


class Store:
    """People and what they run. Methods run a transaction each; none is for the hot path."""

    def __init__(self, engine: sa.Engine, keyed: Callable[[], blake2b], clock: Clock) -> None:
        """`engine` speaks to the accounts' database, `keyed` is a fresh hash under the accounts' pepper."""
        self.engine = engine
        self._keyed = keyed
        self._clock = clock
        create(engine)

    # people

    def add_person(self, name: str, role: str, organisation: str = "") -> tuple[Person, str]:
        """A new person and their token, which nobody can show again. Raises Refusal bad_field."""
        if role not in ROLES:
            raise Refusal("bad_field", field="role", reason="one of " + ", ".join(ROLES))
        id = secrets.token_hex(4)
        secret = f"{TOKEN}{id}_{secrets.token_urlsafe(32)}"
        row = {
            "id": id, "name": name, "role": role, "organisation": organisation,
            "hash": self._hash(secret), "made_at": self._clock.epoch_ms(),
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(_people.insert().values(**row))
        return self.person(id), secret

    def admit(self, who: str, name: str, role: str, organisation: str) -> Person:
        """The person whom an identity provider knows as `who`, with the role they have there now.

        They have no token. Without a role ("") they lose every session; whom an owner revoked stays out.
        """
        id = self._hash(who).hex()[:16]
        known = _people.c.id == id
        values = {"name": name, "role": role or "none", "organisation": organisation}
        with self.engine.begin() as connection:
            if connection.execute(sa.select(_people.c.id).where(known)).first() is not None:
                connection.execute(_people.update().where(known).values(**values))
            elif role:
                fresh = {"id": id, "hash": secrets.token_bytes(32), "made_at": self._clock.epoch_ms()}
                connection.execute(_people.insert().values(**fresh, **values))
            else:
                return Person(id, name, "none", organisation)
            if not role:
                connection.execute(_sessions.delete().where(_sessions.c.person == id))
        return self.person(id)

    def person(self, id: str) -> Person:
        """Raises Refusal unknown_object."""
        row = self._one(sa.select(_people).where(_people.c.id == id))
        if row is None:
            raise Refusal("unknown_object", kind="person", id=id)
        return _person(row)

    def people(self) -> list[Person]:
        """Everybody, oldest first."""
        return [_person(row) for row in self._all(sa.select(_people).order_by(_people.c.made_at, _people.c.id))]

    def revoke_person(self, id: str) -> Person:
        """End a person's token and sessions. The last owner stays. Raises Refusal unknown_object, not_now."""
        person = self.person(id)
        owners = [each for each in self.people() if each.role == "owner" and not each.revoked_at]
        if [each.id for each in owners] == [id]:
            raise Refusal("not_now", reason="this is the last owner. Make another one first.")
        with self.engine.begin() as connection:
            living = (_people.c.id == id) & _people.c.revoked_at.is_(None)
            connection.execute(_people.update().where(living).values(revoked_at=self._clock.epoch_ms()))
            connection.execute(_sessions.delete().where(_sessions.c.person == person.id))
        return self.person(id)

    def by_token(self, secret: str) -> Person | None:
        """Whose living token this is."""
        row = self._one(sa.select(_people).where(_people.c.hash == self._hash(secret), _people.c.revoked_at.is_(None)))
        return None if row is None else _person(row)

    # sessions

    def open_session(self, person: Person) -> tuple[Session, str]:
        """A new session and its secret."""
        secret, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
        now = self._clock.epoch_ms()
        until = now + SESSION_MS
        with self.engine.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.until <= now))
            row = {"hash": self._hash(secret), "person": person.id, "csrf": csrf, "until": until}
            connection.execute(_sessions.insert().values(**row))
        return Session(person, csrf, until), secret

    def by_session(self, secret: str) -> Session | None:
        """The living session of this secret."""
        joined = _sessions.join(_people, _people.c.id == _sessions.c.person)
        living = (_sessions.c.until > self._clock.epoch_ms()) & _people.c.revoked_at.is_(None)
        query = sa.select(_sessions.c.csrf, _sessions.c.until, _people).select_from(joined)
        row = self._one(query.where(_sessions.c.hash == self._hash(secret), living))
        return None if row is None else Session(_person(row), row.csrf, row.until)

    def close_session(self, secret: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(_sessions.delete().where(_sessions.c.hash == self._hash(secret)))

    # drained partners

    def drain(self, partner: str, by: str) -> None:
        """Note that a partner is drained; a second time changes nothing."""
        with self.engine.begin() as connection:
            if connection.execute(sa.select(_drains).where(_drains.c.partner == partner)).first() is None:
                values = {"partner": partner, "since": self._clock.epoch_ms(), "by": by}
                connection.execute(_drains.insert().values(**values))

    def undrain(self, partner: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(_drains.delete().where(_drains.c.partner == partner))

    def drains(self) -> list[Drain]:
        return [Drain(row.partner, iso(row.since), row.by) for row in self._all(sa.select(_drains))]

    def _hash(self, secret: str) -> bytes:
        keyed = self._keyed()
        keyed.update(secret.encode())
        return keyed.digest()

    def _all(self, query: sa.Select[Any]) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(query).all())

    def _one(self, query: sa.Select[Any]) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(query).first()


def create(engine: sa.Engine) -> None:
    """Make the tables that are missing; nodes that start together wait for one another."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        metadata.create_all(connection)


def _person(row: Any) -> Person:
    return Person(row.id, row.name, row.role, row.organisation, iso(row.made_at), iso(row.revoked_at or 0))


def iso(ms: int) -> str:
    """A time as ISO 8601 in UTC, "" for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ms else ""
