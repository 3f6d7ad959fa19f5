"""What each stage of a request costs, in microseconds of one core, held against its budget.

    python -m benchmarks.stages [NAME ...] [--json]

One file per stage in this folder; the folder is the registry. A file exports

    BUDGET_US: dict[str, float]                      case -> budget
    def cases() -> dict[str, Callable[[], object]]   case -> what to run once (its set-up is not counted), or that with
                                                     how many units it is: the figure is then that of one unit

Reported is the quietest of many short runs, in ROUNDS rounds over all cases: on a shared machine, whose speed halves
for a while, the smallest figure is the one least disturbed. `spin` is the same measure of a fixed loop (1,000
additions), so that figures of two machines can be set side by side.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 1.0  # per case
ROUNDS = 4
RUN_US = 500.0  # length of one short run


def _spin() -> int:
    total = 0
    for number in range(1000):
        total += number
    return total


def measure(run: Callable[[], object], seconds: float = SECONDS) -> float:
    """Microseconds of one `run`: the smallest average over short runs of about 0.5 ms, for `seconds`."""
    clock = time.perf_counter_ns
    start = clock()
    run()
    once = max(1, clock() - start)
    count = max(1, int(RUN_US * 1000 / once))
    best = float("inf")
    until = clock() + int(seconds * 1e9)
    gc.disable()
    while clock() < until:
        start = clock()
        for _ in range(count):
            run()
        best = min(best, (clock() - start) / count)
        count = max(1, int(RUN_US * 1000 / best))
    gc.enable()
    return best / 1000


def main() -> int:
    """Measure, print, and answer 1 when a budget is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__)
    parser.add_argument("names", nargs="*", help="stages; all when none is named")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="seconds per case")
    asked = parser.parse_args()
    here = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name != "__main__"]
    found = {("spin", "1,000 additions"): (_spin, 1.0, None)}
    for name in asked.names or here:
        stage = importlib.import_module(f"benchmarks.stages.{name}")
        for case, run in stage.cases().items():
            found[name, case] = (*(run if isinstance(run, tuple) else (run, 1.0)), stage.BUDGET_US[case])
    best = dict.fromkeys(found, float("inf"))
    for _ in range(ROUNDS):
        for place, (alone, units, _) in found.items():
            best[place] = min(best[place], measure(alone, asked.seconds / ROUNDS) / units)
    rows = [
        {"stage": place[0], "case": place[1], "us": round(best[place], 2), "budget_us": budget}
        for place, (_, _, budget) in found.items()
    ]
    if asked.json:
        print(json.dumps(rows, indent=1))
    else:
        print("| stage | case | us | budget us |\n|---|---|---:|---:|")
        for row in rows:
            print(f"| {row['stage']} | {row['case']} | {row['us']} | {row['budget_us'] or ''} |")
    return int(any(row["budget_us"] is not None and row["us"] > row["budget_us"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
