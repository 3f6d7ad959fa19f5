"""Budgets through a whole node: what is advertised is what is enforced, and every receipt has its cost."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.ledger import read
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import Budget
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.receipt import Receipt
from isthmus.node import Node, prepare
from isthmus.policy.meter import window


@pytest.fixture(scope="module")
def agreed(scripted):
    """A consent to Doubao that stands for every request of a key."""
    given = {"kind": "separate", "recipient": "doubao", "region": "CN", "scope": "always"}
    return scripted.post(given, path="/v1/consents").json()["id"]


@pytest.fixture
def limited(scripted, agreed):
    """limited(*budgets): a key with these budgets, once the node knows them."""
    made = []

    def make(*budgets):
        accounts = scripted.accounts()
        caller, secret = accounts.create_key("demo", ["CN"], "CN", consents=[agreed])
        for unit, most, span in budgets:
            currency = "USD" if unit == "money" else ""
            made.append(accounts.budgets.set(Budget("", "key", caller.key_id, unit, span, most, "", currency)).id)
        accounts.close()
        wait_until_known(scripted.url, secret, len(budgets))
        return caller, secret

    yield make
    accounts = scripted.accounts()
    for each in made:
        accounts.budgets.remove(each)
    accounts.close()


def wait_until_known(url, key, budgets, times=1):
    """A key is served as soon as it exists, and a worker may have read it before its budgets were there. What is
    refused for its form costs nothing and says what binds its key; `times` in a row, on connections of their own.
    """
    headers = {"Authorization": f"Bearer {key}", "content-type": "application/json"}
    deadline = time.monotonic() + 10
    known = 0
    while known < times:
        assert time.monotonic() < deadline, "a budget is known within a second"
        answer = httpx.post(f"{url}/v1/chat/completions", content=b"{", headers=headers, timeout=30)
        said = answer.headers.get("ratelimit-policy", "")
        known = known + 1 if said.count(";q=") == budgets else 0


def question(**more):
    return {"model": "doubao", "max_tokens": 40, "messages": [{"role": "user", "content": "hello"}], **more}


def receipt(place, id):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for entry in read.iterate(place.home / "ledger"):
            if isinstance(entry, Receipt) and entry.id == id:
                return entry
    raise AssertionError(id)


def test_what_is_advertised_is_what_is_enforced(scripted, limited):
    _, key = limited(("requests", 5, "day"))
    left = []
    for _ in range(5):
        answer = scripted.post(question(), key=key)
        assert answer.status_code == 200, answer.text
        left.append(int(answer.headers["x-ratelimit-remaining-requests"]))
    assert left == [4, 3, 2, 1, 0]
    refused = scripted.post(question(), key=key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "budget_spent")
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert int(refused.headers["retry-after"]) > 0


def test_a_receipt_has_its_cost_and_a_budget_counts_it(scripted, limited):
    caller, key = limited(("money", 1_000_000, "month"), ("tokens", 100_000, "month"))
    costs = []
    for stream in (False, True):
        answer = scripted.post(question(stream=stream), key=key)
        assert answer.status_code == 200, answer.text
        entry = receipt(scripted, answer.headers["isthmus-receipt"])
        amount, currency = entry.cost.split()
        assert currency == "USD"
        assert not entry.estimated
        costs.append((int(amount.replace(".", "")), entry.usage.total_tokens))
    assert all(micros > 0 for micros, _ in costs)
    accounts = Accounts.open(scripted.home / "accounts.sqlite", SystemClock())
    store = open_store(scripted.home, accounts)
    mine = {each.unit: each.id for each in accounts.budgets.list() if each.target == caller.key_id}
    clock = SystemClock()
    starts = window("month", clock.now())[0]

    deadline = time.monotonic() + 10
    wanted = [sum(micros for micros, _ in costs), sum(tokens for _, tokens in costs)]
    while time.monotonic() < deadline:
        found = [store.level(mine[unit], starts, clock.epoch_ms()).spent for unit in ("money", "tokens")]
        if found == wanted:
            break
    accounts.close()
    assert found == wanted


def test_many_at_once_never_pass_a_limit(scripted, limited):
    _, key = limited(("requests", 20, "day"), ("concurrency", 4, ""))
    with ThreadPoolExecutor(12) as pool:
        codes = list(pool.map(lambda _: scripted.post(question(), key=key).status_code, range(60)))
    assert set(codes) <= {200, 429}
    assert codes.count(200) <= 20


def test_a_key_without_a_budget_is_told_nothing_of_one(scripted, agreed):
    _, key = scripted.new_key("CN", consents=[agreed])
    answer = scripted.post(question(), key=key)
    assert answer.status_code == 200
    assert "ratelimit" not in answer.headers
    assert receipt(scripted, answer.headers["isthmus-receipt"]).cost.endswith(" USD")


@pytest.mark.parametrize("words", ["die:3", "nodone"])
def test_a_stream_that_breaks_off_is_settled_and_says_if_it_was_counted_here(scripted, limited, words):
    _, key = limited(("money", 1_000_000, "month"))
    body = question(stream=True) | {"messages": [{"role": "user", "content": words}]}
    answer = scripted.post(body, key=key)
    entry = receipt(scripted, answer.headers["isthmus-receipt"])
    assert entry.outcome in ("interrupted", "answered")
    assert entry.usage.total_tokens > 0
    assert int(entry.cost.split()[0].replace(".", "")) > 0
    assert entry.estimated == (entry.usage.prompt_tokens != scripted.answers.meter[-1].prompt)


@pytest.fixture
def shared(tmp_path, postgres, valkey):
    """A node of two workers whose accounts lie in PostgreSQL and whose leases in Valkey."""
    (tmp_path / "accounts.url").write_text(postgres.new())
    (tmp_path / "leases.url").write_text(valkey.new())
    config = Config(home=tmp_path, port=free_port(), workers=2)
    prepare(config, SystemClock())
    with StandIn() as partner:
        node = Node(config, engine=partner.address, engine_key="engine-key", model="played")
        node.start()
        try:
            node.wait_ready()
            place = f"{node.url}/v1/chat/completions"
            yield SimpleNamespace(url=place, node=node.url, answers=partner, path=config.accounts)
        finally:
            node.stop()


def test_on_postgresql_and_valkey_limits_hold_and_a_revoked_key_ends_its_stream_within_a_second(shared):
    def ask(key, **more):
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.post(shared.url, json=question(model="private", **more), headers=headers, timeout=30)

    accounts = Accounts.open(shared.path, SystemClock())
    caller, key = accounts.create_key("demo", ["CN"], "CN")
    accounts.budgets.set(Budget("", "key", caller.key_id, "requests", "day", 6))
    wait_until_known(shared.node, key, 1, times=24)  # two workers: one who has not heard is met in 24 tries
    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(lambda _: ask(key).status_code, range(12)))
    assert (codes.count(200), codes.count(429)) == (6, 6)
    caller, key = accounts.create_key("demo", ["CN"], "CN")
    body = question(model="private", stream=True) | {"messages": [{"role": "user", "content": "wait"}]}
    with httpx.stream("POST", shared.url, json=body, headers={"Authorization": f"Bearer {key}"}, timeout=30) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith(": isthmus")
        assert shared.answers.waiting.wait(20)
        accounts.revoke_key(caller.key_id)
        began = time.monotonic()
        while ask(key).status_code == 200:
            assert time.monotonic() - began < 1.0, "a revoked key was still served after a second"
        time.sleep(max(0.0, began + 1.0 - time.monotonic()))  # the other worker has its second, too
        shared.answers.release()
        assert any("stream_ended" in line for line in lines)
    accounts.close()
    assert ask(key).json()["error"]["code"] == "revoked_key"
