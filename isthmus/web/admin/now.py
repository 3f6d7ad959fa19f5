"""What the console's first page says: one sentence, five figures, where answers come from, how fast, what was refused.

Nothing here is invented: what no counter knows is None, and the page says "not measured".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from isthmus.core import measures
from isthmus.core.measures import BUCKETS, FIRST, WHOLE
from isthmus.partners.schema import Partner
from isthmus.regions.schema import HOUSE_ID, Region
from isthmus.web.admin.history import Rows, Step

FIRST_LIMIT = 2.0  # seconds to the first content that the p99 is held against
# The verbs of the rules that a refusal's code comes from.
VERBS_OF = {
    "content_blocked": ("scan",),
    "suspended": ("user.strike",),
    "consent_required": ("consent.require",),
    "consent_invalid": ("consent.require",),
    "guardian_required": ("consent.require",),
    "age_required": ("feature.forbid", "consent.require"),
    "feature_forbidden": ("feature.forbid",),
    "no_lawful_route": ("route.require", "route.forbid", "residency"),
}


class Flow(msgspec.Struct, frozen=True):
    """So many exchanges from a region to a place: a route's partner, the private tier, or "refused"."""

    region: str
    place: str
    tier: str
    count: int


class Refused(msgspec.Struct, frozen=True):
    """Refusals of one code in one region, with the law it comes from ("" where it is a limit of this house)."""

    region: str
    code: str
    law: str
    count: int


class Point(msgspec.Struct, frozen=True):
    """One step of the time line. Seconds; None where nothing was counted."""

    at: int
    count: int
    refused: int
    p50: float | None
    p99: float | None
    tokens: int


class Need(msgspec.Struct, frozen=True):
    """Something an operator should look at, and the page to open."""

    title: str
    text: str
    page: str


class Now(msgspec.Struct, frozen=True):
    """The document of GET /admin/v1/now. Rates are per second over the window that was really seen."""

    at: int
    since: int
    step: int
    seconds: int
    source: str
    sentence: str
    worst: str
    count: int
    per_second: float
    refused_percent: float | None
    first_p50: float | None
    first_p99: float | None
    cost_per_hour: float | None
    priced: str
    device: str
    unlabelled: int
    flows: list[Flow]
    points: list[Point]
    refusals: list[Refused]
    needs: list[Need]


class Known(NamedTuple):
    """What a sentence needs beside the counters."""

    partners: Mapping[str, Partner]
    regions: Mapping[str, Region]
    rehearsing: bool


def first_page(
    at: int, since: int, step: int, steps: list[Step], known: Known, needs: list[Need], source: str, region: str = ""
) -> Now:
    """The document for a window of `steps`. `region` narrows it to one region's id."""
    chosen = [Step(each.at, _of(each.rows, region)) for each in steps]
    total = measures.add_up(each.rows for each in chosen)
    count = sum(cells[measures.COUNT] for cells in total.values())
    refused = sum(cells[measures.COUNT] for labels, cells in total.items() if labels[4] == "refused")
    unlabelled = sum(cells[measures.UNLABELLED] for cells in total.values())
    seconds = max(1, min(at - since, len(chosen) * step))
    firsts = _sum(total, FIRST)
    p99 = measures.quantile(firsts, 0.99) or None
    cost, priced = cost_of(total, known.partners)
    worst = _worst(unlabelled, p99, needs)
    return Now(
        at=at,
        since=since,
        step=step,
        seconds=seconds,
        source=source,
        sentence=_sentence(count, known),
        worst=worst,
        count=count,
        per_second=round(count / seconds, 3),
        refused_percent=round(100 * refused / count, 3) if count else None,
        first_p50=measures.quantile(firsts, 0.5) or None,
        first_p99=p99,
        cost_per_hour=None if cost is None else round(cost * 3600 / seconds, 6),
        priced=priced,
        device="not measured: devices do not report what they answer",
        unlabelled=unlabelled,
        flows=flows(total),
        points=[_point(each) for each in chosen],
        refusals=refusals(total, known.regions),
        needs=needs[:5],
    )


def _of(rows: Rows, region: str) -> Rows:
    return {
        labels: cells
        for labels, cells in rows.items()
        if labels[0] == "answers" and (not region or region in labels[1].split("+"))
    }


