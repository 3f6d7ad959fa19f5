"""Two nodes over a real PostgreSQL and a real Valkey: mixed load, a worker killed, Valkey restarted, PostgreSQL paused.

Loopback only: two network namespaces are not made here. It runs with ISTHMUS_LONG=1 alone, for ISTHMUS_LONG_SECONDS
(default 600), and prints its figures (pytest -s).
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from standin import StandIn

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device.engine import free_port
from isthmus.ledger import read, verify
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.budgets import Budget
from isthmus.node import Node, prepare

SECONDS, PAUSE = float(os.environ.get("ISTHMUS_LONG_SECONDS", "600")), 10.0
MOST = 10  # requests of the limited tenant
pytestmark = pytest.mark.skipif(not os.environ.get("ISTHMUS_LONG"), reason="a long run: ISTHMUS_LONG=1")
BODY = {"model": "auto", "messages": [{"role": "user", "content": "plain"}]}
REGIONS = ["SG", "CN", "EU"]


def family(pid):
    """A process and everything it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


class Load:
    """Callers of both nodes. `answered` holds (receipt, node, when); `others` counts every other status."""

    def __init__(self, nodes, key):
        self.answered = []
        self.others = Counter()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(node, key, region), daemon=True)
            for node in nodes
            for region in REGIONS
        ]
        for each in self._threads:
            each.start()

    def _ask(self, node, key, region):
        headers = {"authorization": f"Bearer {key}", "isthmus-region": region}
        streamed = region == "EU"
        with httpx.Client(timeout=30) as client:
            while not self._stop.wait(0.02):
                try:
                    body = BODY | {"stream": streamed}
                    answer = client.post(f"{node.url}/v1/chat/completions", json=body, headers=headers)
                except httpx.HTTPError as error:
                    self.others[type(error).__name__] += 1
                    continue
                if answer.status_code != 200:
                    self.others[answer.json()["error"]["code"]] += 1
                elif not streamed:
                    self.answered.append((answer.json()["isthmus"]["receipt"], node, time.monotonic()))

    def stop(self):
        self._stop.set()
        for each in self._threads:
            each.join(40)


@pytest.fixture
def house(tmp_path, postgres, valkey):
    """Two nodes: `nodes`, the open key `key`, the limited key `limited`, `accounts`."""
    url, leases = postgres.new(), valkey.new()
    pepper = None
    nodes = []
    with StandIn() as answers:
        for name in ("a", "b"):
            config = Config(home=tmp_path / name, port=free_port(), admin_port=free_port())
            config.home.mkdir(mode=0o700)
            (config.home / "accounts.url").write_text(url)
            (config.home / "leases.url").write_text(leases)
            if pepper is not None:
                (config.home / "accounts.pepper").write_bytes(pepper)
            prepare(config, SystemClock())
            pepper = (config.home / "accounts.pepper").read_bytes()
            nodes.append(Node(config, engine=answers.address, engine_key="k", model="played"))
        accounts = Accounts.open(nodes[0].config.accounts, SystemClock())
        _, key = accounts.create_key("open", REGIONS, "SG")
        _, limited = accounts.create_key("limited", REGIONS, "SG")
        accounts.budgets.set(Budget("", "tenant", "limited", "requests", "month", MOST))
        try:
            for node in nodes:
                node.start()
            for node in nodes:
                node.wait_ready()
                node.wait_control()
            yield nodes, key, limited, accounts
        finally:
            for node in nodes:
                node.stop()
            accounts.close()


def ask(node, key):
    headers = {"authorization": f"Bearer {key}", "isthmus-region": "SG"}
    return httpx.post(f"{node.url}/v1/chat/completions", json=BODY, headers=headers, timeout=30).status_code


def back(node, since):
    """Seconds from `since` until this node answers."""
    while True:
        try:
            httpx.get(f"{node.url}/health", timeout=5).raise_for_status()
        except httpx.HTTPError:
            assert time.monotonic() - since < 60, "it was not replaced"
            time.sleep(0.02)
        else:
            return time.monotonic() - since


def revoked_within(nodes, accounts):
    """Seconds until a key that was just revoked is refused by both nodes."""
    caller, secret = accounts.create_key("brief", REGIONS, "SG")
    assert {ask(node, secret) for node in nodes} == {200}
    begun = time.monotonic()
    accounts.revoke_key(caller.key_id)
    while {ask(node, secret) for node in nodes} != {401}:
        assert time.monotonic() - begun < 30
    return time.monotonic() - begun


def test_two_nodes_lose_no_receipt_and_no_budget_while_their_servers_come_and_go(house, postgres, valkey):
    nodes, key, limited, accounts = house
    load = Load(nodes, key)
    begun = time.monotonic()
    revocations = [revoked_within(nodes, accounts)]
    time.sleep(SECONDS / 4)
    killed = time.monotonic()
    os.kill(nodes[0]._children[0].pid, signal.SIGKILL)
    replaced = back(nodes[0], killed)
    time.sleep(SECONDS / 4)
    valkey.stop()
    valkey.process = valkey.start()
    time.sleep(SECONDS / 4)
    paused = family(postgres.process.pid)
    for pid in paused:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(PAUSE)
    for pid in paused:
        os.kill(pid, signal.SIGCONT)
    time.sleep(SECONDS / 4)
    statuses = Counter()
    for number in range(2 * MOST):
        statuses[ask(nodes[number % 2], limited)] += 1
    revocations.append(revoked_within(nodes, accounts))
    load.stop()
    took = time.monotonic() - begun
    for node in nodes:
        node.stop()
    lost = []
    for receipt, node, at in load.answered:
        try:
            read.find(node.config.ledger, receipt)
        except Refusal:
            lost.append((receipt, at - killed))
    figures = {
        "seconds": round(took, 1),
        "answers": len(load.answered),
        "others": dict(load.others),
        "lost": len(lost),
        "replaced_s": round(replaced, 2),
        "limited": dict(statuses),
        "revocation_s": [round(each, 2) for each in revocations],
    }
    print(figures)
    # A receipt is queued when its answer goes out and on disk some milliseconds later: what a kill may take lies there.
    assert all(abs(distance) < 0.1 for _, distance in lost), lost
    assert all(verify.verify(node.config.ledger).sound for node in nodes)
    assert statuses[200] <= MOST
    assert max(revocations) <= 1.5
    assert sum(load.others.values()) <= 0.2 * len(load.answered) + 60
    assert "internal" not in load.others
