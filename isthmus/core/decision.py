"""The compiled answer to "who may answer this, and what is owed?".

    region files + partner files + operator facts  --policy.compile-->  Decision

A `Decision` holds lawful `Plan`s in order. Each plan is one `Route` with its obligations and the stages that meet
them. Decisions are immutable and shared by all requests with the same `Question`. Nothing at run time may attempt a
route that is not in the decision.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from isthmus.core.errors import Refusal

if TYPE_CHECKING:
    from isthmus.core.exchange import Exchange

# The closed words of a question. A rule's `when` may use these and no others.
FEATURES = (
    "assistant", "agent", "companion", "customer_service", "proofread", "rewrite", "summarize", "write", "translate",
    "detect_language", "smart_reply", "digest", "extract", "image", "speech", "video", "decision",
)  # fmt: skip
FEATURE_ALIASES = {"chat": "assistant", "reply": "smart_reply", "summarise": "summarize"}
MODALITIES = ("text", "image", "audio", "video")
EVENTS = ("answer", "export", "export_plain", "publish")
DATA = ("none", "personal", "sensitive")
TIERS = ("device", "private", "partner")
CONTENTS = ("ordinary", "source_code", "short_string", "machine_only", "realistic")
AGES = ("under13", "13", "14-15", "16-17", "adult", "13-15", "unknown")  # "13-15" is California's OS signal


class Question(NamedTuple):
    """What a decision is about. `regions` holds one id, or several when the strictest of them binds."""

    regions: tuple[str, ...]
    feature: str = "assistant"
    modality: str = "text"
    event: str = "answer"
    age: str = "unknown"
    data: str = "personal"
    content: str = "ordinary"


class Citation(msgspec.Struct, frozen=True):
    """One place in one law: `article` of `title`, in force `since`."""

    source: str
    title: str
    article: str
    rank: str
    since: date


class Obligation(msgspec.Struct, frozen=True):
    """One duty that a region's rule puts on a route. `verb` is a word of regions.VERBS; `values` fill it."""

    verb: str
    values: Mapping[str, Any]
    region: str
    rule: str
    duty: str
    law: tuple[Citation, ...]
    since: date
    until: date | None = None
    sure: str = "high"
    draft: bool = True


class Route(msgspec.Struct, frozen=True):
    """One way to an answer: a model at an endpoint. `name` is unique, e.g. "doubao/doubao-seed-2-1-pro-260915".

    `host`, `port`, `tls`, `path` are where bytes go; `wire_model` is the model's name there; `key_env` is the
    environment variable that holds the secret. In rehearsal the address is a local stand-in, and `badge` says so.
    """

    name: str
    partner: str
    model: str
    tier: str
    dialect: str
    host: str
    port: int
    tls: bool
    path: str
    wire_model: str
    key_env: str
    rehearsal: bool
    badge: str
    title: str
    legal_name: str = ""
    aliases: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}


OnRequest = Callable[["Exchange"], None]
Awaited = Callable[["Exchange"], Awaitable[None] | None]
OnEvent = Callable[["Exchange", str, str, bool], str]
OnResponse = Callable[["Exchange"], None]


class Stage(NamedTuple):
    """What a duty does to a request: up to three plain functions, and one that waits.

    on_request(ex)                       before anything is sent; raises Refusal (ends the request) or
                                         RouteSkipped (this route only).
    awaited(ex)                          the same, for a stage that must wait (external moderation): what to await, or
                                         None when this question needs no waiting.
    on_event(ex, channel, text, last)    one piece of answer text in, the text to release out; what it keeps back
                                         it keeps in `ex.held[(name, channel)]` and releases at the latest when
                                         `last` is true. An unstreamed answer is one piece with last=True.
                                         Channels: "content", "reasoning_content", "tool:<index>".
    on_response(ex)                      once per answer, before the `isthmus` object and the receipt are written.
    """

    name: str
    on_request: OnRequest | None = None
    awaited: Awaited | None = None
    on_event: OnEvent | None = None
    on_response: OnResponse | None = None


class RouteSkipped(Exception):
    """One route cannot serve this request, others may. `refusal` is what the caller hears if none does."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


class RuledOut(msgspec.Struct, frozen=True):
    """A route that the decision does not list, and why. `law` is empty when the reason is the partner's own term."""

    route: str
    reason: str
    rule: str = ""
    law: tuple[Citation, ...] = ()
    badge: str = ""


class Plan(msgspec.Struct, frozen=True):
    """A lawful route with what is owed on it, compiled into the moments that exist (empty tuples cost nothing)."""

    route: Route
    obligations: tuple[Obligation, ...]
    stages: tuple[Stage, ...]
    on_request: tuple[OnRequest, ...]
    awaited: tuple[Awaited, ...]
    on_event: tuple[OnEvent, ...]
    on_response: tuple[OnResponse, ...]
    reason: str = ""


class Decision(msgspec.Struct, frozen=True):
    """`verdict`: serve | serve_after (a duty must be met first, e.g. consent) | refuse | conflict.

    `digest` is a short hash over the region files, partner files and operator facts that made it; a receipt
    carries it, so a decision can be replayed. `plans` are the gateway's; `device` says, by the same rules, whether the
    person's own device may answer, and what is owed there. Without plans, `code` is the refusal's (core.errors.TABLE)
    and `refusal` its sentence.
    """

    question: Question
    verdict: str
    plans: tuple[Plan, ...]
    ruled_out: tuple[RuledOut, ...]
    digest: str
    refusal: str = ""
    fallback: tuple[str, ...] = ()
    device: tuple[Plan, ...] = ()
    code: str = ""


def age_band(age: int | str | None) -> str:
    """Band of AGES for an age in years, a band's own name, or None (unknown). Raises ValueError otherwise."""
    if age is None or age == "":
        return "unknown"
    if isinstance(age, str):
        if age in AGES:
            return age
        if age == "18+":
            return "adult"
        if age == "<13":
            return "under13"
        if not age.isascii() or not age.isdigit() or len(age) > 3:
            raise ValueError(f"an age in years, or one of {', '.join(AGES)}")
        age = int(age)
    if age < 0:
        raise ValueError("an age in years, 0 or more")
    if age < 13:
        return "under13"
    if age == 13:
        return "13"
    if age < 16:
        return "14-15"
    return "16-17" if age < 18 else "adult"
