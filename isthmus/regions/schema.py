"""The words a region file may use: `isthmus.region/1`.

One file is one jurisdiction; one `[rule.x]` is one sentence a lawyer signs. Every word is closed: a key, verb, feature
or place that is not listed here is refused at load, with the words that would be accepted. The same tables make
region.schema.json (editor completion), so an editor, the loader and this file cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import msgspec

from isthmus.core.consent import KINDS
from isthmus.core.decision import CONTENTS, DATA, EVENTS, FEATURES, MODALITIES, TIERS, Citation

SCHEMA = "isthmus.region/1"
HOUSE_ID = "HOUSE"

RANKS = ("law", "rule", "order", "mandatory standard", "standard", "notice", "guidance", "draft", "house")
SURE = ("high", "medium", "low")  # low: general knowledge, the article is still to be checked
STATUS = ("draft", "signed")
FALLBACK = ("device", "refuse")
APPLIES = ("device_sale_region", "account", "ip")
UNKNOWN_AGE = ("ask", "minor", "adult")
UNLESS = ("partner.role=entrusted", "editor.reviewed")
BASES = ("adequacy", "dpf", "scc_tia", "bcr", "contract", "certification", "assessment", "consent")
FACTS = ("filing_no", "registration_no", "code", "representative")  # after a region's prefix: cn_filing_no
# Gaps that a text may hold, beside the facts: known when the table is compiled, or at the moment of the answer.
GAPS = ("model_name", "partner", "legal_name", "operator_name", "complaints")
LATER = ("ledger_id", "sig", "time")

WHEN: dict[str, tuple[str, ...]] = {
    "feature": FEATURES,
    "modality": MODALITIES,
    "event": EVENTS,
    "data": DATA,
    "content": CONTENTS,
    "route": TIERS,
}


class Field(NamedTuple):
    """One key of a rule's `with`. `kind`: text, word, words, places, facts, whole, days, flag, table, groups."""

    kind: str
    allowed: tuple[str, ...] = ()


class Verb(NamedTuple):
    """One word of `check`: its keys, which of them must be there, what the software does, what stays with people."""

    fields: Mapping[str, Field]
    required: tuple[str, ...]
    does: str
    operator: str


_AT_LABEL = Field("words", ("near_content", "in_content", "top", "start", "end", "persistent", "media_start"))
_TEXT = Field("text")
_WHOLE = Field("whole")
_FLAG = Field("flag")

