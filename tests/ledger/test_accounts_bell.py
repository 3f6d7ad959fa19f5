"""The bell: it rings after each change, tells once when nobody can be reached, and hangs again by itself."""

from __future__ import annotations

import json
import threading

import pytest

from isthmus.ledger import accounts_bell
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.accounts_bell import Bell
from isthmus.ledger.database import Database

WAIT_S = 30


@pytest.fixture
def heard(monkeypatch):
    """A semaphore that counts how often it rang."""
    monkeypatch.setattr(accounts_bell, "_AGAIN_S", 0.01)
    return threading.Semaphore(0)


def test_it_rings_when_it_hangs_and_after_each_change_that_was_made(postgres, heard, clock):
    url = postgres.new()
    here, there = Database(url), Accounts(url, b"p" * 32, clock)
    here.listen(heard.release)
    assert heard.acquire(timeout=WAIT_S)
    there.place_tenant("north", "acme")
    assert heard.acquire(timeout=WAIT_S)
    with pytest.raises(ZeroDivisionError), there.database.writing():
        raise ZeroDivisionError
    there.place_tenant("south", "acme")
    assert heard.acquire(timeout=WAIT_S)
    assert not heard.acquire(blocking=False)
    here.close()
    there.close()


def test_a_lost_connection_is_made_again_and_whoever_missed_something_hears_it(postgres, heard, capsys):
    import psycopg

    lost = []

    class Fragile:
        def execute(self, words):
            assert words == f"LISTEN {accounts_bell.CHANNEL}"

        def notifies(self, **_):
            if len(lost) < 2:
                raise psycopg.OperationalError("gone")
            return iter(())

        def close(self):
            lost.append(self)

    bell = Bell(Fragile, heard.release)
    for _ in range(3):
        assert heard.acquire(timeout=WAIT_S)
    bell.close()
    assert len(lost) == 2
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["error"]) for line in said] == [("accounts_bell_lost", "OperationalError")] * 2


def test_a_server_that_is_away_is_told_once(heard, capsys):
    import psycopg

    tries = threading.Semaphore(0)

    def connect():
        tries.release()
        raise psycopg.OperationalError("refused")

    bell = Bell(connect, heard.release)
    for _ in range(3):
        assert tries.acquire(timeout=WAIT_S)
    bell.close()
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["error"]) == ("accounts_bell_lost", "OperationalError")
    assert not heard.acquire(blocking=False)


def test_nothing_rings_in_sqlite(tmp_path, heard):
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    database.listen(heard.release)
    with database.writing():
        pass
    database.close()
    assert not heard.acquire(blocking=False)
