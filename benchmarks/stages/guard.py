"""The guard as a request meets it: moderation and masking of a question, moderation of its answer, 64,000 terms.

Whole stages run here, the gathering of the question's text included, not scanners alone. `KB` in a case's name means
that its figure and its budget are microseconds for a KB of text (UTF-8). The dense text holds ten details in 1.15 KB.
"""

from __future__ import annotations

import msgspec

from benchmarks.stages.moderation import CHINESE, ENGLISH, index
from benchmarks.stages.privacy import DENSE
from isthmus.core.clock import SystemClock
from isthmus.core.decision import Obligation, Route
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.operator import Operator
from isthmus.core.wire import decode_ask
from isthmus.policy import moderation, privacy
from isthmus.policy.house import House

CLEAN_US = 4.0
DENSE_US = 60.0
BUDGET_US = {
    "question in, English, clean, per KB": CLEAN_US,
    "question in, Chinese, clean, per KB": CLEAN_US,
    "question in, English with numbers, clean, per KB": 2 * CLEAN_US,
    "question in, dense, per KB": DENSE_US,
    "answer out, English, clean, per KB": CLEAN_US,
    "answer out, Chinese, clean, per KB": CLEAN_US,
    "question and answer, English, 20,000 terms": 6.0,
    "question and answer, Chinese, 20,000 terms": 6.0,
}


class _Lists(moderation.TermLists):
    """Lists whose index is at hand."""

    def __init__(self, count: int) -> None:
        super().__init__({}, None)
        self._index = index(count)


def stages(count: int) -> list:
    """The compiled stages of a route that owes moderation both ways and masking."""
    route = Route("r", "p", "m", "partner", "openai_chat", "h", 1, False, "/", "m", "", True, "b", "t")
    house = House(Operator(), SystemClock(), {}, _Lists(count))
    scan = {"side": ["input", "output"], "taxonomy": "t", "on_error": "block"}
    owed = [
        Obligation(verb, values, "CN", f"CN.{verb}", "", (), SystemClock().now().date())
        for verb, values in (("scan", scan), ("mask", {}))
    ]
    made = [room.compile([one], route, house) for room, one in zip((moderation, privacy), owed, strict=True)]
    assert all(made)
    return made


def exchange(text: str) -> Exchange:
    body = msgspec.json.encode(
        {"model": "private", "messages": [{"role": "user", "content": text}], "max_tokens": 256, "temperature": 0.7}
    )
    ex = Exchange("r", Caller(key_id="k", tenant="t", regions=(), region=""), 0.0)
    ex.ask = decode_ask(body)
    return ex


def cases():
    owed = stages(64_000)
    english, chinese = (ENGLISH * 10)[:1024], (CHINESE * 10)[:341]
    numbered = (ENGLISH.replace("last week", "on 12 May 2026, page 7 of 30") * 10)[:1024]
    dense = (DENSE + CHINESE * 10)[: 341 + 160]

    def question(text, stages=owed):
        ex = exchange(text)
        enter = [stage.on_request for stage in stages]

        def run():
            ex.in_text = ex.rewritten = None  # a new question each time
            ex.personal = True
            ex.met.clear()
            ex.held.clear()
            for on_request in enter:
                on_request(ex)

        return run, len(text.encode()) / 1024

    def answer(text, stages=owed):
        ex = exchange("x")
        leave = [stage.on_event for stage in stages]

        def run():
            said = text
            for on_event in leave:
                said = on_event(ex, "content", said, True)
            assert said is text

        return run, len(text.encode()) / 1024

    small = stages(20_000)

    def both(text):
        asked, _ = question(text, small)
        said, _ = answer(text, small)
        return lambda: (asked(), said()), 1.0

    return {
        "question in, English, clean, per KB": question(english),
        "question in, Chinese, clean, per KB": question(chinese),
        "question in, English with numbers, clean, per KB": question(numbered),
        "question in, dense, per KB": question(dense),
        "answer out, English, clean, per KB": answer(english),
        "answer out, Chinese, clean, per KB": answer(chinese),
        "question and answer, English, 20,000 terms": both(english),
        "question and answer, Chinese, 20,000 terms": both(chinese),
    }
