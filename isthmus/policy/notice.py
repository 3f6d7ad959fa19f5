"""Notice: what the law wants shown beside an answer, e.g. the model's name and filing number.

Only notices for the badge or the answer travel with each answer; those for pages (about, terms, site) are the pages'.
Source: CAC notice of 2025-04-08 (model name and filing number shown prominently).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House

VERBS = ("notice.show",)
NAME = "notice"
_WITH_ANSWER = frozenset(("badge", "answer"))


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """The notices as finished sentences; None when all belong on pages."""
    texts = tuple(text_of(owed, route, house) for owed in obligations if _WITH_ANSWER & set(owed.values.get("at", ())))
    if not texts:
        return None

    def on_request(ex: Exchange) -> None:
        for text in texts:
            if text not in ex.notices:
                ex.notices.append(text)
        if NAME not in ex.met:
            ex.met.append(NAME)

    return Stage(NAME, on_request=on_request)


def text_of(owed: Obligation, route: Route, house: House) -> str:
    """The rule's text with {model_name}, {legal_name}, {<region>_filing_no}, {<region>_registration_no} filled in.

    Route facts come first, then the operator's own; what nobody stated shows as a dash.
    """
    facts = house.operator.facts(owed.region)
    prefix = owed.region.lower().replace("-", "_")
    known: dict[str, Any] = {
        f"{prefix}_filing_no": facts.filing.get(route.partner),
        f"{prefix}_registration_no": facts.registration,
        f"{prefix}_code": facts.producer_code,
        f"{prefix}_representative": facts.representative,
        **route.facts,
        "model_name": route.title,
        "legal_name": route.legal_name,
    }
    return str(owed.values["text"]).format_map(_Dashes(known)).strip()


class _Dashes(dict[str, Any]):
    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__({name: value for name, value in known.items() if value not in (None, "")})

    def __missing__(self, key: str) -> str:
        return "-"
