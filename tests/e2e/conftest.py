"""One whole node for the end-to-end tests: real engine, real model, real law, on a free port."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import LocalEngine, free_port
from isthmus.ledger.accounts import Accounts
from isthmus.node import Node, prepare

sys.path.insert(0, str(Path(__file__).parents[1]))
from standin import StandIn


class Place(NamedTuple):
    """A running node as a caller sees it."""

    url: str
    key: str
    home: Path
    node: Node
    answers: LocalEngine | StandIn  # who really answers behind every route

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def post(self, body, key=None, path="/v1/chat/completions", **headers):
        """One request with the demo key; keyword headers with underscores become hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {key or self.key}"
        raw = body if isinstance(body, bytes) else None
        return httpx.post(
            f"{self.url}{path}",
            content=raw,
            json=None if raw is not None else body,
            headers=named,
            timeout=60,
        )

    def ask(self, text, model="auto", **more):
        headers = more.pop("headers", {})
        body = {"model": model, "max_tokens": 12, "messages": [{"role": "user", "content": text}], **more}
        return self.post(body, **headers)

    def accounts(self) -> Accounts:
        return Accounts.open(self.home / "accounts.sqlite", SystemClock())

    def new_key(self, *regions, region=None, consents=()):
        accounts = self.accounts()
        caller, secret = accounts.create_key("demo", regions, region or regions[0], consents=consents)
        accounts.close()
        return caller, secret


@contextmanager
def started(home, answers, key, workers):
    config = Config(home=home, port=free_port(), workers=workers)
    secret = prepare(config, SystemClock())
    node = Node(config, engine=answers.address, engine_key=key, model="smollm2-135m")
    node.start()
    try:
        node.wait_ready()
        yield Place(node.url, secret, home, node, answers)
    finally:
        node.stop()


@pytest.fixture(scope="session")
def place(engine, tmp_path_factory):
    """Real engine, two workers."""
    with started(tmp_path_factory.mktemp("home"), engine, engine.key, 2) as node:
        yield node


@pytest.fixture(scope="session")
def scripted(tmp_path_factory):
    """The same node in front of the scripted stand-in, one worker: for faults and for wire shapes."""
    with StandIn() as partner, started(tmp_path_factory.mktemp("scripted"), partner, "engine-key", 1) as node:
        yield node
