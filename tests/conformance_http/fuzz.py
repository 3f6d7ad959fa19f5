"""Differential fuzz: the same mutated bytes to Isthmus, h11 and aiohttp. `make fuzz` runs ten million of them.

    python tests/conformance_http/fuzz.py [CASES [FIRST_SEED [PROCESSES]]]

A finding is a seed for which Isthmus takes more requests than the stricter of the other two, or raises anything but its
own refusal, or is silent on a whole head. Where Isthmus takes none, the other two are not asked: they cannot take fewer.
The last line is one JSON document; the exit code is 1 when anything was found.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from dialogue import Dialogue
from mutate import case, pieces
from readers import aiohttp_accepts, h11_accepts

BLOCK = 2_000
SLOW_SECONDS = 1.0  # CPU time of one case from which on it counts as a hang


def differs(data, cuts):
    """What is wrong with our reading of `data` ("" where nothing is), and how many requests we took."""
    dialogue = Dialogue()
    for piece in pieces(data, cuts):
        dialogue.say(piece)
    ours = len(dialogue.requests)
    if ours:
        for name, accepts in (("h11", h11_accepts), ("aiohttp", aiohttp_accepts)):
            # Whole first, which is quick; byte by byte, which counts more, before anybody is accused.
            theirs = accepts(data, step=len(data))
            if ours > theirs:
                theirs = accepts(data)
            if ours > theirs:
                return f"isthmus takes {ours} requests, {name} {theirs}", ours
    elif cuts:  # what we refuse may not be taken in another split either
        whole = len(Dialogue().say(data).requests)
        if whole:
            return f"isthmus takes {whole} requests in one read and none in {len(cuts) + 1}", ours
    return "", ours


def run(first, cases):
    """Seeds `first` to `first + cases`: what was found, and how many requests were taken."""
    found, taken = [], Counter()
    for seed in range(first, first + cases):
        data, cuts = case(seed)
        began = time.process_time()
        try:
            wrong, ours = differs(data, cuts)
        except Exception as error:
            wrong, ours = f"{type(error).__name__}: {error}", 0
        if time.process_time() - began > SLOW_SECONDS:
            wrong = "a hang"
        taken[ours] += 1
        if wrong:
            found.append((seed, wrong))
    return found, taken


def main():
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    processes = int(sys.argv[3]) if len(sys.argv) > 3 else len(os.sched_getaffinity(0))
    began = time.monotonic()
    found, taken, done = [], Counter(), 0
    with ProcessPoolExecutor(processes) as pool:
        blocks = [
            pool.submit(run, seed, min(BLOCK, first + cases - seed)) for seed in range(first, first + cases, BLOCK)
        ]
        for block in as_completed(blocks):
            more, counts = block.result()
            found += more
            taken += counts
            done = sum(taken.values())
            rate = done / (time.monotonic() - began)
            print(f"\r{done:,} of {cases:,} cases, {rate:,.0f} a second, {len(found)} found", end="", file=sys.stderr)
    print(file=sys.stderr)
    for seed, wrong in sorted(found)[:20]:
        print(f"seed {seed}: {wrong}\n  {case(seed)}")
    seconds = time.monotonic() - began
    result = {
        "cases": done,
        "first_seed": first,
        "seconds": round(seconds, 1),
        "per_second": round(done / seconds),
        "requests_taken": {str(each): taken[each] for each in sorted(taken)},
        "found": len(found),
    }
    print(json.dumps(result))
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
