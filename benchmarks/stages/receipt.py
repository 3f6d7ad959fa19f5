"""Receipt: what one costs the request: compose it and queue it. The ledger's thread does the rest."""

from __future__ import annotations

from collections import deque

from isthmus.core.clock import SystemClock
from isthmus.core.decision import Decision, Plan, Question, Route
from isthmus.core.exchange import Attempt, Caller, Exchange
from isthmus.core.wire import Usage
from isthmus.policy.receipt import compose

BUDGET_US = {"compose and queue": 2.0}


def exchange(clock):
    """An exchange that was answered, as the corridor leaves it."""
    route = Route("doubao/pro", "doubao", "pro", "partner", "openai", "h", 443, True, "/", "w", "K", False, "", "Pro")
    plan = Plan(route, (), (), (), (), (), ())
    ex = Exchange("w0-1-1", Caller("k1", "acme", ("CN",), "CN"), clock.monotonic())
    ex.decision = Decision(Question(("CN",)), "serve", (plan,), (), "1f0c77aa")
    ex.plan, ex.outcome, ex.label, ex.label_at = plan, "answered", "内容由AI生成", "end"
    ex.attempts.append(Attempt("doubao/pro", "answered", "", 1200))
    ex.usage, ex.first_at = Usage(100, 50, 150), clock.monotonic()
    return ex


def cases():
    clock = SystemClock()
    ex, queue = exchange(clock), deque(maxlen=1000)
    return {"compose and queue": lambda: queue.append(compose(ex, clock))}
