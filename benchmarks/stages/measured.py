"""Measured: what counting one exchange costs the request: outcomes, latencies, first token, tokens."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.stages.receipt import exchange
from isthmus.core.clock import SystemClock
from isthmus.gateway.measured import Meter

BUDGET_US = {"count": 1.0}


def cases():
    clock = SystemClock()
    ex = exchange(clock)
    meter = Meter(Path(tempfile.mkdtemp()), "w0", clock)
    return {"count": lambda: meter.count(ex, 0.5)}
