"""The shared-prefix scenario that llm-d published, simulated, with the gateway's own picker.

    python -m benchmarks.fleet.shared_prefix [--minutes M] [--seed N] [--json]

8 pods, 150 tenants with a prefix of 6,000 tokens each, 5 users a tenant, questions of 1,200 tokens, Poisson arrivals
from 3 to 60 requests a second, 307,328 KV tokens a pod. Source: llm-d.ai, "KV-Cache Wins You Can See", repeated in
d-run/drun-docs. Not published, so assumed here: answers of 280 tokens (the published 8,730 tokens a second over the
mean rate, since the precise router kept up), and a pod's speed (PREFILL, STEP and SEQUENCE below). A pod works in
steps: each reads up to CHUNK prompt tokens and makes one token for every running request. A request holds its KV until
its answer ends; what is free keeps prefixes, least recently used first out.

Four policies: `precise` (the picker, told by pods what they hold), `approximate` (the picker with its own guess
of GUESS tokens alone), `load` (the picker without prefixes), `random`. Compare ratios, not tokens a second.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import OrderedDict, deque
from collections.abc import Callable

from isthmus.routing.picker import Picker
from isthmus.routing.probe import Load
from isthmus.routing.seat import Replica, Ticket

PODS, TENANTS, USERS, PREFIX, QUESTION, ANSWER, KV = 8, 150, 5, 6_000, 1_200, 280, 307_328
GUESS = 500_000  # tokens of cache that a picker without the engines' word takes for granted (llm-d's default)
BLOCK = 400  # tokens; both lengths are multiples
CHUNK = 2_048
PREFILL = 1 / 14_000  # seconds a prompt token
STEP = 0.012  # seconds a step with nothing to read
SEQUENCE = 4e-5  # seconds a step for each running answer
# Requests a second in equal parts of the run, about as the published run climbs.
RATES = (3, 10, 15, 20, 22, 25, 30, 35, 40, 43, 46, 49, 52, 55, 57, 60)
POLICIES = ("precise", "approximate", "load", "random")


class Clock:
    def __init__(self) -> None:
        self.second = 0.0

    def monotonic(self) -> float:
        return self.second


class Job:
    __slots__ = ("arrived", "blocks", "first", "left", "made", "ticket", "unread")

    def __init__(self, arrived: float, blocks: list[int]) -> None:
        self.arrived = arrived
        self.blocks = blocks
        self.unread = 0
        self.made = 0
        self.first = 0.0
        self.ticket: Ticket | None = None


class Pod:
    """One engine: a queue, a batch, and KV memory shared by running requests and kept prefixes."""

    def __init__(self, tell: Callable[[str, list[int]], None]) -> None:
        self.queue: deque[Job] = deque()
        self.batch: list[Job] = []
        self.used: dict[int, int] = {}  # block -> how many running requests need it
        self.idle: OrderedDict[int, None] = OrderedDict()  # blocks of finished requests, oldest first
        self.free_at = float("inf")
        self.tell = tell

    def held(self, block: int) -> bool:
        return block in self.used or block in self.idle

    def admit(self) -> None:
        while self.queue:
            job = self.queue[0]
            hit = next((at for at, block in enumerate(job.blocks) if not self.held(block)), len(job.blocks))
            new = [block for block in job.blocks if block not in self.used]
            own = (len(self.batch) + 1) * ANSWER // BLOCK + 1
            if self.batch and own + len(self.used) + len(new) > KV // BLOCK:
                return
            self.queue.popleft()
            job.unread = max(1, (len(job.blocks) - hit) * BLOCK)
            for block in job.blocks:
                self.idle.pop(block, None)
                self.used[block] = self.used.get(block, 0) + 1
            if hit < len(job.blocks):
                self.tell("stored", job.blocks)
            self.batch.append(job)
            gone = []
            while self.idle and len(self.used) + len(self.idle) + own > KV // BLOCK:
                gone.append(self.idle.popitem(last=False)[0])
            if gone:
                self.tell("dropped", gone)

    def finish(self, job: Job) -> None:
        self.batch.remove(job)
        for block in reversed(job.blocks):
            self.used[block] -= 1
            if not self.used[block]:
                del self.used[block]
                self.idle[block] = None

    def step(self, now: float, first: Callable[[Job], None], done: Callable[[Job], None]) -> None:
        """One forward pass that starts at `now`."""
        self.admit()
        if not self.batch:
            self.free_at = float("inf")
            return
        budget = CHUNK
        read = 0
        ready = []
        for job in self.batch:
            if job.unread:
                take = min(budget - read, job.unread)
                job.unread -= take
                read += take
                if job.unread:
                    continue
            ready.append(job)
        self.free_at = now + STEP + read * PREFILL + len(self.batch) * SEQUENCE
        for job in ready:
            job.made += 1
            if job.made == 1:
                job.first = self.free_at
                first(job)
            elif job.made >= ANSWER:
                self.finish(job)
                done(job)


def simulate(policy: str, minutes: float, seed: int = 1) -> dict[str, float]:
    """One policy through all rates, in equal parts of `minutes`."""
    chance = random.Random(seed)
    clock = Clock()
    names = [str(number) for number in range(PODS)]
    room = KV // BLOCK
    believed = GUESS // BLOCK if policy == "approximate" else room
    replicas = [Replica(name, room=believed, speed=PREFILL) for name in names]
    picker = Picker(clock, replicas, block=BLOCK, limited=False, chance=random.Random(2).random)

    def teller(name: str) -> Callable[[str, list[int]], None]:
        def tell(what: str, blocks: list[int]) -> None:
            if policy == "precise":
                (picker.stored if what == "stored" else picker.dropped)(name, blocks)

        return tell

    pods = [Pod(teller(name)) for name in names]
    ttft: list[float] = []
    finished = waiting = looks = 0
    fresh = iter(range(10_000_000, 1 << 40))
    part = minutes * 60 / len(RATES)
    end = minutes * 60
    arrival = chance.expovariate(RATES[0])
    probe = 0.0

    def first(job: Job) -> None:
        ttft.append(job.first - job.arrived)
        if job.ticket:
            picker.first(job.ticket)

    def done(job: Job) -> None:
        nonlocal finished
        finished += clock.second < end
        if job.ticket:
            picker.done(job.ticket)

    while clock.second < end:
        pod = min(pods, key=lambda each: each.free_at)
        clock.second = min(pod.free_at, arrival, probe)
        if clock.second == probe:
            probe += 0.1
            for name, each in zip(names, pods, strict=True):
                picker.heard(name, Load(len(each.batch), len(each.queue), (len(each.used) + len(each.idle)) / room))
            picker.refresh()
            waiting += sum(len(each.queue) for each in pods)
            looks += 1
        elif clock.second == arrival:
            arrival += chance.expovariate(RATES[min(len(RATES) - 1, int(clock.second / part))])
            tenant = chance.randrange(TENANTS)
            own = [next(fresh) for _ in range(QUESTION // BLOCK)]
            blocks = [tenant * 1000 + at for at in range(PREFIX // BLOCK)] + own
            job = Job(clock.second, blocks)
            send(policy, picker, pods, job, chance)
        else:
            pod.step(clock.second, first, done)
    late = [end - job.arrived for pod in pods for job in (*pod.queue, *pod.batch) if not job.first]
    ordered = sorted([*ttft, *late])
    return {
        "answer tokens/s": finished * ANSWER / end,
        "ttft p90": ordered[int(0.9 * len(ordered))],
        "waiting": waiting / looks / PODS,
    }


def send(policy: str, picker: Picker, pods: list[Pod], job: Job, chance: random.Random) -> None:
    """Give one job to a pod; an idle pod wakes."""
    number = chance.randrange(PODS)
    if policy != "random":
        keys = [] if policy == "load" else job.blocks
        job.ticket = picker.pick(keys, len(job.blocks) * BLOCK)
        assert job.ticket is not None
        number = job.ticket.number
    pod = pods[number]
    pod.queue.append(job)
    if pod.free_at == float("inf"):
        pod.free_at = job.arrived


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet.shared_prefix", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0, help="simulated time, over all rates")
    parser.add_argument("--seed", type=int, default=1, help="of arrivals and tenants")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    given = parser.parse_args()
    table = {policy: simulate(policy, given.minutes, given.seed) for policy in POLICIES}
    if given.json:
        print(json.dumps(table))
        return
    for policy, row in table.items():
        print(f"{policy:12}" + "".join(f"  {name} {value:10.2f}" for name, value in row.items()))
    ratio = table["precise"]["answer tokens/s"] / table["random"]["answer tokens/s"]
    print(f"precise / random: {ratio:.2f}x the answer tokens")


if __name__ == "__main__":
    main()
