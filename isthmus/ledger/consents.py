"""Giving and withdrawing consent: one act changes the accounts and leaves a receipt in the ledger.

The receipt names the person only by a commitment under a salt that the accounts keep. When the salt is erased, the
receipt and every proof over it stay as they were, and nobody can tell any more whom it was about (GDPR Art 17; PIPL
Art 47).
"""

from __future__ import annotations

from base64 import b64decode
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from isthmus.core.clock import Clock
from isthmus.core.consent import Consent, statement
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.receipt import ConsentReceipt
from isthmus.ledger.segments import Ledger


class Signed(NamedTuple):
    """A device's word for a consent: its Ed25519 public key and signature (base64), and the sheet's SHA-256 (hex)."""

    device: str
    signature: str
    sheet: str


def give(
    accounts: Accounts, ledger: Ledger, consent: Consent, clock: Clock, signed: Signed | None = None
) -> ConsentReceipt:
    """Keep a consent (an empty id is filled) and queue its receipt.

    Raises Refusal bad_field, consent_invalid (the signature is not the device's), ledger_failed; nothing is kept then.
    """
    accounts.check_consent(consent)
    if signed is not None:
        check_signature(consent, signed)
    ledger.check()
    receipt = _receipt(accounts, ledger, consent, clock, "given")
    if signed is not None:
        receipt.device, receipt.signature, receipt.sheet = signed
        receipt.given = int(consent.given_at.timestamp() * 1000)
    ledger.append(receipt)
    accounts.give_consent(consent)
    return receipt


def withdraw(accounts: Accounts, ledger: Ledger, id: str, clock: Clock) -> ConsentReceipt:
    """Withdraw a consent and queue the receipt. The withdrawal holds even when the ledger fails.

    Raises Refusal unknown_consent, ledger_failed.
    """
    consent = accounts.withdraw_consent(id)
    ledger.check()
    receipt = _receipt(accounts, ledger, consent, clock, "withdrawn")
    ledger.append(receipt)
    return receipt


def forget(accounts: Accounts, ledger: Ledger, tenant: str, subject: str, clock: Clock) -> int:
    """Withdraw all that a person agreed to, then erase the person: how many consents went.

    Raises Refusal ledger_failed; the person is erased all the same.
    """
    try:
        for consent in accounts.list_consents(tenant):
            if consent.subject == subject and not consent.withdrawn:
                withdraw(accounts, ledger, consent.id, clock)
    finally:
        gone = accounts.erase_person(tenant, subject)
    return gone


def check_signature(consent: Consent, signed: Signed) -> None:
    """Raises Refusal consent_invalid unless the device signed this consent and this sheet."""
    try:
        key = Ed25519PublicKey.from_public_bytes(b64decode(signed.device, validate=True))
        key.verify(b64decode(signed.signature, validate=True), statement(consent, signed.sheet))
    except (InvalidSignature, ValueError):
        raise Refusal("consent_invalid", reason="its signature is not the device's") from None


def _receipt(accounts: Accounts, ledger: Ledger, consent: Consent, clock: Clock, act: str) -> ConsentReceipt:
    return ConsentReceipt(
        id=ledger.next_id(),
        at=clock.epoch_ms(),
        act=act,
        consent=consent.id,
        tenant=consent.tenant,
        consent_kind=consent.kind,
        recipient=consent.recipient,
        region=consent.region,
        feature=consent.feature,
        scope=consent.scope,
        language=consent.language,
        subject=accounts.commitment(consent.tenant, consent.subject),
        until=int(consent.until.timestamp() * 1000),
    )
