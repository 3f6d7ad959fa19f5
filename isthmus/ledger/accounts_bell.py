"""A bell for who keeps accounts in memory: it rings when another process has written them.

PostgreSQL carries it (LISTEN and NOTIFY): a change notifies in its own transaction, so that nobody hears of a change
that was not made, and nothing but the database is needed. It is a wake-up and no message: whoever hears it asks for the
version, and asks now and then without it too. Through a pooler that shares connections between transactions, and in
SQLite, nothing rings; looking is all there is then.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from isthmus.core import log

CHANNEL = "isthmus_accounts"  # as `_listen` says it, too: SQL is not made from text here
_LISTEN_S = 1.0  # how long one wait for a note lasts; the end is noticed between two
_AGAIN_S = 1.0  # before another attempt to reach a server that is away


class Bell:
    """Calls `ring` from a thread of its own after each change, and whenever one may have been missed."""

    def __init__(self, connect: Callable[[], Any], ring: Callable[[], None]) -> None:
        """`connect` makes a psycopg connection of the bell's own. `ring` is quick, and called from another thread."""
        self._connect = connect
        self._ring = ring
        self._end = threading.Event()
        self._told = False
        threading.Thread(target=self._run, name="bell", daemon=True).start()

    def close(self) -> None:
        """Ring no more; the thread ends by itself."""
        self._end.set()

    def _run(self) -> None:
        import psycopg

        while not self._end.is_set():
            try:
                with contextlib.closing(self._connect()) as connection:
                    self._told = False
                    self._listen(connection)
            except psycopg.Error as error:
                if not self._told:
                    log.say("accounts_bell_lost", error=type(error).__name__)
                self._told = True
            self._end.wait(_AGAIN_S)

    def _listen(self, connection: Any) -> None:
        """Ring until the end or until the connection is lost."""
        connection.autocommit = True
        connection.execute("LISTEN isthmus_accounts")
        self._ring()  # what was written while nobody listened
        while not self._end.is_set():
            for _note in connection.notifies(timeout=_LISTEN_S, stop_after=1):
                if not self._end.is_set():
                    self._ring()


def strike(connection: sa.Connection) -> None:
    """Within a change: ring at its end."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))
