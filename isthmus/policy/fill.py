"""The gaps in a rule's texts that are known before any request: names and numbers of route and operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from isthmus.core.decision import Route
from isthmus.core.operator import Facts, Operator

_GAP = re.compile(r"\{([a-z_]+)\}")


def fill(values: Mapping[str, Any], facts: Facts, operator: Operator, route: Route | None) -> dict[str, Any]:
    """`values` with every gap filled that facts, operator and route can fill; later gaps stay for the answer's moment.

    `max_days = "{operator}"` becomes the operator's number, or goes when there is none yet.
    """
    known = _known(facts, operator, route)
    filled: dict[str, Any] = {}
    for key, value in values.items():
        if value == "{operator}":
            if isinstance(facts.log_max_days, int):
                filled[key] = facts.log_max_days
        elif isinstance(value, str):
            filled[key] = _text(value, known)
        elif isinstance(value, Mapping):
            filled[key] = {name: _text(text, known) for name, text in value.items()}
        else:
            filled[key] = value
    return filled


def _known(facts: Facts, operator: Operator, route: Route | None) -> dict[str, str]:
    if route is None:
        return {}
    known = {"model_name": route.title, "partner": route.partner, "legal_name": route.legal_name}
    known |= {name: value for name, value in route.facts.items() if name.endswith("_filing_no")}
    return known | {
        "operator_name": operator.name,
        "complaints": facts.complaints,
        "code": facts.producer_code,
        "registration_no": facts.registration,
        "representative": facts.representative,
    }


def _text(text: str, known: Mapping[str, str]) -> str:
    def put(match: re.Match[str]) -> str:
        gap = match[1]
        return known.get(gap) or known.get(gap.partition("_")[2]) or match[0]

    return _GAP.sub(put, text)
