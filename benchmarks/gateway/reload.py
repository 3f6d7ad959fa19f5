"""Reload and upgrade under load: how many of N requests fail.

    python -m benchmarks.gateway.reload [REQUESTS]          default 100,000

32 connections ask a node of two workers; each tenth part of the way the law is reloaded (SIGHUP), and twice all
workers are replaced (`Node.upgrade`, what `isthmus upgrade` runs). Then a worker is killed, and the time until every
socket is served again is taken. A request fails when it breaks off or its status is not 200; one that the old
connection's close crossed before a byte of it was read is asked again once, as every HTTP client does,
and counted apart. The last line is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from benchmarks.gateway.house import Caller, clock, node, quantile, request

CALLERS = 32


class Count:
    """What happened so far."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.asked = self.good = self.again = 0
        self.changed = False
        self.bad: list[str] = []
        self.seconds: list[float] = []


async def call(port: int, raw: bytes, count: Count) -> None:
    caller = Caller(port)
    while count.asked < count.wanted or not count.changed:  # the load lasts as long as the changes do
        count.asked += 1
        began = clock()
        for attempt in (1, 2):
            try:
                status = await caller.ask(raw)
            except (OSError, asyncio.IncompleteReadError) as error:
                caller.leave()
                untouched = not getattr(error, "partial", b"")
                if attempt == 1 and untouched:
                    count.again += 1
                    continue
                count.bad.append(type(error).__name__)
            else:
                if status == 200:
                    count.good += 1
                else:
                    count.bad.append(str(status))
            break
        count.seconds.append(clock() - began)
    caller.leave()


async def change(house, count: Count) -> tuple[int, int]:
    """Reload at each tenth, upgrade at three and seven tenths."""
    reloads = upgrades = 0
    for tenth in range(1, 10):
        while count.asked < count.wanted * tenth // 10:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.02)
        if tenth in (3, 7):
            await asyncio.to_thread(house.node.upgrade)
            upgrades += 1
        else:
            house.node.reload()
            reloads += 1
    count.changed = True
    return reloads, upgrades


async def killed(house, raw: bytes) -> float:
    """Seconds from SIGKILL of one worker until two fresh connections to each socket are answered."""
    victim = house.node._children[0].pid  # noqa: SLF001 - the benchmark is the one who kills
    os.kill(victim, signal.SIGKILL)
    began = clock()
    answers = await asyncio.gather(*(Caller(house.port).ask(raw) for _ in range(32)), return_exceptions=True)
    if any(answer != 200 for answer in answers):
        raise SystemExit(f"after a worker died: {answers}")
    return clock() - began


async def play(house, wanted: int) -> dict[str, object]:
    raw = request(house.key)
    count = Count(wanted)
    changing = asyncio.ensure_future(change(house, count))
    began = clock()
    await asyncio.gather(*(call(house.port, raw, count) for _ in range(CALLERS)))
    seconds = clock() - began
    reloads, upgrades = await changing
    return {
        "requests": count.good + len(count.bad),
        "failed": len(count.bad),
        "how": sorted(set(count.bad)),
        "asked_again": count.again,
        "reloads": reloads,
        "upgrades": upgrades,
        "p99_ms": round(quantile(count.seconds, 0.99) * 1e3, 1),
        "worst_ms": round(max(count.seconds) * 1e3, 1),
        "seconds": round(seconds, 1),
        "worker_replaced_s": round(await killed(house, raw), 2),
    }


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with node() as house:
        result = asyncio.run(play(house, wanted))
    print(json.dumps(result))
    raise SystemExit(1 if result["failed"] else 0)


if __name__ == "__main__":
    main()
