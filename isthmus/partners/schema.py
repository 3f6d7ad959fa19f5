"""Who may answer, as data: `isthmus.partner/1`. A vendor is a file; no line of code compares a vendor's name.

Where a partner's answer happens is five separate facts, because each can differ from the others:

    region      where its door stands (the host that takes the request)
    inference   where the model may run; a "global" scope is ["*"]
    storage     where data may rest
    end_users   for whom its terms allow it: countries, or ["*"]; end_users_not takes some away
    owners_barred   whose customers it refuses by ownership
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

SCHEMA = "isthmus.partner/1"
NOT_STATED = "not stated"


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One door of a partner. `key_env` overrides the partner's where keys are bound to the endpoint."""

    host: str
    path: str
    region: str
    inference: tuple[str, ...]
    storage: tuple[str, ...]
    end_users: tuple[str, ...]
    end_users_not: tuple[str, ...] = ()
    owners_barred: tuple[str, ...] = ()
    port: int = 443
    tls: bool = True
    key_env: str = ""
    note: str = ""


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price in USD per million tokens, and where the figure is from."""

    input: float
    output: float
    cached: float = 0.0
    source: str = NOT_STATED


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model. `endpoints` in order of preference ([] = all of the partner); `wire` is its name there.

    `prefill`: an unfinished assistant message may be continued. `encryption`: end-to-end encryption is offered.
    """

    title: str = ""
    wire: str = ""
    endpoints: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    default: bool = False
    prefill: bool = False
    encryption: bool = False
    context: int = 0
    rate: Rate | None = None


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One partner. `order` ranks it among lawful ones (lower first). `filings`: public filing numbers by fact name.

    `fields`: request fields that may pass beyond the dialect's own allow-list. `retention` and `training` repeat the
    partner's own statement, or say "not stated"; `retention_days` and `trains_on_input` are None while unknown.
    """

    id: str
    title: str
    endpoint: Mapping[str, Endpoint]
    model: Mapping[str, Model]
    schema: str = SCHEMA
    tier: str = "partner"
    dialect: str = "openai_chat"
    key_env: str = ""
    order: int = 100
    legal_name: str = NOT_STATED
    contact: str = NOT_STATED
    retention: str = NOT_STATED
    retention_days: int | None = None
    training: str = NOT_STATED
    trains_on_input: bool | None = None
    filings: Mapping[str, str] = {}
    fields: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    note: str = ""

    def facts(self, endpoint: Endpoint, model: Model) -> dict[str, Any]:
        """What a consent sheet or a badge may say about an answer from `model` at `endpoint`."""
        return {
            "region": endpoint.region,
            "inference": endpoint.inference,
            "storage": endpoint.storage,
            "end_users": endpoint.end_users,
            "end_users_not": endpoint.end_users_not,
            "owners_barred": endpoint.owners_barred,
            "contact": self.contact,
            "retention": self.retention,
            "retention_days": self.retention_days,
            "training": self.training,
            "trains_on_input": self.trains_on_input,
            "licences": self.licences,
            "fields": self.fields,
            "prefill": model.prefill,
            "encryption": model.encryption,
            "context": model.context,
            "rate": None if model.rate is None else msgspec.to_builtins(model.rate),
        }
