"""News from the accounts: keys and consents that another process wrote.

Read a few times a second, and at once when a key or consent is asked for that is not known here yet, because a person
may use it the moment after it was made. All who ask in the same moment share one read, and reads keep GAP_SECONDS
apart, so that a flood of wrong keys costs the accounts nothing.
"""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy.exc import SQLAlchemyError

from isthmus.core.consent import Consent
from isthmus.ledger.accounts import Accounts
from isthmus.policy.keys import KeyRing
from isthmus.policy.quota import Quota

GAP_SECONDS = 0.05


class News:
    """Keeps `ring`, `consents` and `quota` of one worker up to date with `accounts`."""

    __slots__ = ("_accounts", "_consents", "_last", "_loop", "_pending", "_quota", "_ring", "_version")

    def __init__(
        self,
        accounts: Accounts,
        ring: KeyRing,
        consents: dict[str, Consent],
        loop: asyncio.AbstractEventLoop,
        quota: Quota | None = None,
    ) -> None:
        self._accounts = accounts
        self._ring = ring
        self._consents = consents
        self._loop = loop
        self._quota = quota
        self._version = -1
        self._last = 0.0
        self._pending: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """Return when everything written before this call is known here."""
        if self._pending is None:
            self._pending = self._loop.create_task(self._read())
        # One that leaves must not cancel the read of the others.
        await asyncio.shield(self._pending)

    async def _read(self) -> None:
        wait = self._last + GAP_SECONDS - self._loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        self._pending = None  # whoever asks from here on may have written after this read began
        self._last = self._loop.time()
        try:
            version = await self._loop.run_in_executor(None, self._accounts.version)
        except SQLAlchemyError as error:
            # What is known goes on to hold; deadlines and streams must not end with one failed look.
            print(f"accounts cannot be read: {type(error).__name__}", file=sys.stderr, flush=True)
            return
        if version != self._version:
            self._version = version
            self._ring.refresh(self._accounts)
            self._accounts.refresh_consents(self._consents)
            if self._quota is not None:
                self._quota.refresh(self._accounts.budgets.list())

    def spent(self, consent_id: str) -> asyncio.Future[bool]:
        """Write down that a consent for one use was used."""
        return self._loop.run_in_executor(None, self._accounts.mark_used, consent_id)
