"""What a region asks of a file before it leaves: taken from the same decision that answers a question.

label.show gives the words for people, label.embed the fields and means for machines. Of several words the ones that
are contained in others are left out: "内容由AI生成" says "AI生成" too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from isthmus.core.decision import Decision, Plan
from isthmus.core.errors import Refusal
from isthmus.export.mark import PROVENANCE
from isthmus.policy.wording import law_line

LABEL_DUTY = "label_duty"


class Demand(msgspec.Struct, frozen=True):
    """`marks`: fields by key, {ledger_id}, {sig}, {time} still open. `means`: signed_metadata, watermark, latent.

    Of a text of at most `over_tokens` tokens no means are asked. `label`: words for people, "" where none are asked.
    `consent`: an agreement to export without them is needed. `law`: the citations behind each, by "label", "mark",
    "consent". `keep_min`: days that the export is remembered.
    """

    regions: tuple[str, ...]
    route: str
    system: str
    provider: str
    marks: Mapping[str, Mapping[str, str]] = {}
    means: tuple[str, ...] = ()
    over_tokens: int = 0
    label: str = ""
    consent: bool = False
    keep_min: int = 0
    law: Mapping[str, str] = {}


def of(decision: Decision, route: str = "") -> Demand:
    """What is owed on `route` (default: the first lawful one). Raises Refusal when nothing may answer there."""
    plan = _plan(decision, route)
    modality = decision.question.modality
    embeds = [owed for owed in plan.obligations if owed.verb == "label.embed"]
    shows = [owed for owed in plan.obligations if owed.verb == "label.show"]
    agreed = [owed for owed in plan.obligations if owed.verb == "consent.require" and owed.values["kind"] == LABEL_DUTY]
    marks: dict[str, dict[str, str]] = {}
    means: dict[str, None] = {}
    for owed in embeds:
        fields = {name: str(value) for name, value in (owed.values.get("fields") or {}).items()}
        if fields:
            marks.setdefault(str(owed.values.get("key") or PROVENANCE), {}).update(fields)
        means |= dict.fromkeys(owed.values.get("text" if modality == "text" else "media", ()))
    plain = decision.question.event == "export_plain"
    return Demand(
        regions=decision.question.regions,
        route=plan.route.name,
        system=plan.route.title,
        provider=plan.route.legal_name,
        marks=marks,
        means=tuple(means),
        over_tokens=max((int(owed.values.get("text_over_tokens", 0)) for owed in embeds), default=0),
        label="" if plain and agreed else " · ".join(_widest(str(owed.values["text"]) for owed in shows)),
        consent=bool(agreed),
        keep_min=max((int(owed.values.get("log_months", 0)) * 31 for owed in agreed), default=0),
        law={
            name: law_line(dict.fromkeys(cited for each in owed for cited in each.law))
            for name, owed in (("label", shows), ("mark", embeds), ("consent", agreed))
        },
    )


def _plan(decision: Decision, route: str) -> Plan:
    plans = (*decision.plans, *decision.device)
    for plan in plans:
        if route in ("", plan.route.name, plan.route.partner, plan.route.tier):
            return plan
    if route and plans:
        raise Refusal("unknown_model", model=route)
    raise Refusal(decision.code or "no_lawful_route", reason=decision.refusal)


def _widest(texts: Iterable[str]) -> list[str]:
    """The texts without doubles and without those that another contains."""
    each = list(dict.fromkeys(texts))
    return [text for text in each if not any(text != other and text in other for other in each)]
