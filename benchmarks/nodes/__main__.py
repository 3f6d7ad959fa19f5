"""Two nodes in two network namespaces over a real PostgreSQL and a real Valkey, under load, while things break.

    python -m benchmarks.nodes [--minutes 1] [--rate 30]        as root; 10 minutes are the published figures

Callers ask both nodes at a fixed rate, plain and streamed, from three regions, with three keys: one without a budget,
one whose requests run out at six tenths of the way, one whose tokens are counted. A version of the law is staged,
previewed, activated on both nodes and rolled back; node b is killed whole and replaced on its disk; Valkey is killed
and restarted; PostgreSQL is paused for ten seconds. All the while keys are made and revoked, with a stream running
under each on both nodes. Partners are played by a script in each node's namespace; `ledger.ack` is "durable".
The last line is one JSON document; the exit status is 1 when a receipt was lost, a budget was exceeded, an error has no
cause, or a revocation took longer than a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from benchmarks.nodes import judge
from benchmarks.nodes.ground import REGIONS, Ground, ground
from benchmarks.nodes.judge import Fault, quantile
from benchmarks.nodes.load import SHARES, Line, Load, question, word_of
from benchmarks.nodes.probe import Sample, revocation
from isthmus.ledger.budgets import Budget
from isthmus.regions.load import DATA

PAUSE_S = 10.0
AWAY_S = 5.0  # a killed node's machine is gone for so long
VALKEY_S = 2.0  # so is Valkey
OFTEN = 60  # revocations in one run


async def law(ground: Ground) -> dict[str, object]:
    """Stage, preview, activate on both nodes, roll back; all by node a's API."""
    house = ground.houses[0]

    def call(method: str, path: str, body: object = None) -> dict:
        return ground.call(house, method, path, body)

    def until(version: str) -> float:
        begun = time.monotonic()
        while {each["law"] for each in call("GET", "/fleet")["nodes"]} != {version}:
            if time.monotonic() - begun > 60:
                raise SystemExit(f"law {version} did not come into force on both nodes")
            time.sleep(0.1)
        return round(time.monotonic() - begun, 2)

    def whole() -> dict[str, object]:
        text = (DATA / "sg.toml").read_text("utf-8") + "\n# changed by an operator\n"
        version = call("POST", "/law/versions", {"files": [text], "note": "benchmark"})["version"]
        answers = call("GET", f"/law/versions/{version}/preview")["report"]["answers"]
        call("POST", f"/law/versions/{version}/activate")
        active = until(version)
        time.sleep(3.0)  # answers by the new version
        call("POST", "/law/rollback")
        return {"previewed_answers": answers, "active_s": active, "rolled_back_s": until("packaged")}

    return await asyncio.to_thread(whole)


async def killed(ground: Ground) -> None:
    """Node b is gone at once, and comes back on its disk after a while."""
    house = ground.houses[1]
    await asyncio.to_thread(house.kill)
    await asyncio.sleep(AWAY_S)
    house.connect()
    house.start()
    await asyncio.to_thread(house.until_ready, spare=False)


async def probe(ground: Ground, every: float, samples: list[Sample]) -> None:
    while True:
        begun = time.monotonic()
        samples.append(await revocation(ground))
        await asyncio.sleep(max(0.0, begun + every - time.monotonic()))


async def timeline(ground: Ground, seconds: float, begun: float, faults: list[Fault]) -> dict[str, object]:
    """What is done to the nodes, each at its part of the way. Returns what the law's steps told."""

    async def do(part: float, name: str, house: str, act) -> object:
        await asyncio.sleep(max(0.0, begun + part * seconds - time.monotonic()))
        begins = time.monotonic()
        told = await act
        faults.append(Fault(name, house, begins, time.monotonic()))
        print(f"{begins - begun:6.1f} s  {name}, {faults[-1].ends - begins:.1f} s", flush=True)
        return told

    told = await do(0.10, "law changed and rolled back", "", law(ground))
    await do(0.30, "node b killed and replaced", "b", killed(ground))
    await do(0.55, "Valkey restarted", "", asyncio.to_thread(ground.restart_valkey, VALKEY_S))
    await do(0.70, "PostgreSQL paused", "", asyncio.to_thread(ground.pause_postgres, PAUSE_S))
    await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
    return told


