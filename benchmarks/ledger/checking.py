"""How long `isthmus ledger verify` takes over many receipts, and how long one of them and its proof."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.stages.ledger import receipt
from isthmus.core.clock import SystemClock
from isthmus.ledger import proof, read
from isthmus.ledger.segments import Ledger
from isthmus.ledger.verify import verify

COUNT = 1_000_000


def run(count):
    place = Path(tempfile.mkdtemp(dir=Path.cwd()))
    try:
        ledger = Ledger.open(place, "w0", SystemClock())
        for number in range(count):
            ledger.append(receipt(number))
            if number % 10_000 == 9_999:
                ledger.flush()
        ledger.close()
        found = {"receipts": count}
        for jobs in dict.fromkeys((os.cpu_count() or 1, 1)):
            begun, cpu = time.perf_counter(), spent()
            report = verify(place, jobs=jobs)
            assert report.sound, report.damages
            found[f"verify with {jobs} processes, s"] = round(time.perf_counter() - begun, 1)
            found[f"verify with {jobs} processes, s of CPU"] = round(spent() - cpu, 1)
        for what, ask in (("a receipt by its id, s", read.find), ("its proof, s", proof.prove)):
            begun = time.perf_counter()
            ask(place, f"w0-1-{count // 3}")
            found[what] = round(time.perf_counter() - begun, 2)
    finally:
        shutil.rmtree(place)
    return found


def spent():
    """Seconds of CPU of this process and of those it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
