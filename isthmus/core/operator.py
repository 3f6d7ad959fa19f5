"""operator.toml: what only the operator can know. In rehearsal every value says "rehearsal".

Nothing here is a secret: partner keys stay in the environment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal

REHEARSAL = "rehearsal"


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator holds in one region. A value "rehearsal" counts only while `mode` is rehearsal.

    `registration`: number of the API registration or service filing. `producer_code`: GB 45438 provider code.
    `market_date`: the day this service was placed on that market (AI Act Art 111(4)). `complaints`: where a person
    complains. `log_max_days`: how long logs are kept at most. `filing`: model filing number by partner id.
    `transfer`: basis for sending personal data abroad by partner id (adequacy, dpf, scc_tia). `entrusted`: partner
    ids bound by a processing contract (PIPL Art 21, GDPR Art 28).
    """

    registration: str = ""
    producer_code: str = ""
    market_date: str | date = ""
    complaints: str = ""
    representative: str = ""
    log_max_days: int | str = ""
    filing: Mapping[str, str] = {}
    transfer: Mapping[str, str] = {}
    entrusted: tuple[str, ...] = ()


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`mode` is "rehearsal" or "production". `location`: ISO country code of the private tier.

    `owner` and `owner_country` matter to partners that bar owners from some places.
    """

    mode: str = REHEARSAL
    name: str = REHEARSAL
    owner: str = REHEARSAL
    owner_country: str = REHEARSAL
    location: str = REHEARSAL
    region: Mapping[str, Facts] = {}

    def facts(self, region: str) -> Facts:
        """Facts for `region`; empty when the operator said nothing."""
        return self.region.get(region) or Facts()


def load(path: Path) -> Operator:
    """Operator from a TOML file. Raises Refusal bad_law naming the place."""
    try:
        operator = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Operator)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, OSError) as error:
        raise Refusal("bad_law", reason=f"{path}: {error}") from None
    if operator.mode not in (REHEARSAL, "production"):
        raise Refusal("bad_law", reason=f'{path}: mode is "rehearsal" or "production"')
    return operator
