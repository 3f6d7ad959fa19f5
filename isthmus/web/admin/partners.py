"""Partners: who answers, how well, at what price; and draining one before its maintenance."""

from __future__ import annotations

import os

import msgspec

from isthmus.core import measures
from isthmus.core.errors import Refusal
from isthmus.core.measures import BUCKETS, FIRST, WHOLE
from isthmus.web.admin.history import Step
from isthmus.web.admin.now import cost_of, totals_by
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Done, Operation


class RouteHealth(msgspec.Struct, frozen=True):
    """One model of a partner in the last quarter of an hour. Times in seconds, None where nothing was counted."""

    route: str
    rehearsal: bool
    resting: int
    answers: int
    failed: int
    busy: int
    first_p50: float | None
    first_p99: float | None
    whole_p99: float | None
    cost: float | None
    points: list[float | None]


class PartnerSeen(msgspec.Struct, frozen=True):
    """One partner. `key_set`: its key is in this process's environment; without one it is rehearsed."""

    id: str
    title: str
    tier: str
    legal_name: str
    regions: list[str]
    key_env: str
    key_set: bool
    retention: str
    training: str
    drained: bool
    drained_since: str
    routes: list[RouteHealth]


class Price(msgspec.Struct, frozen=True):
    """One line of the price book: USD per million tokens."""

    route: str
    title: str
    input: float
    output: float
    cached: float
    source: str


def partners(office: Office, call: Call) -> list[PartnerSeen]:
    _, steps = office.history.steps("15m")
    if call.person.organisation:
        steps = []  # the house's own counts; what is in the files is for everybody
    by_route = totals_by(measures.add_up(step.rows for step in steps), 2)
    drains = {each.partner: each.since for each in office.store.drains()}
    rests = office.breakers()
    table = office.table()
    found = []
    for partner in office.partners().values():
        envs = {partner.key_env, *(each.key_env for each in partner.endpoint.values())} - {""}
        routes = [
            _health(office, name, by_route.get(name, (0,) * measures.CELLS), steps, rests)
            for name in _routes(partner.id, by_route, table.routes)
        ]
        found.append(
            PartnerSeen(
                partner.id, partner.title, partner.tier, partner.legal_name,
                sorted({each.region for each in partner.endpoint.values()}), partner.key_env,
                any(os.environ.get(env) for env in envs), partner.retention, partner.training,
                partner.id in drains, drains.get(partner.id, ""), routes,
            )
        )  # fmt: skip
    return found


def _routes(partner: str, *sources: object) -> list[str]:
    names = {str(name) for source in sources for name in source}  # type: ignore[attr-defined]
    return sorted(name for name in names if name.partition("/")[0] == partner)


def _health(
    office: Office, route: str, cells: tuple[int, ...], steps: list[Step], rests: dict[str, int]
) -> RouteHealth:
    points, failed, busy = [], 0, 0
    for step in steps:
        mine = [c for labels, c in step.rows.items() if labels[2] == route]
        buckets = tuple(sum(c[FIRST + n] for c in mine) for n in range(BUCKETS))
        points.append(measures.quantile(buckets, 0.99) or None)
        for labels, c in step.rows.items():
            if labels[2] == route and labels[4] in ("interrupted", "failed"):
                failed += c[measures.COUNT]
            if labels[2] == route and labels[5] == "upstream_busy":
                busy += c[measures.COUNT]
    known = office.table().routes.get(route)
    cost, _ = cost_of({("answers", "", route, "", "", ""): cells}, office.partners())
    return RouteHealth(
        route, known is not None and known.rehearsal, rests.get(route, 0), cells[measures.COUNT], failed, busy,
        measures.quantile(cells[FIRST : FIRST + BUCKETS], 0.5) or None,
        measures.quantile(cells[FIRST : FIRST + BUCKETS], 0.99) or None,
        measures.quantile(cells[WHOLE : WHOLE + BUCKETS], 0.99) or None,
        cost, points,
    )  # fmt: skip


def prices(office: Office, call: Call) -> list[Price]:
    return [
        Price(f"{partner.id}/{name}", model.title or name, model.rate.input, model.rate.output, model.rate.cached,
              model.rate.source)
        for partner in office.partners().values()
        for name, model in partner.model.items()
        if model.rate is not None
    ]  # fmt: skip


def drain(office: Office, call: Call) -> Done:
    office.store.drain(_known(office, call.path["id"]), call.person.id)
    return Done(call.path["id"])


def undrain(office: Office, call: Call) -> Done:
    office.store.undrain(_known(office, call.path["id"]))
    return Done(call.path["id"])


def _known(office: Office, id: str) -> str:
    if id not in office.partners():
        raise Refusal("unknown_object", kind="partner", id=id)
    return id


OPERATIONS = (
    Operation("GET", "/partners", "partners.read", "Partners, their health and routes", partners, list[PartnerSeen]),
    Operation("GET", "/prices", "money.read", "The price book", prices, list[Price]),
    Operation(
        "PUT", "/partners/{id}/drain", "partners.change", "Ask this partner only where nobody else may answer", drain,
        Done, refusals=("unknown_object",),
    ),
    Operation(
        "DELETE", "/partners/{id}/drain", "partners.change", "Ask this partner as before", undrain, Done,
        refusals=("unknown_object",),
    ),
)  # fmt: skip
