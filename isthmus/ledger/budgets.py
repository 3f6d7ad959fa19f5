"""Budgets: how much an organisation, a tenant, a key or a person may use, as the accounts keep it.

What was used of one is counted elsewhere (ledger.leases), so that a request never waits for the accounts.
"""

from __future__ import annotations

import secrets

import msgspec
import sqlalchemy as sa

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller
from isthmus.ledger import tables
from isthmus.ledger.database import Database

SCOPES = ("organisation", "tenant", "key", "user")
UNITS = ("requests", "tokens", "money", "concurrency")
SPANS = ("minute", "day", "month")
EACH = "*"  # a user budget for each person of the tenant, apart
MOST = 2**53 - 1  # what every store counts exactly (a script in Valkey counts in IEEE 754 doubles)
_budgets = tables.budgets


class Budget(msgspec.Struct, frozen=True):
    """One limit. `target` is the organisation's, tenant's or key's id; for scope user the tenant's, and `subject` one
    person of it or "*" for each.

    `most` counts requests, tokens, requests at once (concurrency), or micro-units of `currency` (money). `span` is the
    window in UTC; concurrency has none ("").
    """

    id: str
    scope: str
    target: str
    unit: str
    span: str
    most: int
    subject: str = ""
    currency: str = ""

    def words(self) -> str:
        """The limit in words that its owner reads; a person is never named."""
        whose = "one person" if self.scope == "user" else f"{self.scope} {self.target}"
        amount = f"{self.most:,} {self.unit}"
        if self.unit == "money":
            amount = f"{self.most // 1_000_000:,}.{self.most % 1_000_000:06d} {self.currency}"
        if self.unit == "concurrency":
            return f"{self.most:,} requests at once of {whose}"
        return f"{amount} a {self.span} of {whose}"


def binds(budget: Budget, caller: Caller) -> bool:
    """Whether a budget may count a caller's request (a user budget: depending on the person)."""
    match budget.scope:
        case "organisation":
            return budget.target == caller.organisation
        case "key":
            return budget.target == caller.key_id
        case _:
            return budget.target == caller.tenant


class Budgets:
    """The budgets of one house. Methods run a transaction each; none is for the hot path."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def set(self, budget: Budget) -> Budget:
        """Make a budget, or change the limit of the one for the same purpose; the budget as it is kept, with its id.

        Raises Refusal bad_field.
        """
        _check(budget)
        same = [
            getattr(_budgets.c, name) == getattr(budget, name)
            for name in ("scope", "target", "subject", "unit", "span", "currency")
        ]
        with self._database.writing() as connection:
            known = connection.execute(sa.select(_budgets.c.id).where(*same)).scalar()
            if known is not None:
                connection.execute(_budgets.update().where(_budgets.c.id == known).values(most=budget.most))
                return msgspec.structs.replace(budget, id=known)
            budget = msgspec.structs.replace(budget, id=f"bud_{secrets.token_hex(5)}")
            row = msgspec.structs.asdict(budget) | {"made_at": self._clock.epoch_ms()}
            connection.execute(_budgets.insert().values(**row))
        return budget

    def list(self) -> tuple[Budget, ...]:
        """Every budget, oldest first."""
        query = sa.select(_budgets).order_by(_budgets.c.made_at, _budgets.c.id)
        return tuple(
            Budget(row.id, row.scope, row.target, row.unit, row.span, row.most, row.subject, row.currency)
            for row in self._database.rows(query)
        )

    def remove(self, id: str) -> None:
        """Lift a budget. Raises Refusal unknown_budget."""
        with self._database.writing() as connection:
            if connection.execute(_budgets.delete().where(_budgets.c.id == id)).rowcount == 0:
                raise Refusal("unknown_budget", id=id)

    def forget(self, connection: sa.Connection, tenant: str, subject: str) -> None:
        """Within a change that erases a person: their own budgets go too."""
        theirs = (_budgets.c.scope == "user") & (_budgets.c.target == tenant) & (_budgets.c.subject == subject)
        connection.execute(_budgets.delete().where(theirs))


def _check(budget: Budget) -> None:
    """Raises Refusal bad_field."""
    for field, known in (("scope", SCOPES), ("unit", UNITS)):
        if getattr(budget, field) not in known:
            raise Refusal("bad_field", field=field, reason="it is one of " + ", ".join(known))
    if (budget.span in SPANS) == (budget.unit == "concurrency") or budget.span not in ("", *SPANS):
        reason = "it is one of " + ", ".join(SPANS) + "; concurrency has none"
        raise Refusal("bad_field", field="span", reason=reason)
    if not 1 <= budget.most <= MOST:
        raise Refusal("bad_field", field="most", reason=f"it is 1 to {MOST}")
    money = budget.unit == "money"
    fits = len(budget.currency) == 3 and budget.currency.isascii() and budget.currency.isupper()
    if fits != money or (not money and budget.currency):
        raise Refusal("bad_field", field="currency", reason="money has a currency, such as USD; nothing else has one")
    if (budget.scope == "user") != bool(budget.subject):
        raise Refusal("bad_field", field="subject", reason="a user's budget names a person, or * for each")
    for field, longest in (("target", 64), ("subject", 200)):
        text = getattr(budget, field)
        if len(text) > longest or not text.isprintable() or (field == "target" and not text):
            raise Refusal("bad_field", field=field, reason=f"it has at most {longest} printable characters")
