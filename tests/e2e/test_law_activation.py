"""Two nodes that share their accounts take a version of the law together, under load, and give it back."""

from __future__ import annotations

import inspect
import threading
import time

import httpx
import pytest
from standin import StandIn

from isthmus import worker
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare
from isthmus.regions.load import DATA
from isthmus.web.admin.law import PACKAGED

pytestmark = pytest.mark.skipif(
    "Inbox" not in inspect.getsource(worker), reason="workers of this version take no orders from the control process"
)
BODY = {"model": "auto", "messages": [{"role": "user", "content": "plain"}]}


class House:
    """Two nodes over one accounts database, and the owner's hand on the first one's admin API."""

    def __init__(self, folder):
        first = Config(home=folder / "a", port=free_port(), admin_port=free_port())
        second = Config(home=folder / "b", port=free_port(), admin_port=free_port())
        self.key = prepare(first, SystemClock())
        second.home.mkdir(mode=0o700)
        (second.home / "accounts.url").write_text(f"sqlite:///{first.accounts}")
        (second.home / "accounts.pepper").write_bytes((first.home / "accounts.pepper").read_bytes())
        prepare(second, SystemClock())
        self.configs = (first, second)
        self.nodes = []
        self.statuses = []
        self.digests = {}
        self._stop = threading.Event()

    def start(self, answers):
        for config in self.configs:
            node = Node(config, engine=answers.address, engine_key="k", model="played")
            node.start()
            self.nodes.append(node)
        for node in self.nodes:
            node.wait_ready()
            node.wait_control()
        self.owner = {"authorization": f"Bearer {(self.configs[0].home / 'owner.token').read_text()}"}
        self._asking = [threading.Thread(target=self._ask, args=(node,), daemon=True) for node in self.nodes]
        for each in self._asking:
            each.start()

    def _ask(self, node):
        headers = {"authorization": f"Bearer {self.key}", "isthmus-region": "SG"}
        with httpx.Client(timeout=30) as client:
            while not self._stop.wait(0.01):
                answer = client.post(f"{node.url}/v1/chat/completions", json=BODY, headers=headers)
                self.statuses.append(answer.status_code)
                if answer.status_code == 200:
                    self.digests[node.url] = answer.json()["isthmus"]["decision"]

    def admin(self, method, path, body=None):
        url = f"{self.nodes[0].admin_url}/admin/v1{path}"
        return httpx.request(method, url, json=body, headers=self.owner, timeout=60)

    def until(self, true, seconds=60):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)

    def law(self):
        return {node["law"] for node in self.admin("GET", "/fleet").json()["nodes"]}

    def stop(self):
        self._stop.set()
        for each in getattr(self, "_asking", ()):
            each.join(30)
        for node in self.nodes:
            node.stop()


@pytest.fixture
def house(tmp_path):
    with StandIn() as answers:
        made = House(tmp_path)
        try:
            made.start(answers)
            yield made
        finally:
            made.stop()


def test_a_version_is_staged_previewed_activated_on_both_nodes_under_load_and_rolled_back(house):
    house.until(lambda: len(house.digests) == 2)
    before = dict(house.digests)
    assert len(set(before.values())) == 1
    text = (DATA / "sg.toml").read_text("utf-8") + "\n# changed by an operator\n"
    staged = house.admin("POST", "/law/versions", {"files": [text], "note": "a test"})
    assert staged.status_code == 201, staged.text
    version = staged.json()["version"]
    assert house.law() == {PACKAGED}
    previewed = house.admin("GET", f"/law/versions/{version}/preview")
    assert previewed.json()["report"]["answers"] > 0
    assert house.admin("POST", f"/law/versions/{version}/activate").status_code == 202
    house.until(lambda: house.law() == {version})
    house.until(lambda: all(house.digests[url] != was for url, was in before.items()))
    assert len(set(house.digests.values())) == 1
    assert house.admin("POST", "/law/rollback").status_code == 202
    house.until(lambda: house.law() == {PACKAGED})
    house.until(lambda: house.digests == before)
    assert set(house.statuses) == {200}
    assert house.admin("GET", "/ledger/verify").json()["sound"]


def test_a_file_that_is_no_law_is_never_staged_and_a_drained_partner_is_passed_over(house):
    refused = house.admin("POST", "/law/versions", {"files": ['id = "SG"']})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_law")
    assert house.admin("PUT", "/partners/local/drain").status_code == 200
    for node in house.nodes:
        run = node.config.home / "run" / "orders.json"
        house.until(lambda run=run: b"local" in run.read_bytes())
    assert house.admin("DELETE", "/partners/local/drain").status_code == 200
    assert set(house.statuses) <= {200}
