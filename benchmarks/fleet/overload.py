"""Twice the load that a fleet can carry: who is served, and how often anything is asked twice?

    python -m benchmarks.fleet.overload --home FOLDER [--seconds S] [--workers N] [--json]

A real gateway in front of three stand-in engines of SLOTS slots, whose answers are timed to take SERVICE seconds, so
that their capacity is known: 3 x SLOTS / SERVICE answers a second. Arrivals are Poisson at twice that, 40 % of them
interactive (0.8 of the capacity), the rest assist, background and batch. A caller who is refused does not come back.
`goodput` is answers within the measured time over capacity; `seconds an answer` is what one really took (on a busy
machine more than SERVICE, and capacity is less by as much); `retries` is what engines got over what they answered.
FOLDER is an ISTHMUS_HOME for the gateway's own files. Each of N workers has a picker and a room of its own, and sees
what the others sent only as far as the engines' measures say.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
from collections import Counter
from pathlib import Path

import msgspec

from benchmarks.fleet.house import busy, free_port
from benchmarks.fleet.load import Client, Outcome, quantile
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.fleet.engine import named
from isthmus.node import Node, prepare
from isthmus.routing.probe import FLEET_HOST, Board, Listed

ENGINES, SLOTS, SERVICE, EVENTS = 3, 4, 0.4, 4
MIX = (("interactive", 0.4), ("assist", 0.2), ("background", 0.2), ("batch", 0.2))
CAPACITY = ENGINES * SLOTS / SERVICE
WARM_S = 3.0
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


class Engine:
    """A stand-in: SLOTS answers at once, each SERVICE seconds long; what comes on top waits in line."""

    def __init__(self) -> None:
        self.slots = asyncio.Semaphore(SLOTS)
        self.running = self.waiting = self.asked = self.answered = 0
        self.busy_s = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(size or 0))
                if head.startswith(b"GET"):
                    self.tell(writer)
                else:
                    await self.answer(writer)
                await writer.drain()
        except (OSError, EOFError):
            writer.close()

    def tell(self, writer: asyncio.StreamWriter) -> None:
        names = named("llama_cpp").names
        page = f"{names.running} {self.running}\n{names.waiting} {self.waiting}\n".encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))

    async def answer(self, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self.waiting += 1
        async with self.slots:
            self.waiting -= 1
            self.running += 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            loop = asyncio.get_running_loop()
            began = loop.time()
            for number in range(EVENTS):
                due = began + SERVICE * (number + 1) / EVENTS  # one that comes late makes no other late
                await asyncio.sleep(due - loop.time())
                last = number == EVENTS - 1
                choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": "stop" if last else None}
                self.event(writer, json.dumps({**CHUNK, "choices": [choice]}))
            usage = {"prompt_tokens": 10, "completion_tokens": EVENTS, "total_tokens": 10 + EVENTS}
            self.event(writer, json.dumps({**CHUNK, "choices": [], "usage": usage}))
            self.event(writer, "[DONE]")
            writer.write(b"0\r\n\r\n")
            self.running -= 1
            self.answered += 1
            self.busy_s += loop.time() - began

    @staticmethod
    def event(writer: asyncio.StreamWriter, data: str) -> None:
        piece = f"data: {data}\n\n".encode()
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))


async def measure(node: Node, key: str, engines: list[Engine], seconds: float) -> dict[str, object]:
    client = Client("127.0.0.1", node.config.port, key)
    chance = random.Random(3)
    outcomes: list[tuple[float, Outcome]] = []
    tasks = set()
    loop = asyncio.get_running_loop()

    async def one(kind: str, number: int) -> None:
        words = f"question {number} " + "and some words of its own " * 8
        began = loop.time()
        outcome = await client.chat([{"role": "user", "content": words}], tokens=8, model="private", priority=kind)
        outcomes.append((began, outcome))

    start = loop.time()
    due = start
    number = 0
    while due < start + WARM_S + seconds:
        await asyncio.sleep(max(0.0, due - loop.time()))
        kind = chance.choices([name for name, _ in MIX], [share for _, share in MIX])[0]
        task = loop.create_task(one(kind, number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        due += chance.expovariate(2 * CAPACITY)
        number += 1
    await asyncio.gather(*tasks)
    begin, end = start + WARM_S, start + WARM_S + seconds
    good = sum(begin <= began + outcome.total < end for began, outcome in outcomes if not outcome.failure)
    inside = [outcome for began, outcome in outcomes if began >= begin]
    served = {
        kind: sum(not each.failure for each in inside if each.kind == kind)
        / max(1, sum(each.kind == kind for each in inside))
        for kind, _ in MIX
    }
    waits = [each.ttft for each in inside if each.kind == "interactive" and not each.failure]
    return {
        "offered / capacity": len(inside) / seconds / CAPACITY,
        "goodput / capacity": good / seconds / CAPACITY,
        "served": served,
        "interactive ttft p50": quantile(waits, 0.5),
        "interactive ttft p99": quantile(waits, 0.99),
        "seconds an answer": sum(each.busy_s for each in engines) / max(1, sum(each.answered for each in engines)),
        "retries": sum(each.asked for each in engines) / max(1, sum(each.answered for each in engines)),
        "failures": dict(Counter(each.failure for each in inside if each.failure)),
        "load of the machine": busy(),
    }


async def run(home: Path, seconds: float, workers: int) -> dict[str, object]:
    engines = [Engine() for _ in range(ENGINES)]
    ports = [free_port() for _ in engines]
    servers = [
        await asyncio.start_server(engine.serve, "127.0.0.1", port) for engine, port in zip(engines, ports, strict=True)
    ]
    names = named("llama_cpp").names
    listed = tuple(
        Listed(name=f"e-{port}", pool="e", host="127.0.0.1", port=port, model="m", engine="e", slots=SLOTS, names=names)
        for port in ports
    )
    config = Config(home=home, port=free_port(), workers=workers)
    key = prepare(config, SystemClock())
    board = config.run / "overload-board.json"
    board.write_bytes(msgspec.json.encode(Board(cell="overload", jurisdiction="rehearsal", replicas=listed)))
    node = Node(config, engine=(FLEET_HOST, 80), engine_key="k", model="private", fleet=str(board))
    await asyncio.to_thread(node.start)
    try:
        await asyncio.to_thread(node.wait_ready, 120.0)
        await asyncio.sleep(1.0)
        return await measure(node, key, engines, seconds)
    finally:
        await asyncio.to_thread(node.stop)
        for server in servers:
            server.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.overload", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="ISTHMUS_HOME for the gateway")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--workers", type=int, default=1, help="of the gateway")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    table = asyncio.run(run(given.home.absolute(), given.seconds, given.workers))
    if given.json:
        print(json.dumps(table))
        return
    for name, value in table.items():
        print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


if __name__ == "__main__":
    main()
