"""What one pick costs, in microseconds of one core: prefix keys of a 2 kB prompt, then the choice among 64 replicas.

    python -m benchmarks.fleet.pick [--replicas N] [--json]

Prompts share a system prompt of 600 bytes and are new after it; caches are full, so every prompt pushes an old one out.
That is done beside requests, once a probe period (100 ms): `upkeep` is a pick's share of it where RUN come in one (400
a second). Reported is the quietest of many short runs, as in benchmarks.stages, and `spin` (1,000 additions) beside it,
so that figures of two machines can be set side by side. `index` is the memory of the whole prefix index, measured.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
import tracemalloc
from collections.abc import Callable

from isthmus.core.clock import SystemClock
from isthmus.routing.picker import Picker
from isthmus.routing.prefix import chain, seed
from isthmus.routing.probe import Load
from isthmus.routing.seat import Replica

SYSTEM, SIZE, ROOM, RUN, SECONDS = 600, 2048, 2000, 40, 4.0
FRESH = 3  # blocks of a prompt that nobody has read: all but the system prompt's
BUDGET_US = 15.0


def quietest(runs: int, work: Callable[[int], object]) -> float:
    """Microseconds of one `work`: the smallest mean over runs of RUN calls."""
    best = float("inf")
    for at in range(runs):
        start = time.perf_counter_ns()
        for number in range(at * RUN, at * RUN + RUN):
            work(number)
        best = min(best, (time.perf_counter_ns() - start) / RUN)
    return best / 1000


def measure(replicas: int) -> dict[str, float]:
    tracemalloc.start()
    names = [f"r{number}" for number in range(replicas)]
    picker = Picker(SystemClock(), [Replica(name, room=ROOM, slots=64) for name in names])
    for name in names:
        picker.heard(name, Load())
    start = seed(os.urandom(16), "tenant", "CN")
    system = os.urandom(SYSTEM)
    for name in names:
        for _ in range(ROOM // FRESH + 1):
            picker.stored(name, chain(system + os.urandom(SIZE - SYSTEM), start))
    index_mb = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    prompts = [system + os.urandom(SIZE - SYSTEM) for _ in range(20_000)]
    gc.disable()
    until = time.perf_counter() + SECONDS
    best: dict[str, float] = {}
    at = 0
    while time.perf_counter() < until:
        batch = prompts[at : at + RUN]
        at = (at + RUN) % len(prompts)
        begun = time.perf_counter_ns()
        tickets = [picker.pick(chain(prompt, start), SIZE) for prompt in batch]
        picked = time.perf_counter_ns()
        for ticket in tickets:
            assert ticket is not None
            picker.first(ticket)
            picker.done(ticket)
        closed = time.perf_counter_ns()
        picker.refresh()
        kept = time.perf_counter_ns()
        took = {"pick": picked - begun, "first token and end": closed - picked, "upkeep": kept - closed}
        best = {name: min(best.get(name, 1e9), value / RUN / 1000) for name, value in took.items()}
    keys = quietest(200, lambda number: chain(prompts[number % len(prompts)], start))
    spin = quietest(50, lambda _: sum(range(1000)))
    gc.enable()
    blocks = picker.index_blocks()
    return {"pick us": best["pick"], "of it keys us": keys} | {
        "first token and end us": best["first token and end"],
        "upkeep us": best["upkeep"],
        "index MB": index_mb,
        "index blocks": blocks,
        "bytes a block": index_mb * 1e6 / blocks,
        "spin us": spin,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.pick", description=__doc__)
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    row = measure(given.replicas)
    print(json.dumps(row) if given.json else "\n".join(f"{name:24}{value:12,.2f}" for name, value in row.items()))
    return int(row["pick us"] > BUDGET_US)


if __name__ == "__main__":
    raise SystemExit(main())
