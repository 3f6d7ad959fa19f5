"""A worker's book outlives it: what was spent is known after a kill, whoever looks."""

import fcntl
import os
import signal
import stat
import subprocess
import sys

import pytest

from isthmus.ledger import book as books
from isthmus.ledger.book import Book, settle_left
from isthmus.ledger.database import Database
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.leases import Claim, Level, StoreDownError

NOW = 1_790_000_000_000
MONTH = (1_788_220_800, 1_790_812_800)

WRITER = """
import sys
from pathlib import Path
from isthmus.ledger.book import Book
book = Book(Path(sys.argv[1]), "w0", "n")
slot = book.take()
print(book.holder, slot, flush=True)
spent = 0
while True:
    spent += 1
    book.cells[slot] = spent
    if spent == 100_000:
        print("far", flush=True)
"""


@pytest.fixture
def store(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/a.sqlite")
    yield SqlLeases(database)
    database.close()


def lease(store, holder, slot, granted, budget="bud_1", span=MONTH):
    store.settle(holder, [Claim(budget, *span, 1000, slot, 0, granted, granted, granted)], NOW)


def level(store, budget="bud_1", starts=MONTH[0]):
    return store.level(budget, starts, NOW)


def test_a_slot_begins_at_nothing_and_is_used_again(tmp_path):
    book = Book(tmp_path, "w0", "n")
    one, two = book.take(), book.take()
    assert one != two
    assert 0 not in (one, two)
    book.cells[one] = 7
    book.give_back(one)
    assert (book.take(), book.cells[one], book.cells[two], book.cells[0]) == (one, 0, 0, 0)
    book.close(settled=True)
    assert list(tmp_path.iterdir()) == []


def test_a_book_without_a_free_slot_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(books, "SLOTS", 2)
    book = Book(tmp_path, "w0", "n")
    assert (book.take(), book.take()) == (1, 0)
    book.close(settled=True)


def test_a_living_book_is_left_alone_and_is_its_owners(tmp_path, store):
    book = Book(tmp_path, "w0", "n")
    (path,) = tmp_path.glob("*.book")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lease(store, book.holder, book.take(), 100)
    assert settle_left(tmp_path, store, NOW) == 0
    assert level(store) == Level(0, 100)
    book.close(settled=False)


def test_a_book_that_was_left_is_settled_once(tmp_path, store):
    book = Book(tmp_path, "w0", "n")
    slot = book.take()
    lease(store, book.holder, slot, 100)
    book.cells[slot] = 30
    book.close(settled=False)
    assert settle_left(tmp_path, store, NOW) == 1
    assert level(store) == Level(30, 0)
    assert settle_left(tmp_path, store, NOW) == 0
    assert list(tmp_path.glob("*.book")) == []


def test_slots_of_a_dead_worker_are_free_at_once(tmp_path, store):
    book = Book(tmp_path, "w0", "n")
    slot = book.take()
    lease(store, book.holder, slot, 5, "bud_c", (0, 0))
    book.cells[slot] = 5
    book.close(settled=False)
    settle_left(tmp_path, store, NOW)
    assert level(store, "bud_c", 0) == Level(0, 0)


def test_a_book_of_another_boot_is_not_believed(tmp_path, store, monkeypatch):
    book = Book(tmp_path, "w0", "n")
    slot = book.take()
    lease(store, book.holder, slot, 100)
    book.cells[slot] = 30
    book.close(settled=False)
    monkeypatch.setattr(books, "boot", lambda: "after")
    settle_left(tmp_path, store, NOW)
    assert level(store) == Level(100, 0)


def test_a_book_stays_until_the_store_has_heard(tmp_path, store):
    class Down(SqlLeases):
        def settle(self, holder, claims, now_ms):
            raise StoreDownError("away")

    book = Book(tmp_path, "w0", "n")
    lease(store, book.holder, book.take(), 100)
    book.close(settled=False)
    down = Down.__new__(Down)
    down._engine, down._sqlite = store._engine, True
    with pytest.raises(StoreDownError):
        settle_left(tmp_path, down, NOW)
    assert settle_left(tmp_path, store, NOW) == 1
    assert level(store) == Level(0, 0)


def test_a_killed_process_leaves_the_last_number_it_wrote(tmp_path, store):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    holder, slot = process.stdout.readline().split()
    store.settle(holder, [Claim("bud_1", *MONTH, 2**40, int(slot), 0, 2**40, 2**40, 2**40)], NOW)
    assert process.stdout.readline() == "far\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (path,) = tmp_path.glob("*.book")
    file = os.open(path, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody holds it any more
    os.close(file)
    assert settle_left(tmp_path, store, NOW) == 1
    spent, reserved = level(store)
    assert spent >= 100_000
    assert reserved == 0
