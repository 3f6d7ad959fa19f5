"""What one receipt costs the control process when OpenTelemetry is on: with its span, and without.

    python -m benchmarks.telemetry

CPU of the thread that reads the ledger's end, in microseconds per receipt, the smallest of several rounds. The receiver
is away on purpose: what sending costs belongs to the library's own threads. No worker and no request pays any of it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from isthmus.core.clock import SystemClock
from isthmus.core.wire import Usage
from isthmus.ledger.receipt import Receipt
from isthmus.ledger.segments import Ledger
from isthmus.web.telemetry import Telemetry

RECEIPTS, ROUNDS = 500, 8


def receipt(ledger: Ledger) -> Receipt:
    return Receipt(
        ledger.next_id(), 1_795_000_000_000, "k", "t", ("CN",), "assistant", "text", "answer", "adult", "personal",
        "ordinary", "d1", "serve", "answered", route="doubao/pro", partner="doubao", model="pro", tier="partner",
        label="l", usage=Usage(12, 34, 46), stream=True, finish="stop", us_first=120_000, us_whole=900_000,
    )  # fmt: skip


def measure(sampler: str) -> float:
    """Microseconds per receipt."""
    os.environ["OTEL_TRACES_SAMPLER"] = sampler
    folder = Path(tempfile.mkdtemp())
    ledger = Ledger.open(folder, "w0", SystemClock())
    sending = Telemetry(folder, dict, "node")
    best = float("inf")
    for _ in range(ROUNDS):
        for _ in range(RECEIPTS):
            ledger.append(receipt(ledger))
        ledger.flush()
        begun = time.thread_time()
        sending.look()
        best = min(best, (time.thread_time() - begun) / RECEIPTS * 1e6)
    ledger.close()
    return best


def main() -> None:
    """Print the table."""
    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.1"}
    print("| of each receipt | us |\n|---|---:|")
    for words, sampler in (("a span and measurements", "always_on"), ("measurements alone", "always_off")):
        print(f"| {words} | {measure(sampler):.0f} |", flush=True)
    os._exit(0)  # the library's threads would go on trying to send


if __name__ == "__main__":
    main()
