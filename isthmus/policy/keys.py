"""The keys that callers show: one dictionary in memory, from a keyed hash to the caller.

A key is found by a BLAKE2b hash under a secret pepper, so the table tells nobody a key, and the time of a look-up
says nothing about one. A revoked key stays in the ring, so that its owner hears why, and its `Caller` object stays
the same, so that streams that run under it see `revoked` at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.ledger.accounts import Accounts

_LIMIT = 256  # bytes; a longer header is no key of this house, and is not hashed


class Callers(Protocol):
    """Whoever knows all keys: the accounts, or what one look found there."""

    def callers(self) -> Iterable[tuple[bytes, Caller]]: ...


class KeyRing:
    """All keys of this house. `find` is hot. `version` goes up with every `refresh`."""

    __slots__ = ("_callers", "_keyed", "version")

    def __init__(self, accounts: Accounts) -> None:
        self._keyed = accounts.keyed().copy
        self._callers: dict[bytes, Caller] = {}
        self.version = 0
        self.refresh(accounts)

    def __len__(self) -> int:
        return len(self._callers)

    def __iter__(self) -> Iterator[Caller]:
        return iter(tuple(self._callers.values()))

    def find(self, authorization: bytes | None) -> Caller:
        """The caller behind an Authorization header value, or behind the bare key.

        Whoever asks checks `revoked`. Raises Refusal missing_key, invalid_key.
        """
        if not authorization:
            raise Refusal("missing_key")
        if len(authorization) > _LIMIT:
            raise Refusal("invalid_key")
        if authorization.startswith(b"Bearer "):
            authorization = authorization[7:]
        elif authorization[:7].lower() == b"bearer ":
            authorization = authorization[7:].strip()
        keyed = self._keyed()
        keyed.update(authorization)
        caller = self._callers.get(keyed.digest())
        if caller is None:
            raise Refusal("invalid_key")
        return caller

    def refresh(self, found: Callers) -> None:
        """Take over what changed. Callers that are known stay the same objects; a key that is gone is revoked."""
        seen = set()
        for hashed, fresh in found.callers():
            seen.add(hashed)
            known = self._callers.setdefault(hashed, fresh)
            if known is not fresh:
                for field in Caller.__struct_fields__:
                    setattr(known, field, getattr(fresh, field))
        for hashed in self._callers.keys() - seen:
            self._callers.pop(hashed).revoked = True
        self.version += 1


def revoked(caller: Caller) -> Refusal:
    """What the owner of a revoked key hears."""
    return Refusal("revoked_key", since=caller.revoked_on)
