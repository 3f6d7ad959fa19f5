"""Soak: N mixed requests with aborts through one worker; its memory and descriptors, quarter by quarter.

    python -m benchmarks.gateway.soak [REQUESTS]          default 2,000,000

Of a hundred: 60 unstreamed, 20 streamed (64 events), 10 that hang up at once or amid the answer, 5 refused (bad key,
bad JSON), 5 on a fresh connection. Goal: memory of the last quarter within 3 % of the second's, at most 80 MiB; as many
descriptors after as before (the first question opens the ledger's files, and connections kept to the partner are told
apart), and no connection left open. The last line is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys

from benchmarks.gateway import quick
from benchmarks.gateway.house import Caller, clock, descriptors, request, worker

CALLERS = 24
_OURS, _THEIRS = 1, 2  # columns of /proc/net/tcp


class Soak:
    """One worker under mixed load."""

    def __init__(self, house, wanted: int) -> None:
        self.house = house
        self.wanted = wanted
        self.asked = 0
        self.wrong: list[str] = []
        self.plain = request(house.key)
        self.stream = request(house.key, stream=True)
        self.bad_key = request("isk_none_none")
        self.bad_json = request(house.key, body=b"{")
        self.rows: list[tuple[int, float, int]] = []

    async def call(self) -> None:
        caller = Caller(self.house.port)
        while self.asked < self.wanted:
            number = self.asked = self.asked + 1
            turn = number % 100
            try:
                if turn < 60:
                    self.expect(200, await caller.ask(self.plain))
                elif turn < 80:
                    self.expect(200, await caller.ask(self.stream))
                elif turn < 90:
                    await caller.abort(self.stream if turn % 2 else self.plain, 0.001 * (turn % 5))
                elif turn < 93:
                    self.expect(401, await caller.ask(self.bad_key))
                elif turn < 95:
                    self.expect(400, await caller.ask(self.bad_json))
                else:
                    caller.leave()
                    self.expect(200, await caller.ask(self.plain))
            except (OSError, asyncio.IncompleteReadError) as error:
                self.wrong.append(type(error).__name__)
                caller.leave()
        caller.leave()

    def expect(self, status: int, got: int) -> None:
        if got != status:
            self.wrong.append(str(got))

    async def watch(self) -> None:
        """A row now and then: requests, MiB, descriptors."""
        while True:
            self.rows.append((self.asked, quick.rss_mib(self.house.pid), self.descriptors()))
            await asyncio.sleep(0.25)

    async def run(self) -> dict[str, object]:
        first = Caller(self.house.port)
        self.expect(200, await first.ask(self.plain))
        first.leave()
        await asyncio.sleep(1.0)
        before = self.descriptors()
        watching = asyncio.ensure_future(self.watch())
        began = clock()
        await asyncio.gather(*(self.call() for _ in range(CALLERS)))
        seconds = clock() - began
        watching.cancel()
        await asyncio.sleep(3.0)  # what was hung up on is noticed
        rss = [self.quarter(each, 1) for each in range(4)]
        return {
            "requests": self.asked,
            "wrong": len(self.wrong),
            "how": sorted(set(self.wrong)),
            "seconds": round(seconds, 1),
            "rss_mib_by_quarter": [round(value, 1) for value in rss],
            "rss_last_to_second": round(rss[3] / rss[1], 3),
            "descriptors_by_quarter": [round(self.quarter(each, 2)) for each in range(4)],
            "descriptors_before_and_after": [before, self.descriptors()],
            "connections_left": connections(self.house.pid, self.house.port, _OURS),
            "kept_to_the_partner": connections(self.house.pid, self.house.partner, _THEIRS),
        }

    def descriptors(self) -> int:
        """Those of the worker, but for the connections to its partner, which are kept for the next request."""
        return descriptors(self.house.pid) - connections(self.house.pid, self.house.partner, _THEIRS)

    def quarter(self, which: int, column: int) -> float:
        """Median of a column over one quarter of the requests."""
        low, high = self.wanted * which // 4, self.wanted * (which + 1) // 4
        found = [row[column] for row in self.rows if low <= row[0] <= high]
        return statistics.median(found) if found else float("nan")


def connections(pid: int, port: int, end: int) -> int:
    """Open connections whose own end, or the other, is `port`."""
    with open(f"/proc/{pid}/net/tcp") as table:
        lines = [line.split() for line in table][1:]
    return sum(1 for line in lines if line[end].endswith(f":{port:04X}") and line[3] == "01")


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
    with worker() as house:
        result = asyncio.run(Soak(house, wanted).run())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
