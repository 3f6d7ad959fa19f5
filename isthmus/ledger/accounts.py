"""Accounts: whose the tenants are, who may ask (keys), and what people agreed to (consents).

A key's secret is shown once, when it is made; what is kept is its BLAKE2b hash under a pepper that lies beside the
database in a file of its own. Every write raises `revision` in the same transaction, so that workers can ask cheaply
whether anything changed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, MutableMapping, Sequence
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
from isthmus.ledger import tables
from isthmus.ledger.budgets import Budgets, binds
from isthmus.ledger.database import Database, address, pepper

FIRST_ORGANISATION = "default"
_keys, _consents, _people, _tenants = tables.keys, tables.consents, tables.people, tables.tenants


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
        """`url` in SQLAlchemy's form, `pepper` 32 secret bytes. Brings the tables to the newest schema.

        Raises Refusal data_damaged, usage.
        """
        self._pepper = pepper
        self._clock = clock
        self.database = Database(url)
        self.budgets = Budgets(self.database, clock)

    @classmethod
    def open(cls, path: Path, clock: Clock) -> Accounts:
        """Accounts in the SQLite file `path`, or in the database that `<name>.url` beside it names.

        The file and its pepper (`<name>.pepper`) are made when they are missing.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(address(path), pepper(path), clock)

    def close(self) -> None:
        self.database.close()

    def keyed(self) -> blake2b:
        """A fresh hash under the pepper; update it with a key's bytes."""
        return blake2b(key=self._pepper, digest_size=32)

    def version(self) -> int:
        """A number that changes whenever anybody writes. One row is read."""
        return self.database.version()

    # organisations and tenants

    def place_tenant(self, tenant: str, organisation: str) -> None:
        """Make a tenant of an organisation, or move it there; the organisation is made when it is missing.

        Raises Refusal bad_field for a name that is empty, too long or cannot be printed.
        """
        for field, name in (("tenant", tenant), ("organisation", organisation)):
            if not 0 < len(name) <= _LONGEST["tenant"] or not name.isprintable():
                raise Refusal("bad_field", field=field, reason="a name has 1 to 64 printable characters")
        with self.database.writing() as connection:
            self._place(connection, tenant, organisation, move=True)

    def list_tenants(self) -> dict[str, str]:
        """Every tenant and the organisation it belongs to."""
        return {row.id: row.organisation for row in self._rows(sa.select(_tenants).order_by(_tenants.c.id))}

    def _place(self, connection: sa.Connection, tenant: str, organisation: str, *, move: bool) -> str:
        known = connection.execute(sa.select(_tenants.c.organisation).where(_tenants.c.id == tenant)).scalar()
        if known == organisation or (known is not None and not move):
            return str(known)
        there = tables.organisations
        if connection.execute(sa.select(there.c.id).where(there.c.id == organisation)).first() is None:
            connection.execute(there.insert().values(id=organisation, made_at=self._now()))
        if known is None:
            row = {"id": tenant, "organisation": organisation, "made_at": self._now()}
            connection.execute(_tenants.insert().values(**row))
        else:
            connection.execute(_tenants.update().where(_tenants.c.id == tenant).values(organisation=organisation))
        return organisation

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
        with self.database.writing() as connection:
            organisation = self._place(connection, tenant, FIRST_ORGANISATION, move=False)
            connection.execute(_keys.insert().values(**row))
        caller = Caller(key_id, tenant, tuple(regions), region, age=age, consents=tuple(consents))
        caller.organisation = organisation
        caller.limited = any(binds(budget, caller) for budget in self.budgets.list())
        return caller, secret

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
        budgets = self.budgets.list()
        belongs = sa.outerjoin(_keys, _tenants, _keys.c.tenant == _tenants.c.id)
        for row in self._rows(sa.select(_keys, _tenants.c.organisation).select_from(belongs)):
            since = _iso(row.revoked_at)
            regions, consents = tuple(row.regions), tuple(row.consents)
            caller = Caller(row.id, row.tenant, regions, row.region, bool(since), since[:10], row.age, consents)
            caller.organisation = row.organisation or FIRST_ORGANISATION
            caller.limited = any(binds(budget, caller) for budget in budgets)
            yield row.hash, caller

    def revoke_key(self, id: str) -> None:
        """Revoke a key, now; a second time changes nothing. Raises Refusal unknown_key."""
        with self.database.writing() as connection:
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
        with self.database.writing() as connection:
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
        with self.database.writing() as connection:
            living = (_consents.c.id == id) & _consents.c.withdrawn_at.is_(None)
            connection.execute(_consents.update().where(living).values(withdrawn_at=self._now()))
            row = connection.execute(sa.select(_consents).where(_consents.c.id == id)).first()
        if row is None:
            raise Refusal("unknown_consent", id=id)
        return _consent(row)

    def mark_used(self, id: str) -> bool:
        """Note that a once-consent was used. False when it was used before: of two who try, one wins."""
        with self.database.writing() as connection:
            fresh = (_consents.c.id == id) & _consents.c.used_at.is_(None)
            return connection.execute(_consents.update().where(fresh).values(used_at=self._now())).rowcount == 1

    # people

    def commitment(self, tenant: str, subject: str) -> str:
        """HMAC-SHA256 (hex) of a person under a salt of their own; the same while the salt is kept, "" for nobody."""
        if not subject:
            return ""
        find = sa.select(_people.c.salt).where((_people.c.tenant == tenant) & (_people.c.subject == subject))
        with self.database.engine.connect() as connection:
            salt = connection.execute(find).scalar_one_or_none()
        if salt is None:
            # Looked for again in a write, which nobody else can be in: two must not make two salts.
            with self.database.writing() as connection:
                salt = connection.execute(find).scalar_one_or_none()
                if salt is None:
                    salt = secrets.token_bytes(32)
                    connection.execute(_people.insert().values(tenant=tenant, subject=subject, salt=salt))
        return hmac.digest(salt, f"{tenant}\0{subject}".encode(), "sha256").hex()

    def erase_person(self, tenant: str, subject: str) -> int:
        """Forget a person: salt and consents. How many consents went; the ledger's receipts name nobody from now on."""
        with self.database.writing() as connection:
            person = (_people.c.tenant == tenant) & (_people.c.subject == subject)
            connection.execute(_people.delete().where(person))
            self.budgets.forget(connection, tenant, subject)
            theirs = (_consents.c.tenant == tenant) & (_consents.c.subject == subject)
            return connection.execute(_consents.delete().where(theirs)).rowcount

    def refresh_consents(self, index: MutableMapping[str, Consent]) -> None:
        """Bring a live index by id up to date. Known objects stay the same and change in place."""
        self.take_consents(index, self.list_consents())

    def take_consents(self, index: MutableMapping[str, Consent], found: Iterable[Consent]) -> None:
        """Bring a live index up to date with what `list_consents` found a moment ago."""
        fresh = {consent.id: consent for consent in found}
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
        return self.database.rows(query)


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


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _iso(ms: int | None) -> str:
    return "" if ms is None else _time(ms).isoformat(timespec="seconds").replace("+00:00", "Z")
