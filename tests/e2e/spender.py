"""A worker that only spends: many clients reserve and settle over a real store, and every act is written down.

    python spender.py SETTINGS     (JSON; see Settings)

A line of its log is `A id amount micros ns` (reserved) or `S id tokens micros ns` (settled), appended by one system call,
so that `kill -9` loses none. A reservation is stamped when it is had, a settlement before it is made: what the log says
is outstanding never exceeds what was. SIGTERM ends it: clients finish, every lease goes back.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from datetime import date
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import msgspec

from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import Usage, decode_ask
from isthmus.ledger.budgets import Budget
from isthmus.ledger.database import Database
from isthmus.ledger.lease_sql import SqlLeases
from isthmus.ledger.lease_valkey import ValkeyLeases
from isthmus.partners.prices import Price, Tier
from isthmus.policy import quota as quotas
from isthmus.policy.quota import Quota

PRICE = Price(date(2026, 1, 1), "USD", (Tier(0, 1_000_000, 2_000_000, 1_000_000, 2_000_000),), 0, "bytes", "")
PLAN = SimpleNamespace(route=SimpleNamespace(name="r", badge="r"))


class Settings(msgspec.Struct):
    url: str
    folder: str
    shard: str
    log: str
    clients: int
    seed: int
    budgets: list[Budget]


def open_store(url: str) -> SqlLeases | ValkeyLeases:
    return ValkeyLeases(url) if url.startswith("unix:") else SqlLeases(Database(url))


async def client(quota: Quota, log: int, dice: random.Random, stop: asyncio.Event, name: str) -> None:
    caller = Caller("k1", "acme", ("CN",), "CN", organisation="group", limited=True)
    number = 0
    while not stop.is_set():
        number += 1
        cap = dice.randint(50, 400)
        ex = Exchange(f"{name}-{number}", caller, time.monotonic())
        body = {"model": "m", "max_tokens": cap, "messages": [{"role": "user", "content": "x" * dice.randint(1, 200)}]}
        ex.ask = decode_ask(msgspec.json.encode(body))
        ex.plan = PLAN
        try:
            waiting = quota.reserve(ex, PLAN)
            if waiting is not None:
                await waiting
        except Refusal:
            await asyncio.sleep(0.02)
            continue
        amounts = {unit: amount for _, amount, unit in ex.reserved}
        tokens, micros = amounts[quotas._TOKENS], amounts[quotas._MONEY]
        os.write(log, b"A %b %d %d %d\n" % (ex.id.encode(), tokens, micros, time.monotonic_ns()))
        await asyncio.sleep(dice.random() * 0.01)
        fate = dice.random()
        said = dice.randint(0, cap)
        prompt = min(tokens - cap, dice.randint(1, 200))
        ex.outcome = "failed" if fate < 0.2 else "aborted" if fate < 0.4 else "answered"
        if fate > 0.1:
            ex.usage = Usage(prompt, said, prompt + said)
        stamp = time.monotonic_ns()
        held = {unit: (quota._cells, lease.slot, amount) for lease, amount, unit in ex.reserved}
        failed = ex.outcome == "failed"
        used = 0 if failed else prompt + said
        cost = 0 if failed else prompt + 2 * said
        assert held
        os.write(log, b"S %b %d %d %d\n" % (ex.id.encode(), used, cost, stamp))
        quota.settle(ex)


async def main(settings: Settings) -> None:
    store = open_store(settings.url)
    quota = Quota(
        store, Path(settings.folder), settings.shard, SystemClock(), lambda: blake2b(key=b"p" * 32, digest_size=32)
    )
    quota.refresh(settings.budgets)
    quota.prices = {"r": PRICE}
    log = os.open(settings.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    chore = asyncio.create_task(quota.keep())
    dice = random.Random(settings.seed)
    print("ready", flush=True)
    name = f"{settings.shard}.{os.getpid()}"
    clients = [
        client(quota, log, random.Random(dice.random()), stop, f"{name}.{number}") for number in range(settings.clients)
    ]
    await asyncio.gather(*clients)
    chore.cancel()
    await quota.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Settings)))
