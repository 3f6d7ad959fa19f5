"""Reload and upgrade under load: how many of N requests fail.

    python -m benchmarks.gateway.reload [REQUESTS]          default 100,000

`isthmus up` runs with two workers and a spare one, in front of the C upstream in the engine's place. 32 connections ask
it; each tenth part of the way the law is reloaded (SIGHUP, what `isthmus reload` sends), at three tenths
`isthmus upgrade --workers` replaces all workers, and at seven tenths `isthmus upgrade` starts a new supervisor, which
takes the port while the old one drains and ends. Then a worker is killed, three times, while eight connections go on
asking, and the time until 32 fresh connections were all answered is taken. A request fails when it breaks off or its
status is not 200; one that the old connection's close crossed before a byte of it was read is asked again once, as
every HTTP client does, and counted apart. The last line is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

from benchmarks.gateway import quick
from benchmarks.gateway.house import Caller, clock, quantile, request

CALLERS = 32
KILLS = 3
START_S = 120.0
# What is started as llama-server: the upstream, on the port that the engine was given.
ENGINE = """#!/bin/sh
while [ "$1" != "--port" ]; do shift; done
exec {program} "$2"
"""


@contextmanager
def node():
    """`isthmus up`: `port`, `key`, `run` (a command of its own), `supervisor()` and `workers()` (their pids)."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        home, key = quick.isthmus_home(folder)
        engine, model = folder / "llama-server", folder / "bench.gguf"
        engine.write_text(ENGINE.format(program=quick.upstream(folder)))
        engine.chmod(0o700)
        model.write_bytes(b"GGUF")
        port = quick.free_port()
        environ = os.environ | {
            "ISTHMUS_HOME": str(home), "ISTHMUS_PORT": str(port), "ISTHMUS_WORKERS": "2", "ISTHMUS_MODEL": str(model),
            "ISTHMUS_LLAMA_SERVER": str(engine), "ISTHMUS_ADMIN_PORT": str(quick.free_port()),
        }  # fmt: skip

        def run(*words: str) -> None:
            done = subprocess.run(  # noqa: PLW1510 - the next line looks at it
                [sys.executable, "-m", "isthmus", *words], env=environ, capture_output=True, text=True
            )
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)

        def supervisor() -> int:
            return json.loads((home / "run" / "up.json").read_bytes())["pid"]

        def workers(*, spare: bool = False) -> list[int]:
            """Those that serve, or those that wait until somebody dies."""
            found = []
            for pid in quick.tree(supervisor())[1:]:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"isthmus.worker" in words:
                    settings = json.loads(Path(words[-2].decode()).read_bytes())
                    if settings["spare"] == spare and Path(settings["ready"]).exists():
                        found.append(pid)
            return found

        log = stack.enter_context((folder / "up.log").open("wb"))
        command = [sys.executable, "-m", "isthmus", "up", "--json"]
        root = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        try:
            until(lambda: root.poll() is not None or (home / "run" / "up.json").exists())
            until(lambda: root.poll() is not None or workers(spare=True))
            if root.poll() is not None:
                raise SystemExit((folder / "up.log").read_text())
            yield SimpleNamespace(port=port, key=key, run=run, supervisor=supervisor, workers=workers, root=root.pid)
        finally:
            root.terminate()
            root.wait(60)


def until(true) -> None:
    end = clock() + START_S
    while not true():
        if clock() > end:
            raise SystemExit("it did not come up")
        signal.sigtimedwait([], 0.05)


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


async def change(house, count: Count) -> dict[str, int]:
    """Reload at each tenth; other workers at three, another supervisor at seven tenths. How often each was done."""
    done = {"reloads": 0, "workers_replaced": 0, "supervisors_replaced": 0}
    for tenth in range(1, 10):
        while count.asked < count.wanted * tenth // 10:  # noqa: ASYNC110 - a count, not an event
            await asyncio.sleep(0.02)
        if tenth == 3:
            await asyncio.to_thread(house.run, "upgrade", "--workers")
            done["workers_replaced"] += 1
        elif tenth == 7:
            before = house.supervisor()
            await asyncio.to_thread(house.run, "upgrade")
            done["supervisors_replaced"] += house.supervisor() != before
        else:
            os.kill(house.supervisor(), signal.SIGHUP)
            done["reloads"] += 1
    count.changed = True
    return done


async def killed(house, raw: bytes) -> float:
    """Seconds from SIGKILL of one worker until 32 fresh connections, spread over both sockets, were answered."""
    await asyncio.to_thread(until, lambda: house.workers(spare=True) and len(house.workers()) == 2)
    os.kill(house.workers()[0], signal.SIGKILL)
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
    done = await changing
    rest = Count(10**9)
    asking = [asyncio.ensure_future(call(house.port, raw, rest)) for _ in range(8)]
    replaced = [round(await killed(house, raw), 2) for _ in range(KILLS)]
    for each in asking:
        each.cancel()
    return {
        "requests": count.good + len(count.bad),
        "failed": len(count.bad),
        "how": sorted(set(count.bad)),
        "asked_again": count.again,
        **done,
        "p99_ms": round(quantile(count.seconds, 0.99) * 1e3, 1),
        "worst_ms": round(max(count.seconds) * 1e3, 1),
        "seconds": round(seconds, 1),
        "worker_replaced_s": replaced,
    }


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with node() as house:
        result = asyncio.run(play(house, wanted))
    print(json.dumps(result))
    raise SystemExit(1 if result["failed"] else 0)


if __name__ == "__main__":
    main()
