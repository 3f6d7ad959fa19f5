"""Giving and withdrawing consent: one act changes the accounts and leaves a receipt in the ledger.

The receipt names the person only by a commitment under a salt that the accounts keep. When the salt is erased, the
receipt and every proof over it stay as they were, and nobody can tell any more whom it was about (GDPR Art 17; PIPL
Art 47).
"""

from __future__ import annotations

from isthmus.core.clock import Clock
from isthmus.core.consent import Consent
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.receipt import ConsentReceipt
from isthmus.ledger.segments import Ledger


def give(accounts: Accounts, ledger: Ledger, consent: Consent, clock: Clock, signature: str = "") -> ConsentReceipt:
    """Keep a consent (an empty id is filled) and queue its receipt. `signature` is the device's, where it has one.

    Raises Refusal bad_field, ledger_failed; nothing is kept then.
    """
    accounts.check_consent(consent)
    ledger.check()
    receipt = _receipt(ledger, consent, clock, "given", accounts.commitment(consent.tenant, consent.subject))
    receipt.signature = signature
    ledger.append(receipt)
    accounts.give_consent(consent)
    return receipt


def withdraw(accounts: Accounts, ledger: Ledger, id: str, clock: Clock) -> ConsentReceipt:
    """Withdraw a consent and queue the receipt. The withdrawal holds even when the ledger fails.

    Raises Refusal unknown_consent, ledger_failed.
    """
    consent = accounts.withdraw_consent(id)
    ledger.check()
    receipt = _receipt(ledger, consent, clock, "withdrawn", accounts.commitment(consent.tenant, consent.subject))
    ledger.append(receipt)
    return receipt


def _receipt(ledger: Ledger, consent: Consent, clock: Clock, act: str, subject: str) -> ConsentReceipt:
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
        subject=subject,
        until=int(consent.until.timestamp() * 1000),
    )