def _sum(rows: Rows, begin: int) -> tuple[int, ...]:
    return tuple(sum(cells[begin + n] for cells in rows.values()) for n in range(BUCKETS))


def _point(step: Step) -> Point:
    firsts = _sum(step.rows, FIRST)
    wholes = firsts if any(firsts) else _sum(step.rows, WHOLE)
    return Point(
        at=step.at,
        count=sum(cells[measures.COUNT] for cells in step.rows.values()),
        refused=sum(cells[measures.COUNT] for labels, cells in step.rows.items() if labels[4] == "refused"),
        p50=measures.quantile(wholes, 0.5) or None,
        p99=measures.quantile(wholes, 0.99) or None,
        tokens=sum(cells[measures.TOKENS_IN] + cells[measures.TOKENS_OUT] for cells in step.rows.values()),
    )


def flows(total: Rows) -> list[Flow]:
    """Where answers came from, the largest first."""
    found: dict[tuple[str, str, str], int] = {}
    for (_, region, route, tier, outcome, _code), cells in total.items():
        place = route.partition("/")[0] if route else ("refused" if outcome == "refused" else "not answered")
        key = (region, place, tier or place)
        found[key] = found.get(key, 0) + cells[measures.COUNT]
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Flow(region, place, tier, n) for (region, place, tier), n in ranked if n]


def refusals(total: Rows, regions: Mapping[str, Region]) -> list[Refused]:
    """What was refused and by which law, the commonest first."""
    found: dict[tuple[str, str], int] = {}
    for (_, region, _route, _tier, _outcome, code), cells in total.items():
        if code:
            found[region, code] = found.get((region, code), 0) + cells[measures.COUNT]
    ranked = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return [Refused(region, code, law_of(code, region, regions), n) for (region, code), n in ranked if n][:12]


def law_of(code: str, region: str, regions: Mapping[str, Region]) -> str:
    """The first law of the rules that this refusal can come from; "" when it is a limit of this house."""
    verbs = VERBS_OF.get(code, ())
    for name in (*region.split("+"), HOUSE_ID):
        rules = [rule for rule in (regions[name].rules if name in regions else ()) if rule.check in verbs and rule.law]
        # A consent that is missing is nearly always the one to a recipient.
        rules.sort(key=lambda rule: rule.values.get("kind", "separate") != "separate")
        if rules:
            return f"{name}, {rules[0].law[0].title} {rules[0].law[0].article}".strip()
    return ""


def cost_of(total: Rows, partners: Mapping[str, Partner]) -> tuple[float | None, str]:
    """List price in USD of what was counted, and how to read it. None when nothing has a price."""
    cost, unpriced = 0.0, 0
    priced = False
    for labels, cells in total.items():
        partner, _, model = labels[2].partition("/")
        model = model.partition("@")[0]  # a route may name its endpoint too
        known = partners.get(partner)
        rate = known.model[model].rate if known is not None and model in known.model else None
        if rate is not None:
            priced = True
            cost += (cells[measures.TOKENS_IN] * rate.input + cells[measures.TOKENS_OUT] * rate.output) / 1e6
        elif labels[2]:
            unpriced += cells[measures.COUNT]
    said = "list prices of partner files"
    if unpriced:
        said += f"; {unpriced} answers have no price"
    return (cost, said) if priced else (None, "no answer had a price")


def _sentence(count: int, known: Known) -> str:
    if not count:
        return "No query came in this time."
    rehearsal = " (rehearsal: partners are played by the local model)" if known.rehearsing else ""
    return f"Every answer took a permitted route{rehearsal}."


def _worst(unlabelled: int, p99: float | None, needs: Iterable[Need]) -> str:
    if unlabelled:
        return f"{unlabelled} answers went without the label they owe, limit 0."
    if p99 is not None and p99 > FIRST_LIMIT:
        return f"First content is slow: p99 {p99:.1f} s, limit {FIRST_LIMIT:.1f}."
    first = next(iter(needs), None)
    return f"{first.title}: {first.text}" if first is not None else ""


def totals_by(total: Rows, at: int) -> dict[str, tuple[int, ...]]:
    """Rows added up by one of their labels (1 region, 2 route, 4 outcome)."""
    found: dict[str, tuple[int, ...]] = {}
    for labels, cells in total.items():
        word = labels[at]
        known = found.get(word)
        found[word] = cells if known is None else tuple(a + b for a, b in zip(known, cells, strict=True))
    return found
