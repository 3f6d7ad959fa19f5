"""Budgets: what reserving and settling cost when a slice is in hand, for a caller with none, one and four budgets."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from datetime import date
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

from isthmus.core.clock import SystemClock
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import Usage, decode_ask
from isthmus.ledger.budgets import Budget
from isthmus.ledger.database import Database
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.partners.prices import Price, Tier
from isthmus.policy.quota import Quota

# A reserve or a settle with a slice in hand: at most 1 us each for one budget.
BUDGET_US = {
    "settle: no budget, price only": 1.5,
    "reserve and give back: one budget": 2.0,
    "reserve and give back: four budgets, tokens and money": 6.0,
    "reserve and settle: four budgets, tokens and money": 7.5,
    "advertise: headers of four budgets": 12.0,
}
PRICE = Price(date(2026, 1, 1), "USD", (Tier(0, 860_000, 4_310_000, 170_000, 4_310_000),), 0, "qwen", "")
PLAN = SimpleNamespace(route=SimpleNamespace(name="doubao/pro", badge="Doubao"))
BODY = json.dumps(
    {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "tell me " * 100}]}
).encode()


def exchange(key: str) -> Exchange:
    ex = Exchange(
        "r",
        Caller(key, f"t-{key}", ("CN",), "CN", organisation="group", limited=key != "none"),
        SystemClock().monotonic(),
    )
    ex.ask = decode_ask(BODY)
    ex.plan = PLAN
    ex.outcome = "answered"
    ex.usage = Usage(210, 60, 270)
    return ex


def cases():
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    loop = asyncio.new_event_loop()
    store = SqlLeases(Database(f"sqlite:///{folder}/a.sqlite"))
    quota = Quota(store, folder / "leases", "w0", SystemClock(), lambda: blake2b(key=b"p" * 32, digest_size=32))
    most = 2**50
    quota.refresh(
        [
            Budget("bud_1", "key", "one", "requests", "month", most),
            Budget("bud_2", "key", "four", "requests", "month", most),
            Budget("bud_3", "key", "four", "tokens", "month", most),
            Budget("bud_4", "tenant", "t-four", "money", "month", most, "", "USD"),
            Budget("bud_5", "key", "four", "concurrency", "", most),
        ]
    )
    quota.prices = {"doubao/pro": PRICE}
    none, one, four = exchange("none"), exchange("one"), exchange("four")

    async def lease() -> None:
        for ex in (one, four):
            waiting = quota.reserve(ex, PLAN)
            if waiting is not None:
                await waiting
            quota.release(ex)

    loop.run_until_complete(lease())

    def back(ex: Exchange) -> None:
        assert quota.reserve(ex, PLAN) is None
        quota.release(ex)

    def settled(ex: Exchange) -> None:
        assert quota.reserve(ex, PLAN) is None
        quota.settle(ex)

    return {
        "settle: no budget, price only": lambda: quota.settle(none),
        "reserve and give back: one budget": lambda: back(one),
        "reserve and give back: four budgets, tokens and money": lambda: back(four),
        "reserve and settle: four budgets, tokens and money": lambda: settled(four),
        "advertise: headers of four budgets": lambda: quota.header_lines(four),
    }
