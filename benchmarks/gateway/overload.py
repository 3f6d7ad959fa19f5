"""Open-loop overload of one worker: goodput, the interactive class, how fast a refusal is, how soon it recovers.

    python -m benchmarks.gateway.overload [SECONDS]          default 20 for each of 0.8x, 2x and 5x

Answers are streams of SERVICE_S seconds, so that the room (1,024 answers at a time) is the capacity: ROOM / SERVICE_S a
second. Requests come on a schedule, whatever became of those before. Of ten, one is interactive, two assist, three
background and four batch.
Goodput is whole answers of what began after the first SERVICE_S seconds, over capacity. Where
the processor is the limit instead of the room, this script says nothing. The last line is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from benchmarks.gateway.house import Caller, clock, quantile, request, worker
from isthmus.gateway.serve import INSIDE

SERVICE_S = 4.0
CLASSES = ("interactive", *["assist"] * 2, *["background"] * 3, *["batch"] * 4)


class Load:
    """One open loop at `rate` requests a second."""

    def __init__(self, house, rate: float) -> None:
        self.port = house.port
        self.rate = rate
        self.raw = {
            name: request(house.key, stream=True, fields=f"isthmus-priority: {name}\r\n") for name in set(CLASSES)
        }
        self.free: list[Caller] = []
        self.good: Counter[str] = Counter()
        self.shed: Counter[str] = Counter()
        self.broken = 0
        self.refusal_s: list[float] = []

    async def one(self, name: str, counted: bool) -> None:
        caller = self.free.pop() if self.free else Caller(self.port)
        began = clock()
        try:
            status = await caller.ask(self.raw[name])
        except (OSError, asyncio.IncompleteReadError):
            caller.leave()
            self.broken += 1
            return
        self.free.append(caller)
        if status != 200:
            self.refusal_s.append(clock() - began)
        if counted:
            (self.good if status == 200 else self.shed)[name] += 1

    async def run(self, seconds: float) -> None:
        began, tasks = clock(), set()
        for number in range(int(seconds * self.rate)):
            due = number / self.rate
            if (early := due - (clock() - began)) > 0:
                await asyncio.sleep(early)
            task = asyncio.ensure_future(self.one(CLASSES[number % len(CLASSES)], due >= SERVICE_S))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        for caller in self.free:
            caller.leave()

    def told(self, times: float, seconds: float) -> dict[str, object]:
        capacity = INSIDE / SERVICE_S
        asked = {name: self.good[name] + self.shed[name] for name in self.raw}
        return {
            "times_capacity": times,
            "goodput": round(sum(self.good.values()) / (seconds - SERVICE_S) / capacity, 3),
            "served": {name: round(self.good[name] / asked[name], 3) for name in dict.fromkeys(CLASSES) if asked[name]},
            "refusals": len(self.refusal_s),
            "refusal_p50_ms": round(quantile(self.refusal_s, 0.5) * 1e3, 2),
            "refusal_p99_ms": round(quantile(self.refusal_s, 0.99) * 1e3, 2),
            "broken": self.broken,
        }


async def recovered(house) -> float:
    """Seconds after the load has gone until a batch request is taken."""
    began = clock()
    raw = request(house.key, fields="isthmus-priority: batch\r\n")
    while await Caller(house.port).ask(raw) != 200:  # noqa: ASYNC110 - the worker is asked, there is no event
        await asyncio.sleep(0.02)
    return clock() - began


async def play(house, seconds: float) -> dict[str, object]:
    rows = []
    for times in (0.8, 2.0, 5.0):
        load = Load(house, times * INSIDE / SERVICE_S)
        await load.run(seconds)
        rows.append(load.told(times, seconds) | {"recovered_s": round(await recovered(house), 2)})
        print(json.dumps(rows[-1]), flush=True)
    return {"room": INSIDE, "service_s": SERVICE_S, "rows": rows}


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with worker(events=5, pace_ms=int(SERVICE_S * 1000 / 5)) as house:
        result = asyncio.run(play(house, seconds))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
