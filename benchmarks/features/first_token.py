"""How long a person waits for the first word on this device: a text of 200 words, summarised by the small model.

    python -m benchmarks.features.first_token [--model smollm2-135m] [--runs 5]

Each run gets another text, so that nothing but the instruction's own words is remembered by the engine. Prints seconds
from the call to the first draft, without the start of the engine, which happens once (told apart), and the seconds of
CPU that the engine took for it, divided by its threads: what the wait is when nothing else runs on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from isthmus.core import config
from isthmus.device import catalogue
from isthmus.device.device import Device
from isthmus.device.engine import LocalEngine, threads_for
from isthmus.device.machine import cores
from isthmus.device.store import Store
from isthmus.device.voice import Voice

WORDS = [
    "library", "roof", "repair", "street", "morning", "council", "teacher", "garden", "ticket", "station", "window",
    "letter", "market", "bridge", "harbour", "festival", "doctor", "museum", "kitchen", "holiday",
]  # fmt: skip


def text(run: int) -> str:
    """200 words in sentences, different for each run."""
    said = []
    for sentence in range(18):
        mine = [WORDS[(run * 7 + sentence * 3 + place * (run + 1)) % len(WORDS)] for place in range(4)]
        said.append(f"The {mine[0]} near the {mine[1]} got a {mine[2]} and a {mine[3]}.")
    return " ".join(said)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far (Linux, /proc/<pid>/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.features.first_token", description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    here = config.load()
    path = Store(here.models).path(catalogue.find(asked.model, catalogue.load()))
    if path is None:
        print(f"the model is not here: isthmus models pull {asked.model}", file=sys.stderr)
        return 1
    here.run.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with LocalEngine(path, log=Path(here.run) / "first_token.log", name=asked.model, slots=1, context=4096) as engine:
        engine.wait_ready()
        ready = time.monotonic() - started
        voice = Voice(f"http://{engine.host}:{engine.port}", engine.key, model=asked.model)
        waits, works = [], []
        with Device(voice=voice, mode="only_on_device", retry=False, config=here) as device:
            for run in range(asked.runs + 1):
                began, used = time.monotonic(), cpu_seconds(engine.pid or 0)
                drafts = iter(device.stream("summarize", text(run), type="tldr"))
                next(drafts)
                waits.append(time.monotonic() - began)
                works.append((cpu_seconds(engine.pid or 0) - used) / threads_for(cores()))
                for _ in drafts:
                    pass
    first, *rest = waits
    print(
        f"{asked.model}, {len(text(0).split())} words: engine ready after {ready:.1f} s, first question {first:.2f} s"
    )
    spread = f"from {min(rest):.2f} to {max(rest):.2f}"
    print(f"first token, median of {asked.runs}: {statistics.median(rest):.2f} s ({spread})")
    alone, load = statistics.median(works[1:]), os.getloadavg()[0]
    print(f"of these the engine computed {alone:.2f} s on each of its threads; the machine's load was {load:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
