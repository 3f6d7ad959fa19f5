"""Set, list and lift budgets: money, tokens, requests, requests at once."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import EACH, Budget
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.leases import Level, StoreDownError
from isthmus.policy.meter import window

NAME = "budget"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_MICRO = 1_000_000


@app.command("set")
def set_budget(
    *,
    organisation: Annotated[str, typer.Option(help="For all tenants of this organisation together.")] = "",
    tenant: Annotated[str, typer.Option(help="For all keys of this tenant together.")] = "",
    key: Annotated[str, typer.Option(help="For the key with this id.")] = "",
    user: Annotated[
        str, typer.Option(help="With --tenant: for one person (their isthmus-subject), or * for each.")
    ] = "",
    money: Annotated[str, typer.Option(help='Amount and currency, e.g. "50 USD".')] = "",
    tokens: Annotated[int, typer.Option(help="Tokens, of questions and answers together.")] = 0,
    requests: Annotated[int, typer.Option(help="Requests.")] = 0,
    concurrency: Annotated[int, typer.Option(help="Requests at once; it has no --per.")] = 0,
    per: Annotated[str, typer.Option(help="minute, day or month (UTC).")] = "month",
    json: Json = False,
) -> None:
    """Set a budget, or change the limit of the one that is there."""
    scope, target = _whose(organisation, tenant, key, user)
    unit, most, currency = _what(money, tokens, requests, concurrency)
    span = "" if unit == "concurrency" else per
    accounts = _accounts()
    budget = accounts.budgets.set(Budget("", scope, target, unit, span, most, user, currency))
    accounts.close()
    if json:
        print(msgspec.json.encode(budget).decode())
        return
    print(f"{budget.id}: {budget.words()}.")


@app.command("list")
def list_budgets(json: Json = False) -> None:
    """Print every budget with what is spent, what is reserved and what is left of its window."""
    clock = SystemClock()
    accounts = _accounts()
    budgets = accounts.budgets.list()
    try:
        store = open_store(config.load().home, accounts)
        starts = {each.id: window(each.span, clock.now())[0] for each in budgets}
        levels = {each.id: store.level(each.id, starts[each.id], clock.epoch_ms()) for each in budgets}
        store.close()
    except StoreDownError:
        raise Refusal("quota_unavailable", retry_after=1) from None
    finally:
        accounts.close()
    if json:
        print(msgspec.json.encode([_row(each, levels[each.id]) for each in budgets]).decode())
        return
    table = Table(box=None)
    for column in ("id", "whose", "limit", "spent", "reserved", "left"):
        table.add_column(column, overflow="fold", no_wrap=column == "id")
    for each in budgets:
        level = levels[each.id]
        left = each.most - level.spent - level.reserved
        whose = f"{each.scope} {each.target}" + (f" {each.subject}" if each.subject else "")
        limit = _amount(each, each.most) + (f" a {each.span}" if each.span else " at once")
        if each.subject == EACH:  # each person's part is a counter of its own, under a hidden name
            table.add_row(each.id, whose, limit, "-", "-", "-")
        else:
            table.add_row(each.id, whose, limit, *(_amount(each, number) for number in (*level, left)))
    Console().print(table)


@app.command()
def remove(
    id: Annotated[str, typer.Argument(help="Id of the budget, as `isthmus budget list` prints it.")], json: Json = False
) -> None:
    """Lift a budget."""
    accounts = _accounts()
    accounts.budgets.remove(id)
    accounts.close()
    if json:
        print(msgspec.json.encode({"id": id, "removed": True}).decode())
        return
    print(f"Budget {id} is lifted.")


def _whose(organisation: str, tenant: str, key: str, user: str) -> tuple[str, str]:
    """Scope and target. Raises Refusal usage unless exactly one is named."""
    named = {"organisation": organisation, "tenant": tenant, "key": key}
    chosen = [(scope, target) for scope, target in named.items() if target]
    if len(chosen) != 1 or (user and not tenant):
        raise Refusal("usage", reason="Name one of --organisation, --tenant, --key; --user goes with --tenant.")
    return ("user", tenant) if user else chosen[0]


def _what(money: str, tokens: int, requests: int, concurrency: int) -> tuple[str, int, str]:
    """Unit, limit and currency. Raises Refusal usage unless exactly one is given."""
    given = {"tokens": tokens, "requests": requests, "concurrency": concurrency}
    chosen = [(unit, most, "") for unit, most in given.items() if most]
    if money:
        chosen.append(("money", *_money(money)))
    if len(chosen) != 1:
        raise Refusal("usage", reason="Give one of --money, --tokens, --requests, --concurrency.")
    return chosen[0]


def _money(text: str) -> tuple[int, str]:
    """Micro-units and currency of an amount such as "50 USD" or "0.25 CNY"."""
    amount, _, currency = text.partition(" ")
    try:
        micros = Decimal(amount) * _MICRO
        if micros != int(micros):
            raise InvalidOperation
    except (InvalidOperation, ValueError, OverflowError):
        raise Refusal("bad_field", field="money", reason='it is an amount and a currency, such as "50 USD"') from None
    return int(micros), currency


def _row(budget: Budget, level: Level) -> dict[str, object]:
    row = msgspec.structs.asdict(budget) | {"spent": level.spent, "reserved": level.reserved}
    return row | {"left": budget.most - level.spent - level.reserved}


def _amount(budget: Budget, number: int) -> str:
    if budget.unit != "money":
        return f"{number:,} {budget.unit}" if budget.unit != "concurrency" else f"{number:,}"
    return f"{Decimal(number) / _MICRO:,.6f} {budget.currency}"


def _accounts() -> Accounts:
    return Accounts.open(config.load().accounts, SystemClock())
