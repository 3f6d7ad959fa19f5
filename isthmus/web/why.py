"""Why an answer came from where it came: the decision in words, and what each region says beside an answer.

The documents hold law, names and dates, never content and no address of a machine.
"""

from __future__ import annotations

from typing import Any

import msgspec

from isthmus.core.decision import Obligation, Plan, Question
from isthmus.core.exchange import Caller
from isthmus.policy.compile import Table
from isthmus.policy.explain import explain
from isthmus.web import starter


def why(table: Table, question: Question) -> dict[str, Any]:
    """The explanation of one question (policy.explain.Explanation) as JSON, without hosts."""
    document: dict[str, Any] = msgspec.to_builtins(explain(table, question))
    for route in document["routes"]:
        del route["host"]
    return document


def regions(table: Table, caller: Caller) -> list[dict[str, Any]]:
    """The regions of this key: id, name, whether a lawyer signed, and the texts that stand beside answers.

    `label` follows every answer, `disclosure` opens a conversation; each is empty where the region asks for none.
    `device` says whether the region's rules let a model on the person's own device answer, `terms` what such a model
    must not be asked or say (starter lists alone, web/starter.py), `notices` what must be shown of a model by its tier.
    """
    out = []
    for name in caller.regions:
        region = table.regions.get(name)
        if region is None:
            continue
        decision = table.decide(Question((name,)))
        owed = [o for plan in (*decision.plans[:1], *decision.device[:1]) for o in plan.obligations]
        out.append(
            {
                "id": name,
                "name": region.name,
                "own": name == caller.region,
                "draft": region.reviewed.status == "draft",
                "label": _text(owed, "label.show"),
                "disclosure": _text(owed, "disclose"),
                "device": bool(decision.device),
                "terms": starter.terms_for(decision.device[0].obligations) if decision.device else [],
                "notices": {
                    "device": _notice(decision.device),
                    "private": _notice(tuple(plan for plan in decision.plans if plan.route.tier == "private")),
                },
                "partners": list(dict.fromkeys(p.route.title for p in decision.plans if p.route.tier == "partner")),
            }
        )
    return out


def _notice(plans: tuple[Plan, ...]) -> str:
    """What the first of these routes must show of itself, such as the model's name and filing number."""
    return _text(list(plans[0].obligations), "notice.show") if plans else ""


def _text(owed: list[Obligation], verb: str) -> str:
    return next((str(each.values["text"]) for each in owed if each.verb == verb), "")
