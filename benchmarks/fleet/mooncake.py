"""The Mooncake traces through the gateway's own picker, beside round robin and others, on a simulated clock.

    python -m benchmarks.fleet.mooncake --traces FOLDER [--seed N ...] [--from S --until S] [--leaf-first] [--json]

FOLDER holds mooncake_conversation.jsonl and mooncake_synthetic.jsonl (kvcache-ai/Mooncake, FAST25-release/traces,
Apache-2.0). Each replica reads prompts first come, first served, at 20,000 tokens a second, and keeps the 2,000 blocks
of 512 tokens that were used last, in plain order of use: of an idle prompt the beginning goes first. That is the toy
whose figures are the goal's anchor: its round robin (hit 0.079 and p90 1.80 s, 0.107 and 4.67 s) comes out to the last
digit. `--leaf-first` has caches that lose the end first, as engines do. Only reading is simulated: no decoding, no
network. The synthetic trace runs at twice its rate. `hit` counts blocks; TTFT is in seconds. The conversation trace's
times are whole multiples of three seconds, so some ten requests come in one moment; they are placed together
(routing.together), as the gateway does with requests of one turn of its loop. `--seed` moves each request of the
synthetic trace by up to 0.3 s and shuffles those of one moment in the other; of several seeds there is a line each, and
the table is over the requests of all. `--from` and `--until` take a part of the traces. One cache as large as all
together, without a queue, is no policy: it says how much of the rest is a matter of placing.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path

from isthmus.routing.picker import Picker
from isthmus.routing.seat import Ask, Replica, Ticket
from isthmus.routing.together import together

REPLICAS, ROOM, BLOCK, SPEED = 8, 2_000, 512, 1 / 20_000
PICKER, ROUND_ROBIN = "isthmus picker", "round robin"
TRACES = {"conversation": 1.0, "synthetic": 2.0}
Request = tuple[float, list[int], int]


class SimulatedClock:
    """Seconds, set by the simulation."""

    def __init__(self) -> None:
        self.second = 0.0

    def monotonic(self) -> float:
        return self.second


class Engine:
    """One simulated replica: a queue of prompts and a least-recently-used cache of `room` blocks."""

    def __init__(self, leaf_first: bool, room: int = ROOM) -> None:
        self.room = room
        self.leaf_first = leaf_first
        self.cache: OrderedDict[int, None] = OrderedDict()
        self.free = 0.0
        self.running: deque[tuple[float, Ticket]] = deque()

    def held(self, blocks: Sequence[int]) -> int:
        """Leading blocks of the prompt that are in the cache."""
        return next((at for at, block in enumerate(blocks) if block not in self.cache), len(blocks))

    def read(self, now: float, blocks: Sequence[int], tokens: int) -> tuple[int, float]:
        """Queue one prompt. Returns the blocks found and the second of its first token."""
        hit = self.held(blocks)
        self.free = max(self.free, now) + max(1, tokens - hit * BLOCK) * SPEED
        for block in reversed(blocks) if self.leaf_first else blocks:
            self.cache[block] = None
            self.cache.move_to_end(block)
        while len(self.cache) > self.room:
            self.cache.popitem(last=False)
        return hit, self.free


class Result:
    def __init__(self) -> None:
        self.hit = self.asked = 0
        self.ttft: list[float] = []

    def add(self, hit: int, blocks: int, ttft: float) -> None:
        self.hit += hit
        self.asked += blocks
        self.ttft.append(ttft)

    def join(self, other: Result) -> None:
        self.hit += other.hit
        self.asked += other.asked
        self.ttft += other.ttft

    def row(self) -> dict[str, float]:
        ordered = sorted(self.ttft)
        quantile = {f"p{q}": ordered[int(q / 100 * len(ordered))] for q in (50, 90, 99)}
        return {"hit": self.hit / self.asked, "mean": sum(ordered) / len(ordered), **quantile}


def load(path: Path, rate: float) -> list[Request]:
    """(second, block ids, tokens) of each request of a trace."""
    rows = (json.loads(line) for line in path.read_text().splitlines())
    return [(row["timestamp"] / 1000 / rate, row["hash_ids"], row["input_length"]) for row in rows]


def picked(trace: Sequence[Request], leaf_first: bool) -> Result:
    """The trace through isthmus.routing.picker."""
    clock = SimulatedClock()
    engines = [Engine(leaf_first) for _ in range(REPLICAS)]
    replicas = [Replica(str(each), room=ROOM, speed=SPEED, root_first=not leaf_first) for each in range(REPLICAS)]
    picker = Picker(clock, replicas, block=BLOCK, limited=False, chance=random.Random(1).random)
    result = Result()
    for second, arrivals in groupby(trace, key=lambda request: request[0]):
        for engine in engines:
            while engine.running and engine.running[0][0] <= second:
                clock.second, ticket = engine.running.popleft()
                picker.first(ticket)
                picker.done(ticket)
        clock.second = second
        picker.refresh()
        asks = [Ask(blocks, tokens) for _, blocks, tokens in arrivals]
        for at, ticket in together(picker, asks):
            assert ticket is not None
            ask = asks[at]
            engine = engines[ticket.number]
            hit, first = engine.read(second, ask.keys, ask.size)
            engine.running.append((first, ticket))
            result.add(hit, len(ask.keys), first - second)
    return result


def plain(trace: Sequence[Request], leaf_first: bool, choose: Callable[[list[Engine], float], int]) -> Result:
    """The trace through a policy that sees queues alone."""
    engines = [Engine(leaf_first) for _ in range(REPLICAS)]
    result = Result()
    for second, blocks, tokens in trace:
        engine = engines[choose(engines, second)]
        hit, first = engine.read(second, blocks, tokens)
        result.add(hit, len(blocks), first - second)
    return result


def round_robin() -> Callable[[list[Engine], float], int]:
    turn = iter(range(1 << 62))
    return lambda engines, _: next(turn) % len(engines)


def power_of_two() -> Callable[[list[Engine], float], int]:
    chance = random.Random(1)

    def choose(engines: list[Engine], second: float) -> int:
        one, two = chance.randrange(len(engines)), chance.randrange(len(engines))
        return one if engines[one].free <= engines[two].free else two

    return choose


def unqueued(trace: Sequence[Request], leaf_first: bool) -> Result:
    """One cache as large as all together, and nobody waits: about as good as placing can make it."""
    engine = Engine(leaf_first, REPLICAS * ROOM)
    result = Result()
    for second, blocks, tokens in trace:
        engine.free = 0.0
        hit, first = engine.read(second, blocks, tokens)
        result.add(hit, len(blocks), first - second)
    return result


def ideal(trace: Sequence[Request]) -> float:
    """The share of blocks that one infinite cache would find."""
    seen: set[int] = set()
    hit = asked = 0
    for _, blocks, _ in trace:
        asked += len(blocks)
        hit += next((at for at, block in enumerate(blocks) if block not in seen), len(blocks))
        seen.update(blocks)
    return hit / asked


def shaken(trace: Sequence[Request], seed: int, most: float) -> list[Request]:
    """The trace with each request up to `most` seconds later, and those of one moment in another order."""
    chance = random.Random(seed)
    moved = [(second + chance.random() * most, chance.random(), blocks, tokens) for second, blocks, tokens in trace]
    return [(second, blocks, tokens) for second, _, blocks, tokens in sorted(moved, key=lambda each: each[:2])]


def policies(trace: Sequence[Request], leaf_first: bool) -> dict[str, Result]:
    return {
        ROUND_ROBIN: plain(trace, leaf_first, round_robin()),
        "power of two": plain(trace, leaf_first, power_of_two()),
        PICKER: picked(trace, leaf_first),
        "one cache, no queue": unqueued(trace, leaf_first),
    }


def rows(results: dict[str, Result]) -> dict[str, dict[str, float]]:
    table = {name: result.row() for name, result in results.items()}
    for row in table.values():
        row["p90 / round robin"] = row["p90"] / table[ROUND_ROBIN]["p90"]
    return table


def run(
    folder: Path, seeds: Sequence[int | None], begin: float, end: float, leaf_first: bool = False
) -> dict[str, dict[str, dict[str, float]]]:
    """Rows of each trace over the requests of all seeds; of several seeds, the picker's own row of each before them."""
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name, rate in TRACES.items():
        given = [each for each in load(folder / f"mooncake_{name}.jsonl", rate) if begin <= each[0] * rate < end]
        pooled: dict[str, Result] = {}
        table[name] = {}
        for seed in seeds:
            trace = given if seed is None else shaken(given, seed, 0.3 if name == "synthetic" else 0.0)
            results = policies(trace, leaf_first)
            if len(seeds) > 1:
                table[name][f"seed {seed}"] = rows(results)[PICKER]
            for policy, result in results.items():
                pooled.setdefault(policy, Result()).join(result)
        table[name] |= rows(pooled)
        table[name]["one infinite cache"] = {"hit": ideal(given)}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.mooncake", description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="folder with the two trace files")
    parser.add_argument("--seed", type=int, nargs="*", help="shake the traces with each of these (else as they are)")
    parser.add_argument("--from", dest="begin", type=float, default=0.0, help="second of the trace to begin at")
    parser.add_argument("--until", type=float, default=float("inf"), help="second of the trace to end at")
    parser.add_argument("--leaf-first", action="store_true", help="caches lose the end of a prompt first")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    table = run(given.traces, given.seed or [None], given.begin, given.until, given.leaf_first)
    if given.json:
        print(json.dumps(table))
        return
    for name, lines in table.items():
        print(f"\n{name}, {REPLICAS} replicas of {ROOM:,} blocks, rate x{TRACES[name]:g}")
        columns = ("hit", "mean", "p50", "p90", "p99", "p90 / round robin")
        print(f"{'policy':20}" + "".join(f"{column:>20}" for column in columns))
        for policy, row in lines.items():
            print(f"{policy:20}" + "".join(f"{row[column]:20.3f}" if column in row else " " * 20 for column in columns))


if __name__ == "__main__":
    main()
