"""Accounts: who may ask (keys), and what people agreed to (consents). SQLite in WAL mode, or any database that
SQLAlchemy Core speaks to; no SQL is built from text.

A key's secret is shown once, when it is made; what is kept is its BLAKE2b hash under a pepper that lies beside the
database in a file of its own. Every write raises `revision` in the same transaction, so that workers can ask cheaply
whether anything changed.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from isthmus.core.clock import Clock
from isthmus.core.consent import KINDS, Consent
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.ledger.once import write_once

SCHEMA = 1
_metadata = sa.MetaData()
_house = sa.Table(
    "house",
    _metadata,
    sa.Column("one", sa.Integer, primary_key=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
)
_keys = sa.Table(
    "keys",
    _metadata,
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
_consents = sa.Table(
    "consents",
    _metadata,
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
_people = sa.Table(
    "people",
    _metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(200), primary_key=True),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
)


class Key(msgspec.Struct, frozen=True):
    """One key as a list shows it: never the secret. Times are ISO 8601 in UTC; `revoked_at` is "" while it lives."""

    id: str
    tenant: str
    regions: tuple[str, ...]
    region: str
    age: str
    consents: tuple[str, ...]
    made_at: str
    revoked_at: str


class Accounts:
    """The accounts of one house. Methods run a transaction each; none is for the hot path."""

    def __init__(self, url: str, pepper: bytes, clock: Clock) -> None:
        """`url` in SQLAlchemy's form, `pepper` 32 secret bytes. Makes the tables. Raises Refusal data_damaged."""
        self._pepper = pepper
        self._clock = clock
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _tune)
        try:
            with self._engine.begin() as connection:
                if self._engine.dialect.name == "sqlite":
                    # Workers start together: one makes the tables, the others wait for it.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                _metadata.create_all(connection)
                self._meet_schema(connection)
        except sa.exc.DatabaseError as error:
            raise Refusal("data_damaged", reason=f"The accounts cannot be read ({type(error).__name__}).") from error

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Accounts:
        """Accounts in the SQLite file `path`; it and its pepper (`<name>.pepper`) are made when they are missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(f"sqlite:///{path}", _pepper(path.with_suffix(".pepper")), clock)

    def close(self) -> None:
        self._engine.dispose()

    def keyed(self) -> blake2b:
        """A fresh hash under the pepper; update it with a key's bytes."""
        return blake2b(key=self._pepper, digest_size=32)

    def version(self) -> int:
        """A number that changes whenever anybody writes. One row is read."""
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(_house.c.revision)).scalar_one())

    # keys

    def create_key(
        self, tenant: str, regions: Sequence[str], region: str, age: str = "unknown", consents: Sequence[str] = ()
    ) -> tuple[Caller, str]:
        """A new key: its caller, and the secret, which nobody can show again. `region` is one of `regions`."""
        if region not in regions:
            raise Refusal("region_not_allowed", region=region, known=", ".join(regions))
        key_id = secrets.token_hex(4)
        secret = f"isk_{key_id}_{secrets.token_urlsafe(32)}"
        row = {
            "id": key_id,
            "hash": self._hash(secret),
            "tenant": tenant,
            "regions": list(regions),
            "region": region,
            "age": age,
            "consents": list(consents),
            "made_at": self._now(),
        }
        with self._writing() as connection:
            connection.execute(_keys.insert().values(**row))
        return Caller(key_id, tenant, tuple(regions), region, age=age, consents=tuple(consents)), secret

    def list_keys(self) -> list[Key]:
        """Every key, oldest first."""
        return [
            Key(
                row.id,
                row.tenant,
                tuple(row.regions),
                row.region,
                row.age,
                tuple(row.consents),
                _iso(row.made_at),
                _iso(row.revoked_at),
            )
            for row in self._rows(sa.select(_keys).order_by(_keys.c.made_at, _keys.c.id))
        ]

    def callers(self) -> Iterable[tuple[bytes, Caller]]:
        """Every key's hash and its caller, revoked ones too."""
        for row in self._rows(sa.select(_keys)):
            since = _iso(row.revoked_at)
            regions, consents = tuple(row.regions), tuple(row.consents)
            yield row.hash, Caller(row.id, row.tenant, regions, row.region, bool(since), since[:10], row.age, consents)

    def revoke_key(self, id: str) -> None:
        """Revoke a key, now; a second time changes nothing. Raises Refusal unknown_key."""
        with self._writing() as connection:
            if connection.execute(sa.select(_keys.c.id).where(_keys.c.id == id)).first() is None:
                raise Refusal("unknown_key", id=id)
            living = (_keys.c.id == id) & _keys.c.revoked_at.is_(None)
            connection.execute(_keys.update().where(living).values(revoked_at=self._now()))

    # consents

    def check_consent(self, consent: Consent) -> None:
        """Fill an empty `id`. Raises Refusal bad_field for a kind or scope that does not exist."""
        if consent.kind not in KINDS:
            raise Refusal("bad_field", field="kind", reason="it is one of " + ", ".join(KINDS))
        if consent.scope not in ("once", "always"):
            raise Refusal("bad_field", field="scope", reason="it is once or always")
        for field, longest in _LONGEST.items():
            if len(getattr(consent, field)) > longest:
                raise Refusal("bad_field", field=field, reason=f"it has at most {longest} characters")
            if not getattr(consent, field).isprintable():
                raise Refusal("bad_field", field=field, reason="it holds a character that cannot be printed")
        consent.id = consent.id or f"cns_{secrets.token_urlsafe(16)}"

    def give_consent(self, consent: Consent) -> Consent:
        """Keep a consent, without a receipt (ledger.consents keeps both). Raises Refusal bad_field."""
        self.check_consent(consent)
        row = {field: getattr(consent, field) for field in _CONSENT_WORDS}
        row |= {"given_at": _ms(consent.given_at), "until": _ms(consent.until)}
        with self._writing() as connection:
            connection.execute(_consents.insert().values(**row))
        return consent

    def list_consents(self, tenant: str | None = None) -> list[Consent]:
        """Every consent, oldest first, of one tenant or of all."""
        query = sa.select(_consents).order_by(_consents.c.given_at, _consents.c.id)
        return [
            _consent(row) for row in self._rows(query if tenant is None else query.where(_consents.c.tenant == tenant))
        ]

    def withdraw_consent(self, id: str) -> Consent:
        """Withdraw a consent, now; a second time changes nothing. Raises Refusal unknown_consent."""
        with self._writing() as connection:
            living = (_consents.c.id == id) & _consents.c.withdrawn_at.is_(None)
            connection.execute(_consents.update().where(living).values(withdrawn_at=self._now()))
            row = connection.execute(sa.select(_consents).where(_consents.c.id == id)).first()
        if row is None:
            raise Refusal("unknown_consent", id=id)
        return _consent(row)

    def mark_used(self, id: str) -> bool:
        """Note that a once-consent was used. False when it was used before: of two who try, one wins."""
        with self._writing() as connection:
            fresh = (_consents.c.id == id) & _consents.c.used_at.is_(None)
            return connection.execute(_consents.update().where(fresh).values(used_at=self._now())).rowcount == 1

    # people

    def commitment(self, tenant: str, subject: str) -> str:
        """HMAC-SHA256 (hex) of a person under a salt of their own; the same while the salt is kept, "" for nobody."""
        if not subject:
            return ""
        find = sa.select(_people.c.salt).where((_people.c.tenant == tenant) & (_people.c.subject == subject))
        with self._engine.connect() as connection:
            salt = connection.execute(find).scalar_one_or_none()
        if salt is None:
            # Looked for again in a write, which nobody else can be in: two must not make two salts.
            with self._writing() as connection:
                salt = connection.execute(find).scalar_one_or_none()
                if salt is None:
                    salt = secrets.token_bytes(32)
                    connection.execute(_people.insert().values(tenant=tenant, subject=subject, salt=salt))
        return hmac.digest(salt, f"{tenant}\0{subject}".encode(), "sha256").hex()

    def erase_person(self, tenant: str, subject: str) -> int:
        """Forget a person: salt and consents. How many consents went; the ledger's receipts name nobody from now on."""
        with self._writing() as connection:
            person = (_people.c.tenant == tenant) & (_people.c.subject == subject)
            connection.execute(_people.delete().where(person))
            theirs = (_consents.c.tenant == tenant) & (_consents.c.subject == subject)
            return connection.execute(_consents.delete().where(theirs)).rowcount

    def refresh_consents(self, index: MutableMapping[str, Consent]) -> None:
        """Bring a live index by id up to date. Known objects stay the same and change in place."""
        fresh = {consent.id: consent for consent in self.list_consents()}
        for consent in fresh.values():
            known = index.setdefault(consent.id, consent)
            # A worker may know of a use or a withdrawal that is not written yet, so neither ever goes back.
            known.withdrawn, known.used = known.withdrawn or consent.withdrawn, known.used or consent.used
        for gone in index.keys() - fresh.keys():
            index.pop(gone).withdrawn = True

    def _hash(self, secret: str) -> bytes:
        keyed = self.keyed()
        keyed.update(secret.encode())
        return keyed.digest()

    def _now(self) -> int:
        return self._clock.epoch_ms()

    def _rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as connection:
            connection.execute(_house.update().values(revision=_house.c.revision + 1))
            yield connection

    def _meet_schema(self, connection: sa.Connection) -> None:
        found = connection.execute(sa.select(_house.c.schema)).scalar_one_or_none()
        if found is None:
            connection.execute(_house.insert().values(one=1, schema=SCHEMA, revision=0))
        elif found != SCHEMA:
            reason = (
                f"The accounts have schema {found}; this Isthmus reads schema {SCHEMA}. Install the one that made them."
            )
            raise Refusal("data_damaged", reason=reason)


_CONSENT_WORDS = ("id", "tenant", "kind", "recipient", "region", "feature", "scope", "subject", "language")

_LONGEST = {str(each.name): each.type.length or 0 for each in _consents.c if isinstance(each.type, sa.String)}


def _consent(row: Any) -> Consent:
    return Consent(
        **{field: getattr(row, field) for field in _CONSENT_WORDS},
        given_at=_time(row.given_at),
        until=_time(row.until),
        withdrawn=row.withdrawn_at is not None,
        used=row.used_at is not None,
    )


def _tune(connection: Any, _record: object) -> None:
    """WAL lets workers read while one writes; a writer waits for another instead of failing."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _pepper(path: Path) -> bytes:
    """The pepper's 32 bytes; made at first use, readable by its owner only."""
    if not path.exists():
        write_once(path, secrets.token_bytes(32), 0o600)
    return path.read_bytes()


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _iso(ms: int | None) -> str:
    return "" if ms is None else _time(ms).isoformat(timespec="seconds").replace("+00:00", "Z")
