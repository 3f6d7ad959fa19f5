"""News from the accounts: keys, consents and budgets that another process wrote.

Rules of this room:
1. Looked for when the accounts' bell rings, every LOOK_SECONDS without it, and at once when a key or consent is asked
   for that is not known here yet, because a person may use it the moment after it was made.
2. All who ask in the same moment share one look, and looks keep GAP_SECONDS apart, so that a flood of wrong keys costs
   the accounts nothing.
3. The database is met in threads of this room alone: one that hangs stops neither the loop nor anybody else's thread.
   Who waits for it hears so after PATIENCE_SECONDS; what is known goes on to hold.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from isthmus.core import log
from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import Budget
from isthmus.policy.keys import KeyRing
from isthmus.policy.quota import Quota

GAP_SECONDS = 0.05
LOOK_SECONDS = 0.25
PATIENCE_SECONDS = 2.0


class Found(NamedTuple):
    """What one look found, in the shape in which the ring and the consents are refreshed."""

    version: int
    keys: list[tuple[bytes, Caller]]
    consents: list[Consent]
    budgets: tuple[Budget, ...]

    def callers(self) -> Iterable[tuple[bytes, Caller]]:
        return self.keys


class News:
    """Keeps `ring`, `consents` and `quota` of one worker up to date with `accounts`."""

    __slots__ = (
        "_accounts",
        "_consents",
        "_last",
        "_looking",
        "_loop",
        "_pending",
        "_quota",
        "_ring",
        "_rung",
        "_using",
        "_version",
    )  # fmt: skip

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
        self._rung = asyncio.Event()
        self._looking = ThreadPoolExecutor(1, "news")
        self._using = ThreadPoolExecutor(2, "consents")

    async def read(self) -> None:
        """Return when everything written before this call is known here.

        Raises Refusal accounts_unavailable when the accounts do not answer in time.
        """
        try:
            # One that leaves, or tires of waiting, must not cancel the look of the others.
            await asyncio.wait_for(asyncio.shield(self._look()), PATIENCE_SECONDS)
        except TimeoutError:
            raise _unavailable() from None

    async def next(self) -> None:
        """Wait for the bell, or LOOK_SECONDS, and look. For one who does so again and again."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), LOOK_SECONDS)
        self._rung.clear()
        await asyncio.shield(self._look())

    def listen(self) -> None:
        """Let the accounts' bell, where they have one, wake `next`. The accounts' end is the bell's."""
        self._accounts.database.listen(self._ring_in)

    def _ring_in(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop ended while somebody wrote
            self._loop.call_soon_threadsafe(self._rung.set)

    def _look(self) -> asyncio.Task[None]:
        if self._pending is None:
            self._pending = self._loop.create_task(self._read())
        return self._pending

    async def _read(self) -> None:
        wait = self._last + GAP_SECONDS - self._loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        self._pending = None  # whoever asks from here on may have written after this read began
        self._last = self._loop.time()
        try:
            found = await self._loop.run_in_executor(self._looking, self._find, self._version)
        except SQLAlchemyError as error:
            # What is known goes on to hold; deadlines and streams must not end with one failed look.
            log.say("accounts_unread", error=type(error).__name__)
            return
        if found is not None:
            self._version = found.version
            self._ring.refresh(found)
            self._accounts.take_consents(self._consents, found.consents)
            if self._quota is not None:
                self._quota.refresh(found.budgets)

    def _find(self, known: int) -> Found | None:
        """Everything, when the accounts are not as they were at version `known`. In a thread."""
        version = self._accounts.version()
        if version == known:
            return None
        keys, consents = list(self._accounts.callers()), self._accounts.list_consents()
        return Found(version, keys, consents, self._accounts.budgets.list())

    async def spent(self, consent_id: str) -> bool:
        """Write down that a consent for one use was used; False when it was used before.

        Raises Refusal accounts_unavailable; it then counts as used, and the person is asked again.
        """
        marking = self._loop.run_in_executor(self._using, self._accounts.mark_used, consent_id)
        try:
            return await asyncio.wait_for(marking, PATIENCE_SECONDS)
        except (TimeoutError, SQLAlchemyError):
            raise _unavailable() from None


def _unavailable() -> Refusal:
    return Refusal("accounts_unavailable", retry_after=int(PATIENCE_SECONDS))
