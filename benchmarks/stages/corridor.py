"""The corridor's own steps on a 1 KB question: head, decode, decision, partner's body, answer with its label."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from pathlib import Path

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.exchange import Exchange
from isthmus.core.wire import decode_ask
from isthmus.gateway import answer
from isthmus.gateway.asked import Standing
from isthmus.gateway.build import Settings, build
from isthmus.gateway.head import parse_head
from isthmus.gateway.relay import decide, recall
from isthmus.ledger.accounts import Accounts
from isthmus.node import prepare
from isthmus.partners import openai_chat

# Half more than each step's share of the table in the design (door 11, decode and decision 4, label and splice 4).
BUDGET_US = {
    "door: one head": 6.0,
    "door: a head that was seen": 3.0,
    "wire: decode 1 KB": 4.5,
    "decision: headers, look-up, choice": 2.5,
    "dialect: the partner's body": 2.5,
    "answer: read, label, splice, header lines": 9.0,
}
PROMPT = (
    "Please read the report that Anna sent last week and tell me in plain words what it asks of our team, and by when."
)
ANSWER = "The quick brown fox jumps over the lazy dog. " * 8


def cases():
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    clock = SystemClock()
    key = prepare(Config(home=folder), clock)
    accounts = Accounts.open(folder / "accounts.sqlite", clock)
    settings = Settings(
        home=str(folder), host="", port=1, shard="w0", engine=("127.0.0.1", 9), engine_key="none", model="bench"
    )
    c = build(settings, accounts, clock, asyncio.new_event_loop())
    atexit.register(c.ledger.close)
    asked = {"model": "private", "messages": [{"role": "user", "content": PROMPT * 9}], "max_tokens": 256}
    body = json.dumps(asked, separators=(",", ":")).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 210, "completion_tokens": 90, "total_tokens": 300}
    said = json.dumps(
        {"id": "x", "model": "bench", "choices": [choice], "usage": usage}, separators=(",", ":")
    ).encode()
    request = parse_head(head)
    standing = Standing(c.ring.find(request.headers[b"authorization"]), c.ring.version)
    ex = Exchange("r", standing.caller, 0.0)
    ex.ask = decode_ask(body)
    decide(c, standing, request)
    standing.lend(ex)
    (ex.plan,) = c.chooser.choose(ex.decision, "private")
    for stage in ex.plan.on_request:
        stage(ex)
    # Scanning has stages of its own here; what is left is the label.
    label = tuple(stage for stage in ex.plan.stages if stage.name == "label")
    plan = type("LabelOnly", (), {"on_event": (label[0].on_event,), "on_response": (label[0].on_response,)})

    def reply():
        ex.held.clear()
        return answer.whole(ex, plan, said, openai_chat.read_answer(said)), answer.header_lines(ex)

    return {
        "door: one head": lambda: parse_head(head),
        "door: a head that was seen": lambda: request.seen.again(head),
        "wire: decode 1 KB": lambda: decode_ask(body),
        "decision: headers, look-up, choice": lambda: c.chooser.choose(recall(c, request).decision, "private"),
        "dialect: the partner's body": lambda: openai_chat.write_body(ex, ex.plan.route),
        "answer: read, label, splice, header lines": reply,
    }
