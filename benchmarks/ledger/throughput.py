"""How many receipts one process on one core makes, queues and writes durably; what one costs the writer's thread."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.stages.ledger import receipt
from isthmus.core.clock import SystemClock
from isthmus.ledger.segments import Ledger

COUNT = 1_000_000
QUEUED = 5_000  # what a worker would hold at most in a tenth of a second


def run(count):
    core = min(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    place = Path(tempfile.mkdtemp(dir=Path.cwd()))
    try:
        ledger = Ledger.open(place / "ledger", "w0", SystemClock())
        writer = time.pthread_getcpuclockid(ledger._thread.ident)  # noqa: SLF001
        started, cpu, spent = time.perf_counter(), time.process_time(), time.clock_gettime(writer)
        for number in range(count):
            ledger.append(receipt(number))
            if len(ledger._queue) > QUEUED:  # noqa: SLF001
                time.sleep(0.001)
        ledger.flush()
        wall = time.perf_counter() - started
        cpu, spent = time.process_time() - cpu, time.clock_gettime(writer) - spent
        ledger.close()
    finally:
        shutil.rmtree(place)
        os.sched_setaffinity(0, before)
    return {
        "receipts": count,
        "a second, by the clock": round(count / wall),
        "a second of this core's own time": round(count / cpu),
        "us of CPU each, making it included": round(cpu / count * 1e6, 2),
        "us of CPU each in the writer's thread": round(spent / count * 1e6, 2),
    }
