"""Where leases are kept, and what a store must be able to do."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import servers

from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.lease_valkey import ValkeyLeases
from isthmus.ledger.leases import Claim, Level, StoreDownError


@pytest.fixture
def accounts(tmp_path, clock):
    opened = Accounts.open(tmp_path / "accounts.sqlite", clock)
    yield opened
    opened.close()


def test_leases_lie_in_the_accounts_database_unless_told_otherwise(accounts, tmp_path, valkey):
    assert isinstance(open_store(tmp_path, accounts), SqlLeases)
    (tmp_path / "leases.url").write_text(valkey.new() + "\n")
    store = open_store(tmp_path, accounts)
    assert isinstance(store, ValkeyLeases)
    store.close()


def test_a_store_that_would_forget_is_refused():
    def forgetful(folder):
        return servers.Valkey(folder, durable=False)

    with servers.running(forgetful) as server, pytest.raises(Refusal) as refusal:
        ValkeyLeases(server.new())
    assert "appendonly" in refusal.value.sentence()


def test_a_store_that_does_not_answer_is_down(tmp_path):
    store = ValkeyLeases(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(StoreDownError):
        store.settle("a", [], 0)
    with pytest.raises(StoreDownError):
        store.level("b", 0, 0)
    store.close()


def test_a_store_keeps_its_leases_over_a_restart():
    with servers.running(servers.Valkey) as server:
        url = server.new()
        store = ValkeyLeases(url)
        store.settle("a", [Claim("b", 4_099_000_000, 4_101_600_000, 100, 1, 0, 60, 60, 60)], 4_100_000_000_000)
        store.close()
        server.process.kill()
        server.process.wait()
        server.process = server.start()
        store = ValkeyLeases(url)
        assert store.level("b", 4_099_000_000, 4_100_000_000_000) == Level(0, 60)
        store.close()
