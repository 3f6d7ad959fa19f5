"""Streams whose partner is killed at a random byte: what callers heard, how often partners were called, who was billed.

    python -m benchmarks.gateway.killed [COUNT] [--seed N]

The corridor is whole and in one process; the network breaks off (tests/gateway/killed_parts.py). Every stream's first
partner is killed at a byte drawn evenly over its answer. Ends with 1 when any stream ended in anything but an answer,
a typed error event or a typed error, when a receipt is missing or says another number than the partner's meter, or
when partners were called more than 1.2 times a stream.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "gateway"))
from killed_parts import kill_streams
from scripted import KEYS, Scripted

MOST_CALLS = 1.2


def main() -> int:
    """Run, print the table, and answer 1 when something fell short."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.killed", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ.update(KEYS)
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as home:
        house = Scripted(Path(home), loop, datetime(2026, 11, 22, tzinfo=UTC))
        with Progress(transient=True) as bar:
            task = bar.add_task("streams", total=asked.count)
            found = kill_streams(house, asked.count, asked.seed, progress=lambda: bar.advance(task))
        house.close()
    loop.close()
    calls = found.calls / found.streams
    rows = {
        "streams": found.streams,
        "answered to the end, by the next lawful route": found.answered,
        "begun by one, continued by the next (asked for by half)": found.continued,
        "ended in a typed error event": found.interrupted,
        "refused with a typed error, nothing shown": found.refused,
        "calls to partners per stream": f"{calls:.3f}",
        "receipts": found.receipts,
        "bills from the partner's own count": found.counted_by_partner,
        "bills counted here, marked as estimated": found.counted_here,
        "tokens billed": found.billed,
        "tokens of attempts that showed nothing, noted beside": found.beside,
        "tokens in all receipts": found.billed + found.beside,
        "tokens on the partners' meters": found.metered,
        "wrong": len(found.bad),
    }
    print("| | |\n|---|---:|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    for word in found.bad[:20]:
        print(word)
    return int(bool(found.bad) or calls > MOST_CALLS)


if __name__ == "__main__":
    sys.exit(main())
