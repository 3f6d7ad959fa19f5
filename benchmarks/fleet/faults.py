"""Faults on a real fleet: replicas of a real engine behind the gateway on this machine, under load.

    python -m benchmarks.fleet.faults --home FOLDER [--only NAME ...] [--json]

FOLDER is an ISTHMUS_HOME whose models are fetched already (`isthmus models pull smollm2-135m`). Scenarios:

    kill       SIGKILL of one engine under load: requests that had shown nothing must not fail; time until it is back
    hang       SIGSTOP of one engine under load
    roll       every replica gets another model file under load
    head       SIGKILL of Ray's head under load, then an order that needs it
    scale      1 -> 3 -> 1 replicas by load alone
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from benchmarks.fleet.house import House, busy, running
from benchmarks.fleet.load import Client, Outcome, quantile
from isthmus.core.config import Config
from isthmus.device import catalogue
from isthmus.device.store import Store
from isthmus.fleet.ray_cell import socket_place

USERS, TOKENS, MODEL = 6, 24, "private"
ROLL_S = 240.0
TOPICS = ("bread", "rivers", "clocks", "snow", "bridges", "tea", "maps", "lamps")


def engine_of(port: int) -> int:
    """The process id of the engine that listens on `port`, by its command line."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--port" in words and words[words.index(b"--port") + 1] == str(port).encode():
                return int(entry.name)
    raise LookupError(port)


