"""The receipt of an exchange, and the duty `log.keep`: how long the law wants it kept.

Everything in a receipt is a name, a number or a word of a closed list; no text of the person or of the model can get
here, because none of the fields read below holds any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from isthmus.core.clock import Clock
from isthmus.core.decision import Obligation, Plan, Question, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.core.operator import Operator
from isthmus.ledger.prints import Printed
from isthmus.ledger.receipt import Law, Receipt
from isthmus.partners.schema import Partner
from isthmus.policy import fingerprint, money
from isthmus.policy.house import House

if TYPE_CHECKING:
    from isthmus.policy.compile import Table

VERBS = ("log.keep",)
NAME = "receipt"

_MONTH = 31  # days; "six months" is never more than 6 * 31 days, so a minimum is never cut short
_UNSET = (0, 0)
_NOBODY = Question(())


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage:
    """A stage that notes for the receipt how many days it is kept at least and at most.

    The strictest binds: the longest minimum (PRC Cybersecurity Law Art 23: six months), the shortest maximum (GDPR
    Art 5(1)(e): no longer than needed; how long that is only the operator knows). Raises Refusal bad_law when the
    minimum is longer than the maximum.
    """
    least, most = 0, 0
    for each in obligations:
        least = max(least, int(each.values.get("min_days", 0)), int(each.values.get("min_months", 0)) * _MONTH)
        limit = _days(each, house)
        if limit:
            most = min(most or limit, limit)
    if most and least > most:
        rules = ", ".join(f"{each.region} {each.rule}" for each in obligations)
        raise Refusal("bad_law", reason=f"{rules}: logs kept {least} days at least and {most} days at most.")
    span = (least, most)

    def keep(ex: Exchange) -> None:
        ex.held[NAME] = span
        if NAME not in ex.met:
            ex.met.append(NAME)

    # On the way in, so that an answer that breaks off is kept as long as one that ends.
    return Stage(NAME, on_request=keep)


def binds_log(plan: Plan | None) -> bool:
    """Whether the law behind a plan sets a least time for keeping its receipt: without a receipt it may not answer.

    Elsewhere an answer whose receipt could not be written may be given, if the caller is told so.
    """
    if plan is None:
        return True
    return any(
        owed.verb == "log.keep" and (owed.values.get("min_months") or owed.values.get("min_days"))
        for owed in plan.obligations
    )


def _days(obligation: Obligation, house: House) -> int:
    """The most days of one obligation; 0 where neither the law nor the operator says."""
    limit = obligation.values.get("max_days", 0)
    if not isinstance(limit, int):
        limit = house.operator.facts(obligation.region).log_max_days
    return limit if isinstance(limit, int) else 0


def compose(ex: Exchange, clock: Clock) -> Receipt | Printed:
    """What the ledger keeps of a finished exchange: its receipt, and the fingerprint of its text where one is owed.

    Fields are references; the ledger's thread encodes them, and draws the fingerprint, later.
    """
    made = plain(ex, clock)
    draw = fingerprint.taken(ex) if fingerprint.SAID in ex.held else None
    return made if draw is None or not made.route else Printed(made, draw)


def plain(ex: Exchange, clock: Clock) -> Receipt:
    """The receipt alone."""
    decision, plan, caller = ex.decision, ex.plan, ex.caller
    begun = ex.received_at
    whole = int((clock.monotonic() - begun) * 1e6)
    first = int((ex.first_at - begun) * 1e6) if ex.first_at else 0
    question, digest, verdict = _NOBODY, "", ""
    if decision is not None:
        question, digest, verdict = decision.question, decision.digest, decision.verdict
    regions, feature, modality, event, age, data, content = question
    name = partner = model = tier = ""
    rehearsal = False
    if plan is not None:
        route = plan.route
        name, partner, model, tier, rehearsal = route.name, route.partner, route.model, route.tier, route.rehearsal
    least, most = ex.held.get(NAME, _UNSET)
    return Receipt(
        ex.id,
        clock.epoch_ms() - whole // 1000,
        caller.key_id,
        caller.tenant,
        regions,
        feature,
        modality,
        event,
        age,
        data,
        content,
        digest,
        verdict,
        ex.outcome,
        ex.refusal_code,
        name,
        partner,
        model,
        tier,
        rehearsal,
        ex.attempts,
        ex.label,
        ex.label_at,
        len(ex.notices),
        ex.met,
        ex.masks,
        ex.blocked,
        ex.consent_id,
        ex.usage,
        money.text(ex.cost),
        ex.stream,
        ex.finish,
        first,
        whole,
        least,
        most,
        ex.estimated,
        _withdrawn(ex) if ex.refusal_code == "stream_ended" else "",
    )


def _withdrawn(ex: Exchange) -> str:
    """The consent whose withdrawal ended a stream; "" when something else did."""
    return next((consent.id for consent in ex.relies if consent.withdrawn), "")


def enacted(table: Table, partners: Mapping[str, Partner], operator: Operator, id: str, at: int) -> Law:
    """What the decisions of `table` were made from, to be left in the ledger when it comes into force.

    A receipt names the decision's digest; this entry says which files, which day and which version stand behind it.
    """
    return Law(
        id=id,
        at=at,
        decision=table.digest,
        day=table.today.isoformat(),
        version=version("isthmus"),
        regions={name: region.digest[:16] for name, region in table.regions.items()},
        partners={name: _digest(partner) for name, partner in partners.items()},
        operator=_digest(operator),
    )


def _digest(facts: Partner | Operator) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="sorted")).hexdigest()[:16]
