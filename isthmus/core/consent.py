"""Consent: what a person agreed to, bound to a recipient. It is stored as a receipt and found by id.

Source: PIPL Articles 14, 15, 23, 29, 31; GDPR Articles 7 and 8.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

KINDS = ("separate", "sensitive", "guardian", "label_duty")


class Consent(msgspec.Struct):
    """One consent. `recipient` is a partner id, or "" where the kind names none (guardian, label_duty).

    `feature` is one of FEATURES or "*". `scope` is "once" (one request) or "always" (until `until`). `withdrawn`
    and `used` change in place, so that live streams see them at once.
    """

    id: str
    tenant: str
    kind: str
    recipient: str
    region: str
    feature: str
    scope: str
    subject: str
    language: str
    given_at: datetime
    until: datetime
    withdrawn: bool = False
    used: bool = False

    def covers(self, kind: str, recipient: str, tenant: str, region: str, feature: str) -> bool:
        """Whether it was given for this, by whomever; `recipient` is "" where the kind names none."""
        return (
            self.kind == kind
            and self.tenant == tenant
            and self.region == region
            and (not recipient or self.recipient == recipient)
            and self.feature in ("*", feature)
        )


def statement(consent: Consent, sheet: str) -> bytes:
    """What a device signs (Ed25519) when a person agrees: one fact a line, and what was shown.

    `sheet` is the SHA-256 (hex) of the sheet's words as they stood on the screen, UTF-8. The time is `given_at` in ms
    since 1970-01-01 UTC, so that a signature cannot be used for a later consent.
    """
    given = int(consent.given_at.timestamp() * 1000)
    facts = (consent.kind, consent.recipient, consent.region, consent.feature, consent.scope, consent.subject)
    return "\n".join(("isthmus consent 1", *facts, consent.language, str(given), sheet, "")).encode()