class Crowd:
    """`users` people who ask one question after the other until told to stop."""

    def __init__(self, house: House, users: int = USERS) -> None:
        self.client = Client("127.0.0.1", house.port, house.key)
        self.users = users
        self.outcomes: list[tuple[float, Outcome]] = []
        self.stop = asyncio.Event()

    async def person(self, number: int) -> None:
        turn = 0
        while not self.stop.is_set():
            topic = TOPICS[(number + turn) % len(TOPICS)]
            ask = f"Person {number}, question {turn}: tell me something about {topic}."
            outcome = await self.client.chat([{"role": "user", "content": ask}], tokens=TOKENS, model=MODEL)
            self.outcomes.append((time.monotonic(), outcome))
            turn += 1

    async def __aenter__(self) -> Self:
        self.people = [asyncio.create_task(self.person(number)) for number in range(self.users)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.gather(*self.people)

    def row(self) -> dict[str, float]:
        outcomes = [outcome for _, outcome in self.outcomes]
        failed = [outcome for outcome in outcomes if outcome.failure]
        unseen = [outcome.failure for outcome in failed if not outcome.text]
        ttft = [outcome.ttft for outcome in outcomes if not outcome.failure]
        return {
            "requests": len(outcomes),
            "failed before content": len(unseen),
            "broken off after content": len(failed) - len(unseen),
            "failures": sorted(set(unseen)),
            "ttft p50": quantile(ttft, 0.5),
            "ttft p99": quantile(ttft, 0.99),
        }


async def until(done, limit: float, step: float = 0.05) -> float:
    """Seconds until `done()` is true; `limit` when it never was."""
    start = time.monotonic()
    while not done() and time.monotonic() - start < limit:  # noqa: ASYNC110 - another process is watched
        await asyncio.sleep(step)
    return time.monotonic() - start


async def answers(port: int) -> bool:
    """Whether the engine on `port` has its model loaded."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head = await asyncio.wait_for(reader.read(20), 1)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return b"200" in head


async def back(port: int, limit: float = 60.0) -> float:
    start = time.monotonic()
    while not await answers(port) and time.monotonic() - start < limit:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return time.monotonic() - start


async def kill(house: House) -> dict[str, object]:
    async with Crowd(house) as crowd:
        await asyncio.sleep(4)
        port = house.replicas()[0]["port"]
        os.kill(engine_of(port), signal.SIGKILL)
        await asyncio.sleep(0.05)
        seconds = await back(port)
        await asyncio.sleep(4)
    return {**crowd.row(), "capacity back s": seconds}


async def hang(house: House) -> dict[str, object]:
    async with Crowd(house) as crowd:
        await asyncio.sleep(3)
        port = house.replicas()[0]["port"]
        before = engine_of(port)
        os.kill(before, signal.SIGSTOP)
        seconds = await until(lambda: _another(port, before), 60)
        seconds += await back(port)
        await asyncio.sleep(2)
    return {**crowd.row(), "capacity back s": seconds}


def _another(port: int, before: int) -> bool:
    try:
        return engine_of(port) != before
    except LookupError:
        return False


async def roll(house: House) -> dict[str, object]:
    old = {each["port"] for each in house.replicas()}
    copy = house.home / "run" / "another.gguf"
    shutil.copyfile(smollm2(house.home), copy)
    steps: list[str] = []
    start = time.monotonic()
    least = len(old)

    def done() -> bool:
        nonlocal least
        serving = [each["model"] == copy.name for each in house.replicas() if not each["draining"]]
        least = min(least, len(serving))
        told = f"{len(serving) - sum(serving)} old + {sum(serving)} new"
        if not steps or not steps[-1].endswith(told):
            steps.append(f"{time.monotonic() - start:.0f} s: {told}")
        return _rolled(house, old)

    async with Crowd(house) as crowd:
        await asyncio.sleep(2)
        await asyncio.to_thread(house.order, "roll", "local", str(copy))
        start = time.monotonic()
        seconds = await until(done, ROLL_S)
        await asyncio.sleep(2)
    return {**crowd.row(), "change s": seconds, "serving at least": least, "steps": steps}


async def scale(house: House) -> dict[str, object]:
    """Load raises one replica to three, calm lowers them to one."""
    async with Crowd(house, 12) as crowd:
        up = await until(lambda: serving(house) == MOST, 120)
        most = serving(house)
        await asyncio.sleep(2)
    down = await until(lambda: serving(house) == 1, 120)
    return {**crowd.row(), "replicas": [1, most, serving(house)], "up s": up, "down s, calm included": down}


def serving(house: House) -> int:
    """Replicas that take new requests."""
    return sum(not each["draining"] for each in house.replicas())


def _rolled(house: House, old: set[int]) -> bool:
    now = house.replicas()
    return len(now) == len(old) and all(each["model"] == "another.gguf" for each in now)


async def head(house: House) -> dict[str, object]:
    engines = [engine_of(each["port"]) for each in house.replicas()]
    async with Crowd(house) as crowd:
        await asyncio.sleep(2)
        pid = gcs(house)
        if not pid:
            raise LookupError("Ray's head")
        os.kill(pid, signal.SIGKILL)
        seconds = await until(lambda: gcs(house) not in (0, pid), 90, 0.25)
        await asyncio.sleep(3)
        same = engines == [engine_of(each["port"]) for each in house.replicas()]
        ordered = time.monotonic()
        await asyncio.to_thread(house.order, "scale", "local", "2")
        await until(lambda: sum(not each["draining"] for each in house.replicas()) == 2, 60)
        obeyed = time.monotonic() - ordered
        await asyncio.to_thread(house.order, "scale", "local", "3")
        await until(lambda: sum(not each["draining"] for each in house.replicas()) == 3, 60)
    return {**crowd.row(), "head back s": seconds, "same engines": same, "order obeyed after s": obeyed}


def gcs(house: House) -> int:
    mark = str(socket_place(house.home / "run/fleet")).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if re.match(rb"[^\0]*gcs_server\0", line) and mark in line:
                return int(entry.name)
    return 0


def smollm2(home: Path) -> Path:
    path = Store(Config(home=home).models).path(catalogue.load()["smollm2-135m"])
    assert path is not None, "fetch it first: isthmus models pull smollm2-135m"
    return path


SCENARIOS = {"kill": kill, "hang": hang, "head": head, "roll": roll}
MOST = 3
ELASTIC = f"""[pool.local]
model = "smollm2-135m"
threads = 1
rules = {{ least = 1, most = {MOST}, tokens = 2048.0, start_s = 10.0, calm_s = 10.0 }}
"""


@contextlib.contextmanager
def elastic(home: Path) -> Iterator[None]:
    """A fleet.toml that lets load change the number of replicas. Raises FileExistsError where there is one."""
    path = home / "fleet.toml"
    with path.open("x") as file:
        file.write(ELASTIC)
    try:
        yield
    finally:
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.faults", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="ISTHMUS_HOME with fetched models")
    parser.add_argument("--only", nargs="*", default=[*SCENARIOS, "scale"], help="scenarios to run")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    table = {}
    home = given.home.absolute()

    def run(name: str, house: House) -> None:
        scenario = scale if name == "scale" else SCENARIOS[name]
        table[name] = {**asyncio.run(scenario(house)), "load of the machine": busy()}
        print(name, json.dumps(table[name]), file=sys.stderr if given.json else sys.stdout, flush=True)

    if wanted := [name for name in given.only if name != "scale"]:
        with running(home, 3) as house:
            for name in wanted:
                run(name, house)
    if "scale" in given.only:
        with elastic(home), running(home, 1) as house:
            run("scale", house)
    if given.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
