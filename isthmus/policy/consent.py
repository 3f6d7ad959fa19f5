"""Consent: nothing goes to a recipient that the person has not agreed to, where the law asks for that agreement.

Rules of this room:
1. A consent counts only for its own tenant, person, kind, recipient, region and feature, while it lasts.
2. "once" is used by the first request that passes with it; another attempt of the same request may use it again.
3. Missing consent to a recipient skips that route; a missing guardian ends the request.
4. Each refusal carries the sheet: the words to show, per region and language (policy/data/wording).
Source: PIPL Arts 14-16, 23, 29, 31; GDPR Arts 6-9; Labelling Measures Art 9. Unknown age: docs/decisions/003.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from isthmus.core.decision import Obligation, Route, RouteSkipped, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House
from isthmus.policy.wording import language_for, law_line, words

VERBS = ("consent.require",)
NAME = "consent"
_USED = ("consent", "used")  # where it is noted that a consent for one use was relied on
_ASKED = {"separate": "ask", "sensitive": "ask_sensitive", "label_duty": "ask_label"}


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """One check per obligation; a device route has no recipient, so nothing is asked there but the guardian."""
    checks = [
        _guardian_check(owed, house) if owed.values["kind"] == "guardian" else _recipient_check(owed, route, house)
        for owed in obligations
    ]

    def on_request(ex: Exchange) -> None:
        for check in checks:
            check(ex)
        ex.met.append(NAME)

    return Stage(NAME, on_request=on_request)


def _recipient_check(owed: Obligation, route: Route, house: House) -> Callable[[Exchange], None]:
    kind = owed.values["kind"]
    recipient = route.partner if owed.values.get("names") == "recipient" else ""

    def check(ex: Exchange) -> None:
        if not _find(ex, owed, kind, recipient, house):
            raise RouteSkipped(_consent_refusal(ex, owed, route))

    return check


def _guardian_check(owed: Obligation, house: House) -> Callable[[Exchange], None]:
    """`ask_age`: the compiled law says that the age is not settled and this rule asks (docs/decisions/003)."""
    unsettled = owed.values.get("ask_age") is True

    def check(ex: Exchange) -> None:
        assert ex.decision is not None
        if _find(ex, owed, "guardian", "", house):
            return
        if not unsettled:
            raise _guardian_refusal(ex, owed)
        _ask_age(ex, owed, stated=ex.decision.question.age != "unknown", house=house)

    return check


def _ask_age(ex: Exchange, owed: Obligation, *, stated: bool, house: House) -> None:
    """Asking everyone would close the API to callers that know no ages; a service for minors, and whoever states an
    age bracket that the rule's line cuts, must say more."""
    said = words("guardian", language_for(ex.language, owed.region), owed.region)
    law = law_line(owed.law)
    if stated or ex.caller.tenant in house.minors:
        raise Refusal("age_required", extra={"rule": owed.rule, "law": law}, reason=said["ask_age"].format(law=law))
    notice = said["unknown_age"].format(law=law)
    if notice not in ex.notices:
        ex.notices.append(notice)


def _find(ex: Exchange, owed: Obligation, kind: str, recipient: str, house: House) -> bool:
    """Whether one of the request's consents covers `kind`; a consent for one use is spent here."""
    caller, decision = ex.caller, ex.decision
    assert decision is not None
    feature = decision.question.feature
    named = ex.consent_id
    mine = ()
    # Those named by the request come first, then those that stand for its key.
    for name in (*map(str.strip, named.split(",")), *caller.consents) if named else caller.consents:
        consent = house.consents.get(name)
        if consent is None or consent.withdrawn:
            continue
        if not consent.covers(kind, recipient, caller.tenant, owed.region, feature):
            continue
        if (
            consent.subject and consent.subject != ex.subject
        ) or house.clock.epoch_ms() >= consent.until.timestamp() * 1000:
            continue
        if consent.used or consent.scope == "once":
            mine = ex.held.get(_USED, ())
            if consent.used and name not in mine:
                continue
            if consent.scope == "once":
                consent.used = True
                ex.held[_USED] = (*mine, name)
        ex.relies = (*ex.relies, consent)
        return True
    return False


def sheet(owed: Obligation, route: Route, language: str) -> dict[str, object]:
    """The consent sheet as data: words to show in order, and the fields of POST /v1/consents that answer it."""
    kind = owed.values["kind"]
    said = words("consent", language, owed.region)
    law = law_line(owed.law)
    days = route.facts.get("retention_days")
    no_training = route.facts.get("trains_on_input") is False
    contact = route.facts.get("contact") or said["contact_unknown"]
    shown: dict[str, object] = {
        "kind": kind,
        "language": language,
        "title": said["title"].format(partner=route.title),
        "reason": said["reason"],
        "who": said["who"].format(legal_name=route.legal_name or route.title, contact=contact),
        "purpose": said["purpose" if no_training else "purpose_training_unknown"],
        "retention": said["retention_unknown"] if days is None else said["retention"].format(n=days),
        "withdraw": said["withdraw"].format(law=law),
        "law": law,
        "draft": owed.draft,
        "buttons": {"yes": said["once"], "no": said["not_now"]},
        "consent": {"kind": kind, "recipient": route.partner if kind == "separate" else "", "region": owed.region},
    }
    if kind == "separate":
        shown["always"] = said["always"].format(partner=route.title)
    if route.rehearsal:
        shown["rehearsal"] = said["rehearsal"].format(partner=route.title)
    return shown


def _consent_refusal(ex: Exchange, owed: Obligation, route: Route) -> Refusal:
    language = language_for(ex.language, owed.region)
    said = words("consent", language, owed.region)
    shown = sheet(owed, route, language)
    assert ex.decision is not None
    if ex.decision.question.data == "sensitive" or ex.decision.question.age not in ("adult", "unknown"):
        shown.pop("always", None)  # never a standing consent for sensitive details or minors
    masked = sum(ex.masks.values())
    shown["masked"] = said["masked"].format(n=masked) if masked else said["none_masked"]
    reason = said[_ASKED[owed.values["kind"]]].format(partner=route.title, law=law_line(owed.law))
    return Refusal("consent_required", extra={"sheet": shown, "rule": owed.rule}, reason=reason)


def _guardian_refusal(ex: Exchange, owed: Obligation) -> Refusal:
    language = language_for(ex.language, owed.region)
    said = words("guardian", language, owed.region)
    shown = {
        "kind": "guardian",
        "language": language,
        "title": said["title"],
        "withdraw": words("consent", language, owed.region)["withdraw"].format(law=law_line(owed.law)),
        "law": law_line(owed.law),
        "draft": owed.draft,
        "buttons": {"yes": said["once"], "no": said["not_now"]},
        "consent": {"kind": "guardian", "recipient": "", "region": owed.region},
    }
    reason = said["ask"].format(law=law_line(owed.law))
    return Refusal("guardian_required", extra={"sheet": shown, "rule": owed.rule}, reason=reason)
