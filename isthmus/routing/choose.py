"""Which lawful routes may answer, in order.

The decision lists what is lawful; the caller's `model` may narrow it, never widen it; a route whose breaker is open
goes to the end. Nothing here can name a route that the decision does not list.
"""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.core.decision import TIERS, Decision, Plan, RuledOut
from isthmus.core.errors import Refusal
from isthmus.routing.breaker import Breakers

AUTO = "auto"


class Chooser:
    """Remembers the narrowed plans per decision and model, so that a request costs one look-up."""

    __slots__ = ("_breakers", "_known", "_names")

    def __init__(self, breakers: Breakers, names: Iterable[str]) -> None:
        self._breakers = breakers
        self._names = frozenset(names)
        # By the decision's identity, because hashing one takes longer than all else here; the decision is kept with its
        # plans, so that the identity is never another's.
        self._known: dict[tuple[int, str], tuple[tuple[Plan, ...], Decision]] = {}

    def choose(self, decision: Decision, model: str) -> tuple[Plan, ...]:
        """Plans for `model` ("auto", a tier, a partner, a model or a route name), best first; never empty.

        Raises Refusal unknown_model or no_lawful_route.
        """
        known = self._known.get((id(decision), model))
        if known is None:
            known = self._narrow(decision, model), decision
            if len(self._known) > 4096:
                self._known.clear()
            self._known[id(decision), model] = known
        plans = known[0]
        self._breakers.budget.requests += 1
        if self._breakers.any_open:
            return tuple(sorted(plans, key=lambda plan: self._breakers.is_open(plan.route.name)))
        return plans

    def among(self, decision: Decision, model: str) -> tuple[Plan, ...]:
        """As `choose`, for somebody who serves no request of their own by it: a hedge."""
        plans = self.choose(decision, model)
        self._breakers.budget.requests -= 1
        return plans

    def _narrow(self, decision: Decision, model: str) -> tuple[Plan, ...]:
        plans = tuple(plan for plan in decision.plans if answers_to(plan, model))
        if plans:
            return plans
        if model != AUTO and model not in TIERS and model not in self._names:
            raise Refusal("unknown_model", model=model if model.isprintable() and len(model) <= 64 else "-")
        raise no_lawful_route(decision, model)


def answers_to(plan: Plan, model: str) -> bool:
    """Whether a caller who asks for `model` may get this plan."""
    route = plan.route
    return model in (AUTO, route.name, route.partner, route.model, route.tier) or model in route.aliases


def no_lawful_route(decision: Decision, model: str) -> Refusal:
    """The refusal that cites the rules which ruled the asked-for routes out."""
    named = [out for out in decision.ruled_out if model == AUTO or _names(out, model)] or list(decision.ruled_out)
    reason = decision.refusal or "; ".join(dict.fromkeys(f"{out.route}: {out.reason}" for out in named[:3]))
    cited = dict.fromkeys(cited for out in named for cited in out.law)
    law = [{"title": each.title, "article": each.article, "since": each.since.isoformat()} for each in cited]
    extra = {"decision": decision.digest, "law": law, "lawful": [plan.route.name for plan in decision.plans]}
    return Refusal(decision.code or "no_lawful_route", extra=extra, reason=reason, feature=decision.question.feature)


def _names(out: RuledOut, model: str) -> bool:
    return out.route == model or out.route.partition("/")[0] == model or out.route.partition("/")[2] == model
