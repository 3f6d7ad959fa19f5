"""One budget, 64 clients, 4 workers on 2 nodes, a worker killed again and again: never spent beyond the limit.

The history of every reservation and settlement is written down by the workers themselves (spender.py) and checked at
every prefix, on SQLite, PostgreSQL and Valkey. ISTHMUS_LONG=1 runs it for a minute each, ISTHMUS_SEED=N with another chance.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from spender import Settings, open_store

from isthmus.core.clock import SystemClock
from isthmus.ledger.book import settle_left
from isthmus.ledger.budgets import Budget
from isthmus.ledger.leases import TTL_MS, Level
from isthmus.policy.meter import window

LONG = bool(os.environ.get("ISTHMUS_LONG"))
SECONDS, KILLS = (60.0, 20) if LONG else (2.0, 3)
SEED = int(os.environ.get("ISTHMUS_SEED", "11"))  # of who dies, and of what each client asks and does
CLIENTS = 16  # of each worker: 64 in all
AT_ONCE = 40
MOST = 700  # tokens that one request of spender.py reserves, at most
REQUESTS, TOKENS, MONEY = 30_000_000, 12_000_000 if LONG else 500_000, 900_000_000_000
BUDGETS = [
    Budget("bud_r", "organisation", "group", "requests", "month", REQUESTS),
    Budget("bud_t", "tenant", "acme", "tokens", "month", TOKENS),
    Budget("bud_m", "tenant", "acme", "money", "month", MONEY, "", "USD"),
    Budget("bud_c", "key", "k1", "concurrency", "", AT_ONCE),
]


class Worker(NamedTuple):
    process: subprocess.Popen
    told: list[str]


def ready(worker):
    """Wait until it spends; a second time, at once."""
    if not worker.told:
        worker.told.append(worker.process.stdout.readline())
    assert worker.told == ["ready\n"]


class Act(NamedTuple):
    ns: int
    kind: str
    id: str
    tokens: int
    micros: int


@pytest.fixture(params=["sqlite", "postgresql", "valkey"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/accounts.sqlite"
    return request.getfixturevalue("valkey" if request.param == "valkey" else "postgres").new()


@pytest.fixture
def start(url, tmp_path):
    """start(node, shard): a worker process; all are ended with the test."""
    workers = []

    def make(node, shard):
        number = len(workers)
        log = tmp_path / f"{node}.{shard}.{number}.log"
        settings = Settings(url, str(tmp_path / node), shard, str(log), CLIENTS, SEED * 1000 + number, BUDGETS)
        path = tmp_path / f"{number}.json"
        path.write_bytes(msgspec.json.encode(settings))
        words = [sys.executable, str(Path(__file__).with_name("spender.py")), str(path)]
        worker = Worker(subprocess.Popen(words, stdout=subprocess.PIPE, text=True), [])
        workers.append(worker)
        return worker

    yield make
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
        worker.process.stdout.close()


def acts(tmp_path):
    """Every act of every worker, in the order of the one clock they share."""
    found = []
    for path in tmp_path.glob("*.log"):
        for line in path.read_text().splitlines():
            kind, name, tokens, micros, ns = line.split()
            found.append(Act(int(ns), kind, name, int(tokens), int(micros)))
    return sorted(found)


def check_history(history, deaths):
    """Walk through the history: at every prefix nothing is above its limit. Returns tokens spent at its end.

    `deaths`: monotonic ns at which a worker died, by its process id. What it had on its way stays spent; its requests
    at once are over.
    """
    open_acts, spent, at_once = {}, 0, 0
    died = sorted((ns, pid) for pid, ns in deaths.items())
    for act in history:
        while died and died[0][0] <= act.ns:
            _, pid = died.pop(0)
            at_once -= sum(1 for each in open_acts if each.split(".")[1] == str(pid))
        if act.kind == "A":
            open_acts[act.id] = act.tokens
            spent += act.tokens
            at_once += 1
        else:
            spent += act.tokens - open_acts.pop(act.id)
            at_once -= 1
        assert spent <= TOKENS, f"{spent} of {TOKENS} after {act}"
        assert at_once <= AT_ONCE, f"{at_once} at once after {act}"
    return spent


def level(store, budget):
    span = "" if budget == "bud_c" else "month"
    now = SystemClock()
    return store.level(budget, window(span, now.now())[0], now.epoch_ms())


def end(workers):
    for worker in workers:
        ready(worker)
        worker.process.send_signal(signal.SIGTERM)
    for worker in workers:
        assert worker.process.wait(60) == 0


def closed(store):
    store.close()
    with contextlib.suppress(AttributeError):
        store._engine.dispose()


def test_spent_never_exceeds_the_limit_whoever_is_killed(start, url, tmp_path):
    places = [("n1", "w0"), ("n1", "w1"), ("n2", "w0"), ("n2", "w1")]
    workers = {place: start(*place) for place in places}
    for worker in workers.values():
        ready(worker)
    dice = random.Random(SEED)
    deaths = {}
    for _ in range(KILLS):
        time.sleep(SECONDS / KILLS)
        place = dice.choice(places)
        victim = workers[place].process
        victim.kill()
        victim.wait()
        deaths[victim.pid] = time.monotonic_ns()
        workers[place] = start(*place)
    end(workers.values())
    history = acts(tmp_path)
    spent = check_history(history, deaths)
    print(f"{len(history)} acts, {spent} of {TOKENS} tokens, {len(deaths)} workers killed")
    assert len(history) > 500
    store = open_store(url)
    for node in ("n1", "n2"):  # whoever was killed last may have had no sibling left to settle its book
        settle_left(tmp_path / node, store, SystemClock().epoch_ms())
    levels = {budget.id: level(store, budget.id) for budget in BUDGETS}
    closed(store)
    assert [each.reserved for each in levels.values()] == [0, 0, 0, 0]
    assert levels["bud_c"] == Level(0, 0)
    # A worker may die between a reservation and the line that tells of it: at most one for each death.
    assert spent <= levels["bud_t"].spent <= min(TOKENS, spent + len(deaths) * MOST)
    assert not list(tmp_path.glob("n*/*.book"))


def test_of_a_node_that_never_comes_back_the_rest_counts_as_spent(start, url, tmp_path):
    lost, other = start("n1", "w0"), start("n2", "w0")
    for worker in (lost, other):
        ready(worker)
    time.sleep(1.0)
    lost.process.kill()
    lost.process.wait()
    deaths = {lost.process.pid: time.monotonic_ns()}
    shutil.rmtree(tmp_path / "n1")
    end([other])
    spent = check_history(acts(tmp_path), deaths)
    store = open_store(url)
    month, now = window("month", SystemClock().now())[0], SystemClock().epoch_ms()
    later = store.level("bud_t", month, now + TTL_MS + 1000)
    slots = store.level("bud_c", 0, now + TTL_MS + 1000)
    closed(store)
    assert later.reserved == 0
    assert spent <= later.spent <= spent + TOKENS // 100 + CLIENTS * MOST
    assert slots == Level(0, 0)