async def exhaust(ground: Ground, key: str) -> int:
    """Ask for what is left of the limited budget, on both nodes in turn; how many were answered."""
    lines = [Line(house) for house in ground.houses]
    answered = refused = 0
    while refused < 8:
        for line in lines:
            word = word_of(*await line.ask(question(key, line.house.host, "SG", stream=False)))
            answered += word == "answered"
            refused = refused + 1 if word in judge.BY_BUDGET else 0
    for line in lines:
        line.close()
    return answered


async def play(ground: Ground, seconds: float, rate: float) -> dict[str, object]:
    accounts = ground.accounts
    most = max(10, int(rate * SHARES["limited"] * seconds * 0.6))
    limited = accounts.budgets.set(Budget("", "tenant", "limited", "requests", "month", most))
    counted = accounts.budgets.set(Budget("", "tenant", "counted", "tokens", "month", 10**9))
    # Budgets first: a key that a node met without one would go unmetered until the news of it.
    keys = {whose: accounts.create_key(whose, REGIONS, "SG")[1] for whose in SHARES}
    begun = time.monotonic()
    samples: list[Sample] = []
    faults: list[Fault] = []
    load = Load(ground.houses, keys, rate)
    probing = asyncio.create_task(probe(ground, max(2.0, seconds / OFTEN), samples))
    told = await timeline(ground, seconds, begun, faults)
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    await load.stop()
    took = time.monotonic() - begun
    extra = await exhaust(ground, keys["limited"])
    for house in ground.houses:
        await asyncio.to_thread(house.stop)
    kept = judge.receipts(ground)
    whole = [each for each in load.outcomes if each.word == "answered"]
    mine = sum(each.whose == "limited" for each in whole) + extra
    causes = judge.errors(load.outcomes, faults)
    count = sum(sum(words.values()) for words in causes.values())
    waits = [each for sample in samples for each in sample.refused.values()]
    ends = [each for sample in samples for each in sample.ended.values()]
    return {
        "seconds": round(took, 1),
        "asked": len(load.outcomes),
        "answered": len(whole),
        "p50_ms": round(quantile((each.took for each in whole), 0.5) * 1e3, 1),
        "p99_ms": round(quantile((each.took for each in whole), 0.99) * 1e3, 1),
        "slowest_s": judge.slowest(whole, faults),
        "refused_by_budget": sum(each.word in judge.BY_BUDGET for each in load.outcomes),
        "errors": causes,
        "error_rate": round(count / len(load.outcomes), 5),
        "unexplained": sum(causes.get("none", {}).values()),
        "receipts_lost": judge.lost(load.outcomes, kept),
        "ledgers_sound": judge.sound(ground),
        "requests": judge.budget(ground, limited, kept) | {"answered": mine},
        "tokens": judge.budget(ground, counted, kept),
        "revocations": len(samples),
        "refused_s": {"p50": round(quantile(waits, 0.5), 3), "max": round(max(waits), 3), "of": len(waits)},
        "stream_ended_s": {"p50": round(quantile(ends, 0.5), 3), "max": round(max(ends), 3), "of": len(ends)},
        "slow_revocations": judge.slow(samples, begun),
        "faults_s": {fault.name: round(fault.ends - fault.begins, 1) for fault in faults},
        "revoke_commit_max_s": round(max(sample.commit for sample in samples), 3),
        "law": told,
        "decisions_by_house": judge.digests(kept),
    }


def good(figures: dict) -> bool:
    exact = figures["requests"]["answered"] <= figures["requests"]["limit"] == figures["requests"]["spent"]
    quick = max(figures["refused_s"]["max"], figures["stream_ended_s"]["max"]) <= 1.0
    return exact and quick and figures["ledgers_sound"] and not figures["receipts_lost"] and not figures["unexplained"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=30.0, help="questions a second, of both nodes together")
    given = parser.parse_args()
    with ground() as made:
        figures = asyncio.run(play(made, given.minutes * 60, given.rate))
    print(json.dumps(figures))
    raise SystemExit(0 if good(figures) else 1)


if __name__ == "__main__":
    main()
