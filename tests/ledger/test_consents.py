from datetime import timedelta

import msgspec
import pytest

from isthmus.core.consent import Consent
from isthmus.core.errors import Refusal
from isthmus.ledger import consents, read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.segments import Ledger


@pytest.fixture
def accounts(tmp_path, clock):
    opened = Accounts.open(tmp_path / "accounts.sqlite", clock)
    yield opened
    opened.close()


@pytest.fixture
def ledger(tmp_path, clock):
    opened = Ledger.open(tmp_path / "ledger", "w0", clock)
    yield opened
    opened.close()


@pytest.fixture
def consent(clock):
    now = clock.now()
    return Consent(
        "", "acme", "separate", "doubao", "CN", "*", "always", "alice", "zh-CN", now, now + timedelta(days=180)
    )


def test_giving_and_withdrawing_leave_receipts_that_name_nobody(tmp_path, accounts, ledger, clock, consent):
    given = consents.give(accounts, ledger, consent, clock, signature="sig")
    clock.advance(60)
    withdrawn = consents.withdraw(accounts, ledger, consent.id, clock)
    ledger.flush()
    assert list(read.iterate(tmp_path / "ledger")) == [given, withdrawn]
    assert (given.act, withdrawn.act) == ("given", "withdrawn")
    assert given.consent == withdrawn.consent == consent.id
    assert given.signature == "sig"
    assert given.subject == withdrawn.subject == accounts.commitment("acme", "alice")
    assert withdrawn.at - given.at == 60_000
    assert accounts.list_consents()[0].withdrawn
    for path in (tmp_path / "ledger").rglob("*"):
        assert path.is_dir() or b"alice" not in path.read_bytes()


def test_a_consent_that_is_not_one_leaves_nothing(tmp_path, accounts, ledger, clock, consent):
    consent.kind = "tacit"
    with pytest.raises(Refusal, match="bad_field"):
        consents.give(accounts, ledger, consent, clock)
    with pytest.raises(Refusal, match="unknown_consent"):
        consents.withdraw(accounts, ledger, "nothing", clock)
    ledger.flush()
    assert list(read.iterate(tmp_path / "ledger")) == []
    assert accounts.list_consents() == []


def test_without_a_ledger_no_consent_is_given_but_one_is_withdrawn(accounts, ledger, clock, consent):
    consents.give(accounts, ledger, consent, clock)
    ledger.close()
    with pytest.raises(Refusal, match="ledger_failed"):
        consents.give(accounts, ledger, msgspec.structs.replace(consent, id=""), clock)
    assert len(accounts.list_consents()) == 1
    with pytest.raises(Refusal, match="ledger_failed"):
        consents.withdraw(accounts, ledger, consent.id, clock)
    assert accounts.list_consents()[0].withdrawn
