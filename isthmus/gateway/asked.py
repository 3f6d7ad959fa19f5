"""What the caller's `isthmus-*` headers ask for: region, feature, age, data class, consent.

A header may only choose among what its key allows; unknown words are refused, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from isthmus.core.decision import DATA, EVENTS, FEATURE_ALIASES, FEATURES, Decision, Question, age_band
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.gateway.head import Request

_PREFIX = b"isthmus-"
_JSON = re.compile(rb"application/(?:[a-z.-]+\+)?json[ \t]*(?:;[ \t]*charset=\"?utf-8\"?[ \t]*)?\Z", re.IGNORECASE)
REGIONS = 3  # laws that may bind one question; each mix is compiled when it is first asked for


class Asked(NamedTuple):
    """The raw words that decide, as they came; equal ones share one decision."""

    allowed: tuple[str, ...]
    region: str
    feature: str
    age: str
    data: str
    event: str

    def question(self, known: Collection[str], modality: str = "text") -> Question:
        """The Question for these words. Raises Refusal unknown_region, region_not_allowed or bad_header."""
        feature = FEATURE_ALIASES.get(self.feature, self.feature)
        _one_of(feature, FEATURES, "isthmus-feature")
        _one_of(self.data, DATA, "isthmus-data")
        _one_of(self.event, EVENTS, "isthmus-event")
        try:
            age = age_band(self.age)
        except ValueError as error:
            raise Refusal("bad_header", field="isthmus-age", reason=str(error)) from None
        regions = tuple(self.region.replace(",", " ").split())
        if len(regions) > REGIONS:
            raise Refusal("bad_header", field="isthmus-region", reason=f"at most {REGIONS} regions at once")
        for region in regions:
            if region not in known:
                raise Refusal("unknown_region", region=_shown(region), known=", ".join(sorted(known)))
            if region not in self.allowed:
                raise Refusal("region_not_allowed", region=region, known=", ".join(self.allowed))
        return Question(regions, feature, modality, self.event, age, self.data)


class Standing:
    """What a head means, worked out once and remembered with it: who asks, for what, and the decision.

    It holds while the keys (`keys`, KeyRing.version) and the law (`table`) stay as they are.
    """

    __slots__ = (
        "asked",
        "caller",
        "consent_id",
        "continues",
        "decision",
        "keys",
        "label_at",
        "language",
        "low_latency",
        "resume",
        "subject",
        "table",
    )

    def __init__(self, caller: Caller, keys: int) -> None:
        self.caller = caller
        self.keys = keys
        self.asked: Asked | None = None
        self.table: object = None
        self.decision: Decision | None = None
        self.consent_id = ""
        self.subject = ""
        self.language = ""
        self.label_at = ""
        self.resume = False
        self.continues = False
        self.low_latency = False

    def read(self, request: Request) -> Asked:
        """Read the headers; what is not for the decision (consent, language, label) is kept for each Exchange.

        Raises Refusal bad_header, unsupported_media.
        """
        headers = request.headers
        _check_media(headers)
        caller = self.caller
        region, feature, age, data, event = caller.region, "assistant", caller.age, "personal", "answer"
        for name, value in headers.items():
            if not name.startswith(_PREFIX):
                continue
            word = _text(name, value)
            match name:
                case b"isthmus-region":
                    region = word
                case b"isthmus-feature":
                    feature = word
                case b"isthmus-age":
                    age = word
                case b"isthmus-data":
                    data = word
                case b"isthmus-event":
                    event = word
                case b"isthmus-consent":
                    self.consent_id = word
                case b"isthmus-subject":
                    self.subject = word
                case b"isthmus-label":
                    _one_of(word, ("content", "metadata"), "isthmus-label")
                    self.label_at = "" if word == "content" else word
                case b"isthmus-resume":
                    _one_of(word, ("0", "1"), "isthmus-resume")
                    self.resume = word == "1"
                case b"isthmus-continue":
                    _one_of(word, ("0", "1"), "isthmus-continue")
                    self.continues = word == "1"
                case b"isthmus-latency":
                    _one_of(word, ("low", "normal"), "isthmus-latency")
                    self.low_latency = word == "low"
                case b"isthmus-priority":
                    pass  # weighed by gateway.admission, before anything else
                case _:
                    raise Refusal("bad_header", field=_shown(name.decode("ascii")), reason="it is not known")
        language = headers.get(b"accept-language")
        if language is not None:
            self.language = _text(b"accept-language", language)[:35]
        self.asked = Asked(caller.regions, region or caller.region, feature, age, data, event)
        return self.asked

    def lend(self, ex: Exchange) -> None:
        """What the stages need of it."""
        ex.decision = self.decision
        ex.consent_id = self.consent_id
        ex.subject = self.subject
        ex.language = self.language
        ex.label_at = self.label_at
        ex.resume = self.resume
        ex.continues = self.continues
        ex.low_latency = self.low_latency


def _check_media(headers: dict[bytes, bytes]) -> None:
    """RFC 9110, 15.5.16: only JSON, and only as it is."""
    kind = headers.get(b"content-type")
    if kind is not None and not _JSON.match(kind):
        raise Refusal("unsupported_media", reason="the body must be application/json in UTF-8")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal("unsupported_media", reason="the body must not be compressed")


def _text(name: bytes, value: bytes) -> str:
    if len(value) > 512 or not value.isascii():
        raise Refusal("bad_header", field=name.decode("ascii"), reason="at most 512 ASCII characters")
    return value.decode("ascii").strip()


def _one_of(word: str, known: Collection[str], field: str) -> None:
    if word not in known:
        raise Refusal("bad_header", field=field, reason="one of " + ", ".join(known))


def _shown(word: str) -> str:
    """A caller's word that is safe to repeat: short, and letters only."""
    return word if len(word) <= 32 and word.replace("-", "").isalnum() else "-"
