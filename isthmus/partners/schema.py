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
from typing import Any, Literal

import msgspec

SCHEMA = "isthmus.partner/1"
NOT_STATED = "not stated"
STAND_IN_PATHS = {"embedding": "/v1/embeddings", "image": "/v1/images/generations"}


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One door of a partner. `key_env` overrides the partner's where keys are bound to the endpoint.

    `embedding_path` and `image_path` are where embeddings and images are made, where this door makes them.
    `host_env` is the environment variable that names the host where each customer has one of their own (Azure).
    """

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
    host_env: str = ""
    embedding_path: str = ""
    image_path: str = ""


class Habits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a partner's wire differs from its family's, as data.

    drop            fields of a message that it does not take; most do not take another's `encrypted_content`
    flat            it takes content only as one string (Moonshot's text models)
    reasoning_back  it refuses a history whose tool calls lack `reasoning_content` (DeepSeek's thinking mode)
    rename          request fields that go by another name there
    fixed           request fields that are always sent, whatever a caller says, e.g. {store = false}
    stream_usage    last: usage is asked for; each: cumulative usage on every chunk, too (Ark); unasked: it comes anyway
    auth            the header that carries the key; a header other than Authorization takes it without "Bearer"
    prefill         the field of a message that asks for an unfinished answer to be continued (Qwen: partial, Mistral:
                    prefix); "" where the last message being the assistant's says it (Ark, llama.cpp, Anthropic)
    mark            it marks its pictures by a switch called watermark, which is always sent as true
    """

    drop: tuple[str, ...] = ("encrypted_content",)
    flat: bool = False
    reasoning_back: bool = False
    rename: Mapping[str, str] = {}
    fixed: Mapping[str, Any] = {}
    stream_usage: Literal["last", "each", "unasked"] = "last"
    auth: str = "Authorization"
    mark: bool = False
    prefill: Literal["", "partial", "prefix"] = ""


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price in USD per million tokens, and where the figure is from."""

    input: float
    output: float
    cached: float = 0.0
    source: str = NOT_STATED


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model. `endpoints` in order of preference ([] = all of the partner); `wire` is its name there.

    `prefill`: an unfinished assistant message may be continued. `encryption`: end-to-end encryption is offered.
    `context` and `output` are tokens: the window, and the most of one answer. `reasoning` is how its depth is asked
    for where a wire knows two ways: an "effort" or a "budget" of tokens. `cumulative`: a stream repeats what it said.
    `first_s`, `between_s`, `whole_s` replace the partner's.
    """

    title: str = ""
    wire: str = ""
    endpoints: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    default: bool = False
    prefill: bool = False
    encryption: bool = False
    context: int = 0
    output: int = 0
    reasoning: Literal["effort", "budget"] = "budget"
    cumulative: bool = False
    first_s: float = 0.0
    between_s: float = 0.0
    whole_s: float = 0.0
    rate: Rate | None = None


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One partner. `order` ranks it among lawful ones (lower first). `filings`: public filing numbers by fact name.

    `fields`: request fields that may pass beyond the dialect's own allow-list. `retention` and `training` repeat the
    partner's own statement, or say "not stated"; `retention_days` and `trains_on_input` are None while unknown.
    `embedding` and `image` are models that do not chat (see `doing`). `adults_only`: its terms forbid services that
    people under 18 are likely to use; `least_age`: they ask for at least that age. `stand_in` is the wire and the path
    that a rehearsal's stand-in speaks for this partner. `first_s`, `between_s` and `whole_s` are seconds after which
    the next lawful route is asked, or a stream ends: to the first content of a stream, between two of its events, to
    the first byte of a whole answer (0: gateway.upstream.WAITS).
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
    habits: Habits = Habits()
    embedding: Mapping[str, Model] = {}
    image: Mapping[str, Model] = {}
    licences: tuple[str, ...] = ()
    adults_only: bool = False
    least_age: int = 0
    first_s: float = 0.0
    between_s: float = 0.0
    whole_s: float = 0.0
    note: str = ""
    stand_in: tuple[str, str] = ("openai_chat", "/v1/chat/completions")

    @property
    def from_age(self) -> int:
        """The age from which on its terms let it answer; 0 where they say none."""
        return max(self.least_age, _ADULT if self.adults_only else 0)

    def doing(self, kind: str) -> Partner | None:
        """Itself as a partner that makes only `kind` (embedding, image), or None when it does not."""
        models = {"embedding": self.embedding, "image": self.image}[kind]
        doors = {
            name: msgspec.structs.replace(door, path=path)
            for name, door in self.endpoint.items()
            if (path := getattr(door, f"{kind}_path"))
        }
        kept = {
            name: msgspec.structs.replace(model, endpoints=tuple(d for d in model.endpoints if d in doors))
            for name, model in models.items()
            if doors and (not model.endpoints or set(model.endpoints) & doors.keys())
        }
        if not kept:
            return None
        dialect = f"openai_{kind}s"
        return msgspec.structs.replace(
            self, model=kept, endpoint=doors, dialect=dialect, stand_in=(dialect, STAND_IN_PATHS[kind])
        )

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
            "adults_only": self.adults_only,
            "least_age": self.least_age,
            "fields": self.fields,
            "habits": None if self.habits == _USUAL else self.habits,
            "prefill": model.prefill,
            "encryption": model.encryption,
            "context": model.context,
            "output": model.output,
            "reasoning": model.reasoning,
            "cumulative": model.cumulative,
            "first_s": model.first_s or self.first_s,
            "between_s": model.between_s or self.between_s,
            "whole_s": model.whole_s or self.whole_s,
            "rate": None if model.rate is None else msgspec.to_builtins(model.rate),
        }


_USUAL = Habits()
_ADULT = 18


def doing(partners: Mapping[str, Partner], kind: str) -> dict[str, Partner]:
    """The partners that make `kind` (embedding, image), each with those models alone: a table of their own is compiled
    from them, by the same law.
    """
    found = {name: partner.doing(kind) for name, partner in partners.items()}
    return {name: partner for name, partner in found.items() if partner is not None}
