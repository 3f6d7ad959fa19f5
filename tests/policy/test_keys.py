from datetime import UTC, datetime

import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.policy.keys import KeyRing, revoked


@pytest.fixture
def accounts(tmp_path):
    opened = Accounts.open(tmp_path / "accounts.sqlite", FakeClock(datetime(2026, 11, 22, tzinfo=UTC)))
    yield opened
    opened.close()


@pytest.fixture
def key(accounts):
    return accounts.create_key("acme", ["CN"], "CN")


def code(ring, authorization):
    with pytest.raises(Refusal) as refusal:
        ring.find(authorization)
    return refusal.value.code


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  ", ""])
def test_a_caller_is_found_by_the_header_or_by_the_bare_key(accounts, key, scheme):
    caller, secret = key
    assert KeyRing(accounts).find((scheme + secret).encode()) == caller


@pytest.mark.parametrize("authorization", [None, b""])
def test_no_header_is_a_missing_key(accounts, authorization):
    assert code(KeyRing(accounts), authorization) == "missing_key"


def test_what_is_no_key_of_this_house_is_invalid(accounts, key):
    ring, secret = KeyRing(accounts), key[1].encode()
    for wrong in (
        b"Bearer ",
        b"Bearer x",
        b"Basic " + secret,
        b"Digest " + secret,
        b"Bearer " + secret + b" ",
        b"Bearer " + secret[:-1],
        secret + b"x",
        b"\xff" * 5000,
    ):
        assert code(ring, wrong) == "invalid_key"


def test_a_revoked_key_is_found_and_says_since_when(accounts, key):
    caller, secret = key
    ring = KeyRing(accounts)
    held = ring.find(secret.encode())
    accounts.revoke_key(caller.key_id)
    assert not held.revoked
    ring.refresh(accounts)
    assert held.revoked
    assert ring.find(secret.encode()) is held
    refusal = revoked(held)
    assert refusal.code == "revoked_key"
    assert "2026-11-22" in refusal.sentence()


def test_a_new_key_is_known_after_a_refresh(accounts, key):
    ring = KeyRing(accounts)
    _, secret = accounts.create_key("other", ["EU"], "EU")
    assert code(ring, secret.encode()) == "invalid_key"
    ring.refresh(accounts)
    assert ring.find(secret.encode()).tenant == "other"
    assert len(ring) == 2


def test_a_key_whose_row_is_gone_is_revoked_for_those_who_hold_it(accounts, key):
    ring = KeyRing(accounts)
    held = ring.find(key[1].encode())
    accounts.callers = list
    ring.refresh(accounts)
    assert held.revoked
    assert len(ring) == 0


def test_another_pepper_knows_no_key(tmp_path, accounts, key):
    (tmp_path / "accounts.pepper").write_bytes(b"x" * 32)
    other = Accounts.open(tmp_path / "accounts.sqlite", FakeClock(datetime(2026, 11, 22, tzinfo=UTC)))
    assert code(KeyRing(other), key[1].encode()) == "invalid_key"
    other.close()
