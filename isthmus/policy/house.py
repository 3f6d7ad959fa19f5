"""What duties are compiled with: the operator's facts, the term lists, the consents that were given."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.consent import Consent
from isthmus.core.operator import Operator
from isthmus.policy.allow import Allowed
from isthmus.policy.guards import Guards
from isthmus.policy.judge import Judge


class House(msgspec.Struct, frozen=True):
    """`consents` is the live index by id (refreshed in place). `terms` maps a taxonomy to term -> category.

    `minors` are the tenants whose services are directed to minors: with them an unknown age is asked, not noted.
    `allowed` holds each tenant's exceptions from the term lists, `guards` what tenants and keys ask beyond the law.
    `judges` are those that may be asked, by name.
    """

    operator: Operator
    clock: Clock
    consents: MutableMapping[str, Consent]
    terms: Mapping[str, Mapping[str, str]]
    minors: frozenset[str] = frozenset()
    allowed: Mapping[str, tuple[Allowed, ...]] = {}
    guards: Guards = {}
    judges: Mapping[str, Judge] = {}
