"""What the dialects' tests share: a question as it stands before a route is asked, and a route by dialect."""

import json

import pytest

from isthmus.core.decision import Route
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import decode_ask


def exchange(messages=None, **fields):
    ex = Exchange("r1", Caller("k", "t", ("CN",), "CN"), 0.0)
    asked = messages or [{"role": "user", "content": "hi"}]
    ex.ask = decode_ask(json.dumps({"model": "auto", "messages": asked, **fields}).encode())
    return ex


def route(dialect="openai_chat", wire="wire-model", path="/", **facts):
    return Route(
        name="p/m", partner="p", model="m", tier="partner", dialect=dialect, host="h", port=1, tls=False, path=path,
        wire_model=wire, key_env="", rehearsal=False, badge="P", title="Model M", facts=facts,
    )  # fmt: skip


@pytest.fixture
def asked():
    return exchange


@pytest.fixture
def at():
    return route
