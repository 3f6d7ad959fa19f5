"""How long an answer waits when its last byte follows its receipt's commit, at a steady rate."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.stages.ledger import receipt
from isthmus.core.clock import SystemClock
from isthmus.ledger.segments import Ledger

COUNT = 20_000
RATE = 2_000  # a second


def run(count):
    place = Path(tempfile.mkdtemp(dir=Path.cwd()))
    try:
        waits = sorted(asyncio.run(wait_for_all(place / "ledger", count)))
        sync = fdatasync(place)
    finally:
        shutil.rmtree(place)
    return {
        "receipts": count,
        "a second": RATE,
        "median, ms": round(waits[count // 2] * 1000, 1),
        "99th percentile, ms": round(waits[count * 99 // 100] * 1000, 1),
        "longest, ms": round(waits[-1] * 1000, 1),
        "one fdatasync of this disk, median of 100, ms": round(sync * 1000, 1),
    }


async def wait_for_all(folder, count):
    ledger = Ledger.open(folder, "w0", SystemClock())
    clock = time.perf_counter
    waits = []

    async def answer(number):
        begun = clock()
        await ledger.committed(receipt(number))
        waits.append(clock() - begun)

    begun, tasks = clock(), []
    for number in range(count):
        ahead = begun + number / RATE - clock()
        if ahead > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(answer(number)))
    await asyncio.gather(*tasks)
    await asyncio.get_running_loop().run_in_executor(None, ledger.close)
    return waits


def fdatasync(place):
    import os

    times = []
    with (place / "probe").open("wb") as file:
        for _ in range(100):
            file.write(bytes(4096))
            file.flush()
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begun)
    return sorted(times)[50]