VERBS: dict[str, Verb] = {
    "route.require": Verb(
        {"partner": Field("facts"), "operator": Field("facts"), "runs_in": Field("places")},
        (),
        "Leaves out every route whose filing, registration or place does not fit.",
        "Hold the filings and write their numbers into operator.toml.",
    ),
    "route.forbid": Verb(
        {"partner": Field("words"), "runs_in": Field("places"), "least_age": _WHOLE},
        (),
        "Leaves out the named partners, any route that runs in the named places, and partners whose terms ask for "
        "at least that age.",
        "Watch whether the order still stands.",
    ),
    "residency": Verb(
        {
            "process": Field("places"),
            "store": Field("places"),
            "or_basis": Field("words", BASES),
            "dpa": _FLAG,
        },
        ("process",),
        "Leaves out routes that process or store elsewhere without a recorded basis.",
        "Sign the processing contract and record the transfer basis per partner.",
    ),
    "consent.require": Verb(
        {"kind": Field("word", KINDS), "names": Field("word", ("recipient",)), "log_months": _WHOLE},
        ("kind",),
        "Refuses the route until a matching consent is given; keeps it as a receipt.",
        "Word the sheet, check a guardian's identity, honour withdrawal.",
    ),
    "feature.forbid": Verb(
        {},
        (),
        "Refuses the feature for these people, on every route and on the device.",
        "Establish the person's age as the law asks.",
    ),
    "scan": Verb(
        {
            "side": Field("words", ("input", "output")),
            "taxonomy": _TEXT,
            "terms_min": _WHOLE,
            "on_error": Field("word", ("block",)),
        },
        ("side", "taxonomy", "on_error"),
        "Screens questions and answers against the taxonomy's terms; stops and records a hit; fails closed.",
        "Keep the term lists and test banks, review hits, report to the authority.",
    ),
    "user.strike": Verb(
        {"in_a_row": _WHOLE, "per_day": _WHOLE},
        (),
        "Counts blocked questions per person and suspends the person at the limit.",
        "Handle appeals.",
    ),
    "disclose": Verb(
        {
            "text": _TEXT,
            "at": Field("word", ("first_message", "on_request", "every_message", "before_use")),
            "agent_names_principal": _FLAG,
        },
        ("text", "at"),
        "Says that this is AI, inside the conversation, at the moment the rule names.",
        "Keep the sentence visible in your own screens.",
    ),
    "notice.show": Verb(
        {
            "text": _TEXT,
            "at": Field("words", ("about", "badge", "answer", "terms", "site")),
        },
        ("text", "at"),
        "Sends the notice with the answer so that a client can show it at the named places.",
        "Show it there.",
    ),
    "label.show": Verb(
        {"text": _TEXT, "all_of": Field("groups"), "at": _AT_LABEL},
        ("text", "at"),
        "Puts the visible label on the answer.",
        "Do not remove it; label what you render yourself.",
    ),
    "label.embed": Verb(
        {
            "key": _TEXT,
            "fields": Field("table"),
            "media": Field("words", ("signed_metadata", "watermark", "latent")),
            "text": Field("words", ("watermark", "signed_metadata")),
            "text_over_tokens": _WHOLE,
            "keep_upstream": _FLAG,
            "detector": _FLAG,
        },
        (),
        "Writes the machine-readable mark; refuses an export that lacks any required field.",
        "Keep the mark when files are processed further; offer the detector where asked.",
    ),
    "remind": Verb(
        {"text": _TEXT, "every_hours": _WHOLE},
        ("text", "every_hours"),
        "Repeats the reminder in long sessions.",
        "Keep the crisis protocol the law asks for.",
    ),
    "log.keep": Verb(
        {
            "what": Field("word", ("network", "receipt", "content", "consent")),
            "min_months": _WHOLE,
            "min_days": _WHOLE,
            "max_days": Field("days"),
        },
        (),
        "Keeps receipts, never content, at least and at most as long as the rule says.",
        "Set retention for logs outside Isthmus alike.",
    ),
    "optout.offer": Verb(
        {"kind": Field("words", ("training", "sale", "profiling", "automated_decision")), "max_taps": _WHOLE},
        ("kind",),
        "Tells the client to offer the way out.",
        "Act on each choice.",
    ),
    "channel.offer": Verb(
        {
            "kind": Field(
                "words",
                (
                    "complaint", "access", "correction", "erasure", "portability", "objection", "human", "appeal",
                    "crisis", "takedown", "detector", "authority_report", "representative", "training_data",
                ),
            ),
            "reply_days": _WHOLE,
            "takedown_hours": _WHOLE,
        },
        ("kind",),
        "Tells the client which doors to offer, and names the operator's channel.",
        "Answer those who use it, in time.",
    ),
    "mask": Verb(
        {"reversible": _FLAG},
        (),
        "Replaces personal details with placeholders before a partner sees them, and restores them on the way back.",
        "Check that the entity types fit your users.",
    ),
}  # fmt: skip

RULE_KEYS = (
    "duty", "law", "from", "until", "grace", "when", "unless", "except", "check", "with", "sure", "delegable",
    "replaces",
)  # fmt: skip
REGION_KEYS = (
    "schema", "id", "name", "countries", "extends", "applies", "fallback", "reviewed", "source", "rule",
)  # fmt: skip


class When(msgspec.Struct, frozen=True):
    """Which questions a rule binds. An empty tuple does not narrow. `age_under` in years; 0 when age plays no part."""

    feature: tuple[str, ...] = ()
    modality: tuple[str, ...] = ()
    event: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    route: tuple[str, ...] = ()
    age_under: int = 0
    unknown_age: str = ""


class Grace(msgspec.Struct, frozen=True):
    """Until `until`, the rule does not bind a service placed on the market before `placed_before`."""

    until: date
    placed_before: date


class Rule(msgspec.Struct, frozen=True):
    """One sentence of law as data. `region` is the file it stands in; `since` the first day it binds."""

    region: str
    name: str
    duty: str
    law: tuple[Citation, ...]
    check: str
    since: date
    values: Mapping[str, Any]
    when: When = When()
    until: date | None = None
    grace: Grace | None = None
    unless: str = ""
    excepted: Mapping[str, tuple[str, ...]] = {}
    sure: str = "low"
    delegable: bool = False
    replaces: str = ""
    draft: bool = True

    @property
    def id(self) -> str:
        """Unique name, e.g. "CN.label"."""
        return f"{self.region}.{self.name}"


class Reviewed(msgspec.Struct, frozen=True):
    """Who answers for a file. `status` stays "draft" until a lawyer signs."""

    by: str
    on: date
    status: str


class Region(msgspec.Struct, frozen=True):
    """One jurisdiction. `own` are the rules of its file; `rules` adds what it inherits, minus what it replaces.

    `chain` is its id followed by its parents'. `digest` is SHA-256 (hex) over the file's bytes and its parents'.
    """

    id: str
    name: str
    countries: tuple[str, ...]
    chain: tuple[str, ...]
    applies: tuple[str, ...]
    fallback: tuple[str, ...]
    reviewed: Reviewed
    own: tuple[Rule, ...]
    rules: tuple[Rule, ...]
    digest: str
