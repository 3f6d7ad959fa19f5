"""Money: budgets and what was used of them, who spends most, and when a budget ends at this rate."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import sqlalchemy as sa

from isthmus.core.errors import Refusal
from isthmus.ledger import tables
from isthmus.ledger.budgets import MOST, SCOPES, SPANS, Budget
from isthmus.web.admin.now import cost_of
from isthmus.web.admin.office import Call, Office
from isthmus.web.admin.operation import Done, Operation, plain

Most = Annotated[float, msgspec.Meta(ge=1, le=MOST)]  # JSON knows one kind of number; a fraction is cut off
Target = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+$", min_length=1, max_length=64)]
Scope = Literal[SCOPES]  # type: ignore[valid-type]
Span = Literal[SPANS]  # type: ignore[valid-type]
Subject = Annotated[str, msgspec.Meta(max_length=200)]


class _Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="unit", kw_only=True):
    """`target` is the organisation's, tenant's or key's id. For scope user it is the tenant's, and `subject` names one
    person of it, or each ("*"); other scopes have no subject.
    """

    scope: Scope
    target: Target
    most: Most
    subject: Subject = "*"
    span: str = ""
    currency: str = ""


class Requests(_Limit, frozen=True, tag="requests"):
    """So many requests in a window."""

    span: Span
    currency: Literal[""] = ""


class Tokens(_Limit, frozen=True, tag="tokens"):
    """So many tokens in a window."""

    span: Span
    currency: Literal[""] = ""


class Spend(_Limit, frozen=True, tag="money"):
    """So many micro-units of a currency in a window."""

    span: Span
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]


class Concurrency(_Limit, frozen=True, tag="concurrency"):
    """So many requests at once."""

    span: Literal[""] = ""
    currency: Literal[""] = ""


NewBudget = Requests | Tokens | Spend | Concurrency


class BudgetSeen(msgspec.Struct, frozen=True):
    """A budget and its present window. `used` is settled, `taken` adds what leases hold; 0 while nothing was used.

    `ends_at` (ms since 1970 UTC) is when `most` is reached at the window's own mean rate; 0: not in this window.
    """

    budget: Budget
    words: str
    used: int
    taken: int
    starts: int
    ends: int
    ends_at: int


class TenantSpend(msgspec.Struct, frozen=True):
    """What a tenant used since `since` (ms): counted from the ledger as it grew, at list prices (USD)."""

    tenant: str
    organisation: str
    answers: int
    tokens_in: int
    tokens_out: int
    cost: float
    top_model: str


class Money(msgspec.Struct, frozen=True):
    """Budgets, and spend by tenant. `priced` says how to read the money."""

    since: int
    budgets: list[BudgetSeen]
    tenants: list[TenantSpend]
    priced: str
    skipped: int


def money(office: Office, call: Call) -> Money:
    allowed = office.tenants_of(call.person)
    spent = [each for each in _spend(office) if allowed is None or each.tenant in allowed]
    priced = "list prices of the partner files; a rehearsal owes nothing"
    return Money(office.history.since * 1000, _budgets(office, call), spent, priced, office.tail.skipped)


def set_budget(office: Office, call: Call) -> Budget:
    asked = call.body
    _own(office, call, asked.scope, asked.target, changes=True)
    unit = str(asked.__struct_config__.tag)
    subject = plain(asked.subject) or "*" if asked.scope == "user" else ""
    return office.accounts.budgets.set(
        Budget("", asked.scope, asked.target, unit, asked.span, int(asked.most), subject, asked.currency)
    )


def lift_budget(office: Office, call: Call) -> Done:
    id = call.path["id"]
    there = next((each.budget for each in _budgets(office, call) if each.budget.id == id), None)
    if there is None:
        raise Refusal("unknown_budget", id=id)
    _own(office, call, there.scope, there.target, changes=True)
    office.accounts.budgets.remove(id)
    return Done(id)


def _own(office: Office, call: Call, scope: str, target: str, *, changes: bool = False) -> None:
    """People of one organisation set limits for its own tenants and keys; the one that the house set on all of them
    they see, and do not change. Raises Refusal not_permitted.
    """
    own = call.person.organisation
    if not own:
        return
    if changes and scope == "organisation":
        raise Refusal("not_permitted", role=call.person.role, needs="the whole house")
    tenants = office.tenants_of(call.person) or frozenset()
    keys = {key.id for key in office.accounts.list_keys() if key.tenant in tenants}
    mine = {"organisation": {own}, "tenant": tenants, "user": tenants, "key": keys}[scope]
    if target not in mine:
        raise Refusal("not_permitted", role=call.person.role, needs="that organisation")


def _budgets(office: Office, call: Call) -> list[BudgetSeen]:
    found = []
    windows = _windows(office)
    for budget in office.accounts.budgets.list():
        try:
            _own(office, call, budget.scope, budget.target)
        except Refusal:
            continue
        starts, ends, taken, used = windows.get(budget.id, (0, 0, 0, 0))
        now = office.clock.epoch_ms()
        ends_at = 0
        if taken and now > starts:
            reached = starts + (now - starts) * budget.most // taken
            ends_at = reached if reached < ends else 0
        found.append(BudgetSeen(budget, budget.words(), used, taken, starts, ends, ends_at))
    return found


def _windows(office: Office) -> dict[str, tuple[int, int, int, int]]:
    """The present window of each budget: starts, ends, taken, settled; persons' own windows are added up."""
    now = office.clock.epoch_ms()
    there = tables.counters
    query = sa.select(there).where(there.c.starts <= now, there.c.ends > now)
    found: dict[str, tuple[int, int, int, int]] = {}
    with office.accounts.database.engine.connect() as connection:
        for row in connection.execute(query):
            id = row.budget.partition("/")[0]
            known = found.get(id, (row.starts, row.ends, 0, 0))
            found[id] = (known[0], known[1], known[2] + row.taken, known[3] + row.settled)
    return found


def _spend(office: Office) -> list[TenantSpend]:
    owners = office.accounts.list_tenants()
    partners = office.partners()
    found: dict[str, list[tuple[str, list[int], float]]] = {}
    for (tenant, route), used in list(office.tail.tenants.items()):
        cells = [0] * 64
        cells[4], cells[5] = used[1], used[2]
        cost, _ = cost_of({("answers", "", route, "", "", ""): tuple(cells)}, partners)
        found.setdefault(tenant, []).append((route, used, cost or 0.0))
    spent = [
        TenantSpend(
            tenant, owners.get(tenant, ""), sum(u[0] for _, u, _ in rows), sum(u[1] for _, u, _ in rows),
            sum(u[2] for _, u, _ in rows), round(sum(c for _, _, c in rows), 6), max(rows, key=lambda r: r[1][0])[0],
        )
        for tenant, rows in found.items()
    ]  # fmt: skip
    return sorted(spent, key=lambda each: (-each.cost, -each.answers, each.tenant))


OPERATIONS = (
    Operation("GET", "/money", "money.read", "Budgets, and who spends", money, Money),
    Operation("POST", "/budgets", "money.change", "Set a budget, or change its limit", set_budget, Budget,
              body=NewBudget, status=201),
    Operation("DELETE", "/budgets/{id}", "money.change", "Lift a budget", lift_budget, Done,
              refusals=("unknown_budget",)),
)  # fmt: skip
