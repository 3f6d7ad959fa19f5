"""A question as the corridor holds it after step 6, for duties that are tried alone."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.core.decision import Citation, Decision, Obligation, Plan, Question, Route
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.operator import Operator
from isthmus.core.wire import decode_ask
from isthmus.policy.house import House

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def house(clock):
    """An empty house in rehearsal, with `clock`."""
    return House(operator=Operator(), clock=clock, consents={}, terms={})


@pytest.fixture
def route():
    """route(**changes): a partner route."""

    def make(**changes):
        fields = {
            "name": "doubao/pro", "partner": "doubao", "model": "pro", "tier": "partner", "dialect": "openai_chat",
            "host": "h", "port": 443, "tls": True, "path": "/", "wire_model": "pro", "key_env": "K",
            "rehearsal": False, "badge": "Doubao", "title": "Doubao", "legal_name": "Volcano Engine Ltd",
        }  # fmt: skip
        return Route(**{**fields, **changes})

    return make


@pytest.fixture
def owed():
    """owed(verb, **values): one obligation of region CN; `region` and `rule` may be given too."""

    def make(verb, *, region="CN", rule="CN.rule", **values):
        law = (Citation(source="pipl", title="PIPL", article="23", rank="law", since=date(2021, 11, 1)),)
        return Obligation(verb=verb, values=values, region=region, rule=rule, duty="d", law=law, since=NOW.date())

    return make


@pytest.fixture
def asked():
    """asked(*texts, question=..., **fields): an exchange; each text is a user message, or (role, text)."""

    def make(*texts, question=None, subject="", language="", **fields):
        messages = [
            {"role": text[0], "content": text[1]} if isinstance(text, tuple) else {"role": "user", "content": text}
            for text in texts or ("hello",)
        ]
        ex = Exchange("r1", Caller(key_id="k", tenant="acme", regions=("CN",), region="CN"), 0.0)
        ex.ask = decode_ask(msgspec.json.encode({"model": "m", "messages": messages, **fields}))
        question = question or Question(("CN",))
        ex.decision = Decision(question=question, verdict="serve", plans=(), ruled_out=(), digest="d")
        ex.subject = subject
        ex.language = language
        return ex

    return make


@pytest.fixture
def plan(route):
    """plan(*stages): a plan as compile makes it."""

    def make(*stages):
        return Plan(
            route=route(), obligations=(), stages=stages,
            on_request=tuple(stage.on_request for stage in stages if stage.on_request),
            awaited=(),
            on_event=tuple(stage.on_event for stage in stages if stage.on_event),
            on_response=tuple(stage.on_response for stage in stages if stage.on_response),
        )  # fmt: skip

    return make
