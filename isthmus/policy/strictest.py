"""When several laws bind one answer: union of duties, the largest minimum, the smallest maximum.

A minimum above a maximum cannot be met by anyone: that is a conflict, and both laws are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from isthmus.core.decision import Obligation

# A month of retention is counted as 31 days, so that it is never too short.
DAYS_PER_MONTH = 31
LARGEST = ("min_days", "min_months", "terms_min", "log_months")
SMALLEST = (
    "max_days", "in_a_row", "per_day", "every_hours", "text_over_tokens", "max_taps", "reply_days", "takedown_hours",
)  # fmt: skip
BOUNDED = "log.keep"


class Conflict(msgspec.Struct, frozen=True):
    """Two obligations that no one can meet at once."""

    least: Obligation
    most: Obligation

    def sentence(self) -> str:
        """Both laws in one sentence."""
        return (
            f"{self.least.region}.{self.least.rule} ({cite(self.least)}) asks for at least {least_days(self.least)} "
            f"days, {self.most.region}.{self.most.rule} ({cite(self.most)}) allows at most "
            f"{self.most.values['max_days']} days."
        )


def cite(obligation: Obligation) -> str:
    """The principal place in the law, e.g. "GDPR 5.1.e"."""
    law = obligation.law[0]
    return f"{law.title} {law.article}".strip()


def least_days(obligation: Obligation) -> int:
    """The shortest retention an obligation allows, in days; 0 when it names none."""
    values = obligation.values
    return max(int(values.get("min_days", 0)), int(values.get("min_months", 0)) * DAYS_PER_MONTH)


def conflict(obligations: Sequence[Obligation]) -> Conflict | None:
    """The first pair of retention duties that exclude each other. Logs of different named kinds do not meet."""
    kept = [owed for owed in obligations if owed.verb == BOUNDED]
    for least in kept:
        for most in kept:
            limit = most.values.get("max_days")
            kinds = {least.values.get("what"), most.values.get("what")}
            if (len(kinds) == 1 or None in kinds) and isinstance(limit, int) and least_days(least) > limit:
                return Conflict(least, most)
    return None


def merge(obligations: Sequence[Obligation]) -> tuple[Obligation, ...]:
    """`obligations` with each figure set to the strictest that any of the same verb asks for."""
    figures: dict[tuple[str, str], dict[str, Any]] = {}
    for owed in obligations:
        strictest = figures.setdefault(_group(owed), {})
        for key, value in owed.values.items():
            if not isinstance(value, int):
                continue
            if key in LARGEST:
                strictest[key] = max(value, strictest.get(key, value))
            elif key in SMALLEST:
                strictest[key] = min(value, strictest.get(key, value))
    return tuple(_with(owed, figures[_group(owed)]) for owed in obligations)


def _group(owed: Obligation) -> tuple[str, str]:
    """Figures are compared within one verb, and for logs and scans within one kind."""
    kind = owed.values.get("what") or owed.values.get("taxonomy") or owed.values.get("kind") or ""
    return owed.verb, kind if isinstance(kind, str) else ",".join(kind)


def _with(owed: Obligation, figures: Mapping[str, Any]) -> Obligation:
    changed = {key: value for key, value in figures.items() if key in owed.values and owed.values[key] != value}
    return msgspec.structs.replace(owed, values={**owed.values, **changed}) if changed else owed
