"""Before anything leaves: the exact text that a partner would get, in pieces, and the sheet that asks the person.

The same detectors and the same decision as in the corridor, so that what is shown is what would be sent. Nothing is
sent, and nothing of it is kept: the text goes back to the one who typed it.
Source: PIPL Arts 17, 23 (what a person is told before a recipient gets their data); GDPR Art 13.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from isthmus.core.decision import DATA, FEATURE_ALIASES, FEATURES, Obligation, Plan, Question, age_band
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.policy.compile import Table
from isthmus.policy.consent import sheet
from isthmus.policy.detect import details
from isthmus.policy.wording import language_for, words
from isthmus.routing.choose import answers_to, no_lawful_route


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /v1/preview. `texts` are the messages that would go; the rest as in the isthmus-* headers."""

    texts: list[str]
    model: str = "partner"
    region: str = ""
    feature: str = "assistant"
    age: str = ""
    data: str = "personal"
    language: str = ""


def preview(table: Table, caller: Caller, wanted: Wanted) -> dict[str, Any]:
    """{"texts": [[piece]], "masked": n, "sheet": {...}, "by_law": bool, "route": {...}}.

    A piece is {"text"} or, where a detail would be masked, {"text", "kind", "code", "n"}: `text` is the person's own
    word and `n` numbers the values of one code. Raises Refusal region_not_allowed, bad_field or no_lawful_route.
    """
    question = question_of(table, caller, wanted.region, wanted.feature, wanted.age, wanted.data)
    decision = table.decide(question)
    plan = next((p for p in decision.plans if p.route.tier == "partner" and answers_to(p, wanted.model)), None)
    if plan is None:
        raise no_lawful_route(decision, wanted.model)
    masks = any(owed.verb == "mask" for owed in plan.obligations)
    numbered: dict[tuple[str, str], int] = {}
    texts = [_pieces(text, numbered) if masks else [{"text": text}] for text in wanted.texts]
    owed = _asked(plan)
    route = plan.route
    return {
        "texts": texts,
        "masked": len(numbered),
        "sheet": _sheet(owed or _unasked(question), plan, wanted.language, len(numbered), question),
        "by_law": owed is not None,
        "route": {
            "name": route.name,
            "partner": route.partner,
            "title": route.title,
            "badge": route.badge,
            "rehearsal": route.rehearsal,
        },
    }


def question_of(table: Table, caller: Caller, region: str, feature: str, age: str, data: str) -> Question:
    """The Question a caller may put. Raises Refusal region_not_allowed or bad_field."""
    where = region or caller.region
    if where not in caller.regions or where not in table.regions:
        raise Refusal("region_not_allowed", region="-", known=", ".join(caller.regions))
    try:
        band = age_band(age or caller.age)
    except ValueError as error:
        raise Refusal("bad_field", field="age", reason=str(error)) from None
    feature = FEATURE_ALIASES.get(feature, feature)
    for field, word, known in (("feature", feature, FEATURES), ("data", data, DATA)):
        if word not in known:
            raise Refusal("bad_field", field=field, reason="one of " + ", ".join(known))
    return Question((where,), feature=feature, age=band, data=data)


def _pieces(text: str, numbered: dict[tuple[str, str], int]) -> list[dict[str, Any]]:
    """The text cut at its private details; the same value has the same number in all texts."""
    out: list[dict[str, Any]] = []
    at = 0
    for detail in details(text):
        if detail.start > at:
            out.append({"text": text[at : detail.start]})
        value = text[detail.start : detail.end]
        known = numbered.get((detail.code, value))
        if known is None:
            known = numbered[detail.code, value] = 1 + sum(code == detail.code for code, _ in numbered)
        out.append({"text": value, "kind": detail.kind, "code": detail.code, "n": known})
        at = detail.end
    if at < len(text) or not out:
        out.append({"text": text[at:]})
    return out


def _asked(plan: Plan) -> Obligation | None:
    """The rule that asks for consent to this recipient, if one does."""
    return next(
        (o for o in plan.obligations if o.verb == "consent.require" and o.values.get("kind") == "separate"), None
    )


def _unasked(question: Question) -> Obligation:
    """Where no rule asks, the person is asked all the same, and the sheet cites no law."""
    return Obligation(
        verb="consent.require",
        values={"kind": "separate", "names": "recipient"},
        region=question.regions[0],
        rule="",
        duty="",
        law=(),
        since=date.min,
        draft=False,
    )


def _sheet(owed: Obligation, plan: Plan, language: str, masked: int, question: Question) -> dict[str, object]:
    spoken = language_for(language, owed.region)
    said = words("consent", spoken, owed.region)
    shown = sheet(owed, plan.route, spoken)
    if question.data == "sensitive" or question.age not in ("adult", "unknown"):
        shown.pop("always", None)  # never a standing consent for sensitive details or minors
    shown["masked"] = said["masked"].format(n=masked) if masked else said["none_masked"]
    return shown
