"""Minors: features the law closes to an age group, on every route.

Source: Anthropomorphic AI Measures (CN, 2026-07-15); each rule names what an unknown age counts as, and the compiled
decision has applied that already. So an obligation that arrives here binds.
"""

from __future__ import annotations

from collections.abc import Sequence

from isthmus.core.decision import Obligation, Route, Stage
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.policy.house import House
from isthmus.policy.wording import language_for, law_line, words

VERBS = ("feature.forbid",)
NAME = "minors"


def compile(obligations: Sequence[Obligation], route: Route, house: House) -> Stage | None:
    """A stage that refuses; the first rule is cited."""
    del route, house
    owed = obligations[0]
    law = law_line(owed.law)

    def on_request(ex: Exchange) -> None:
        assert ex.decision is not None
        question = ex.decision.question
        said = words("minors", language_for(ex.language, owed.region), owed.region)
        reason = said["forbidden_unknown" if question.age == "unknown" else "forbidden"].format(law=law)
        raise Refusal(
            "feature_forbidden", extra={"rule": owed.rule, "law": law}, feature=question.feature, reason=reason
        )

    return Stage(NAME, on_request=on_request)
