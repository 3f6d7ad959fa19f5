from base64 import b64encode
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from isthmus.core.consent import Consent, statement
from isthmus.core.errors import Refusal
from isthmus.ledger import consents, read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.consents import Signed
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
    given = consents.give(accounts, ledger, consent, clock)
    clock.advance(60)
    withdrawn = consents.withdraw(accounts, ledger, consent.id, clock)
    ledger.flush()
    assert list(read.iterate(tmp_path / "ledger")) == [given, withdrawn]
    assert (given.act, withdrawn.act) == ("given", "withdrawn")
    assert given.consent == withdrawn.consent == consent.id
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


SHEET = "ab" * 32


def sign(consent, key=None):
    key = key or Ed25519PrivateKey.generate()
    signature = key.sign(statement(consent, SHEET))
    return Signed(b64encode(key.public_key().public_bytes_raw()).decode(), b64encode(signature).decode(), SHEET)


def test_a_device_signs_what_was_shown_and_the_receipt_keeps_it(accounts, ledger, clock, consent):
    signed = sign(consent)
    receipt = consents.give(accounts, ledger, consent, clock, signed)
    assert (receipt.device, receipt.signature, receipt.sheet) == signed
    assert receipt.given == clock.epoch_ms()


@pytest.mark.parametrize(
    "change", [{"recipient": "openai"}, {"scope": "once"}, {"subject": "bob"}, {"language": "en"}, {"region": "EU"}]
)
def test_a_signature_for_another_consent_is_refused(accounts, ledger, clock, consent, change):
    signed = sign(consent)
    with pytest.raises(Refusal, match="consent_invalid"):
        consents.give(accounts, ledger, msgspec.structs.replace(consent, **change), clock, signed)
    assert accounts.list_consents() == []


@pytest.mark.parametrize("field", ["device", "signature", "sheet"])
def test_a_signature_that_is_none_is_refused(accounts, ledger, clock, consent, field):
    for wrong in ("", "AAAA", "?"):
        with pytest.raises(Refusal, match="consent_invalid"):
            consents.give(accounts, ledger, consent, clock, sign(consent)._replace(**{field: wrong}))


def test_a_person_is_forgotten_after_every_consent_was_withdrawn(tmp_path, accounts, ledger, clock, consent):
    consents.give(accounts, ledger, consent, clock)
    consents.give(accounts, ledger, msgspec.structs.replace(consent, id="", feature="write"), clock)
    consents.give(accounts, ledger, msgspec.structs.replace(consent, id="", subject="bob"), clock)
    before = accounts.commitment("acme", "alice")
    assert consents.forget(accounts, ledger, "acme", "alice", clock) == 2
    ledger.flush()
    entries = list(read.iterate(tmp_path / "ledger"))
    assert [entry.act for entry in entries] == ["given", "given", "given", "withdrawn", "withdrawn"]
    assert [each.subject for each in accounts.list_consents()] == ["bob"]
    assert accounts.commitment("acme", "alice") != before


def test_a_person_is_forgotten_even_when_the_ledger_fails(accounts, ledger, clock, consent):
    consents.give(accounts, ledger, consent, clock)
    ledger.close()
    with pytest.raises(Refusal, match="ledger_failed"):
        consents.forget(accounts, ledger, "acme", "alice", clock)
    assert accounts.list_consents() == []
