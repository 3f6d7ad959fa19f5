"""Two-turn conversations over three real replicas: who finds the warm one?

    python -m benchmarks.fleet.turns --home FOLDER [--vllm-router PROGRAM] [--rounds N] [--json]

The same three engines, one after the other behind each of: this gateway; round robin (the client alternates, with no
proxy between); vllm-router's cache_aware policy (PROGRAM, from the PyPI package vllm-router). Each round is
CONVERSATIONS first turns, then as many second turns that repeat the first and its answer, USERS at a time; every round
and every policy has words of its own, so nobody profits from another's cache. `hit` is the share of second-turn prompt
tokens that the engines say they had (usage.prompt_tokens_details.cached_tokens). Order rotates with each round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

from benchmarks.fleet.house import House, busy, free_port, running
from benchmarks.fleet.load import Client, Outcome, quantile

CONVERSATIONS, USERS, TOKENS, WORDS = 7, 3, 12, 150
VOCABULARY = [
    *("river", "stone", "lamp", "winter", "bridge", "paper", "window", "garden", "silver", "morning", "table"),
    *("engine", "harbour", "letter", "mountain", "copper", "kitchen", "station", "forest", "blanket"),
]


class Way:
    """One policy: clients in turn, and the model's name there."""

    def __init__(self, clients: list[Client], model: str) -> None:
        self.clients = clients
        self.model = model
        self.turn = 0
        self.first: list[Outcome] = []
        self.second: list[Outcome] = []

    async def chat(self, messages: list[dict[str, str]]) -> Outcome:
        client = self.clients[self.turn % len(self.clients)]
        self.turn += 1
        return await client.chat(messages, tokens=TOKENS, model=self.model)

    def row(self) -> dict[str, float]:
        good = [each for each in self.second if not each.failure]
        cached = sum((each.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0) for each in good)
        return {
            "hit": cached / max(1, sum(each.usage.get("prompt_tokens", 0) for each in good)),
            "first turn ttft p50": quantile([each.ttft for each in self.first if not each.failure], 0.5),
            "second turn ttft p50": quantile([each.ttft for each in good], 0.5),
            "second turn ttft p90": quantile([each.ttft for each in good], 0.9),
            "failed": len(self.first) + len(self.second) - len(good) - sum(not each.failure for each in self.first),
        }


async def play(way: Way, seed: int) -> None:
    """One round of one policy."""
    chance = random.Random(seed)
    asks = [f"{seed} {at}: " + " ".join(chance.choices(VOCABULARY, k=WORDS)) for at in range(CONVERSATIONS)]
    talks = [[{"role": "user", "content": ask}] for ask in asks]
    for turn in (way.first, way.second):
        gate = asyncio.Semaphore(USERS)

        async def one(messages: list[dict[str, str]], turn: list[Outcome] = turn, gate=gate) -> None:
            async with gate:
                outcome = await way.chat(messages)
            turn.append(outcome)
            messages += [
                {"role": "assistant", "content": outcome.text or "-"},
                {"role": "user", "content": "And then?"},
            ]

        order = talks[:]
        chance.shuffle(order)
        await asyncio.gather(*(one(messages) for messages in order))


async def compare(house: House, router: int, rounds: int) -> dict[str, dict[str, float]]:
    key = house.engine_key()
    direct = [Client(each["host"], each["port"], key) for each in house.replicas()]
    ways = {
        "isthmus": Way([Client("127.0.0.1", house.port, house.key)], "private"),
        "round robin": Way(direct, "local"),
    }
    if router:
        ways["vllm-router cache_aware"] = Way([Client("127.0.0.1", router, key)], "local")
    names = list(ways)
    for number in range(rounds):
        for at in range(len(names)):
            place = (number + at) % len(names)
            await play(ways[names[place]], number * 10 + place)
    return {name: way.row() for name, way in ways.items()}


async def listening(port: int) -> None:
    for _ in range(600):
        try:
            (await asyncio.open_connection("127.0.0.1", port))[1].close()
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.turns", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="ISTHMUS_HOME with fetched models")
    parser.add_argument("--vllm-router", default="", help="path of the vllm-router program")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    with running(given.home.absolute(), 3) as house:
        router, port = None, 0
        if given.vllm_router:
            port = free_port()
            urls = [f"http://{each['host']}:{each['port']}" for each in house.replicas()]
            words = [given.vllm_router, "--worker-urls", *urls, "--policy", "cache_aware", "--host", "127.0.0.1"]
            words += ["--port", str(port), "--prometheus-port", str(free_port())]
            router = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            asyncio.run(listening(port))
        try:
            table = asyncio.run(compare(house, port, given.rounds))
        finally:
            if router is not None:
                router.terminate()
                router.wait()
    if given.json:
        print(json.dumps({**table, "load of the machine": busy()}))
        return
    for name, row in table.items():
        print(f"{name:26}" + "".join(f"  {column} {value:7.3f}" for column, value in row.items()))
    print(f"load average of the machine: {busy():.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
