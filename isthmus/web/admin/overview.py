"""The whole at a glance: now, the fleet of nodes, and the counters as Prometheus reads them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from isthmus.gateway import replica_measures
from isthmus.regions import active
from isthmus.web.admin import prometheus
from isthmus.web.admin.law import NodeSeen
from isthmus.web.admin.now import Known, Need, Now, first_page
from isthmus.web.admin.office import Call, Office, Worker
from isthmus.web.admin.operation import Operation

DAYS_AHEAD = 31
LEDGER_QUEUE = 10_000  # receipts waiting, from which on an operator should look


class NowQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The window, and one region ("" for all)."""

    range: Literal["15m", "1h", "24h", "7d"] = "15m"
    region: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{2}(-[A-Z]{2})?)?$")] = ""


class Fleet(msgspec.Struct, frozen=True):
    """Nodes that share the accounts, this node's workers, and the engine it was started with."""

    node: str
    nodes: list[NodeSeen]
    workers: list[Worker]
    counted: bool
    device: str


def now(office: Office, call: Call) -> Now:
    step, steps = office.history.steps(call.query.range)
    known = Known(office.partners(), office.regions(), office.operator().rehearsing)
    at = office.clock.epoch_ms() // 1000
    source = "workers' counters" if office.counted else "the end of the ledger"
    return first_page(at, office.history.since, step, steps, known, needs(office), source, call.query.region)


def needs(office: Office) -> list[Need]:
    """What an operator should look at, the most urgent first."""
    found = []
    for worker in office.workers():
        if worker.failed:
            found.append(Need("Receipts cannot be written", f"{worker.name}: nothing is served.", "ledger"))
        elif not worker.alive:
            found.append(Need("A worker is silent", f"{worker.name} was not heard for 5 s.", "fleet"))
        elif worker.behind or worker.waiting > LEDGER_QUEUE:
            found.append(Need("The ledger is behind", f"{worker.waiting} receipts wait for the disk.", "ledger"))
    state = office.law.state()
    if state.said:
        found.append(Need("A version of the law was refused", state.said, "decisions"))
    for route, workers in sorted(office.breakers().items()):
        if workers:
            found.append(Need(f"{route} rests", f"after failures, in {workers} workers.", "partners"))
    found += [Need(f"{each.partner} is drained", f"since {each.since}.", "partners") for each in office.store.drains()]
    table = office.table()
    if table.next_boundary is not None and (table.next_boundary - table.today).days <= DAYS_AHEAD:
        days = (table.next_boundary - table.today).days
        found.append(
            Need(
                f"Rules change in {days} days", f"on {table.next_boundary.isoformat()}. Compare the dates.", "decisions"
            )
        )
    return found


def fleet(office: Office, call: Call) -> Fleet:
    return Fleet(
        office.node,
        office.law.nodes(),
        office.workers(),
        office.counted,
        "not measured: devices do not report what they answer",
    )


def metrics(office: Office) -> str:
    """Everything, as Prometheus reads it."""
    pending = float(bool(office.law.state().pending))
    packaged = float(active.version(office.home) == active.PACKAGED)
    own = {
        "isthmus_law_pending": ("1 while a version of the law is being activated.", pending),
        "isthmus_law_packaged": ("1 while the law of the package is in force.", packaged),
        "isthmus_rehearsal": (
            "1 while partners are played by the local model.",
            float(office.operator().rehearsing),
        ),
    }
    seen = replica_measures.joined(office.measures / "fleet", office.clock.epoch_ms() / 1000)
    return prometheus.render(office.rows, office.sheets, own) + replica_measures.render(seen)


OPERATIONS = (
    Operation("GET", "/now", "measures.read", "Traffic, times, refusals, needs", now, Now, query=NowQuery),
    Operation("GET", "/fleet", "fleet.read", "Nodes and workers", fleet, Fleet),
)  # fmt: skip
