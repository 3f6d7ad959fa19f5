"""What bounds the hot path: five gateways in one run, that do more and more.

    python -m benchmarks.gateway.floor [ROUNDS]              default 3 rounds of 2 s for each

nginx copies bytes; so do two uvloop protocols of fifteen lines (`copy`); Isthmus with its door, framing, pool and
upstream, but no policy (`bare`); every policy in one function, without what a door on the Internet needs
(benchmarks.gateway.least); Isthmus with every policy on (`whole`). CPU microseconds per good answer, user and
system time of the process tree, the best round of each. The last line is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from benchmarks.gateway import least, quick
from isthmus import worker
from isthmus.gateway import serve
from isthmus.gateway.door import answer_bytes

SECONDS = 2.0


class Up(asyncio.Protocol):
    """Towards the upstream."""

    def __init__(self, peer: Down) -> None:
        self.peer = peer

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.peer.transport.write(data)


class Down(asyncio.Protocol):
    """Towards the caller: one upstream connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.up: asyncio.Task | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.up is None:
            self.up = asyncio.get_running_loop().create_task(self.first(data))
        else:
            self.up.result().transport.write(data)

    async def first(self, data: bytes) -> Up:
        loop = asyncio.get_running_loop()
        _, up = await loop.create_connection(lambda: Up(self), "127.0.0.1", self.port)
        up.transport.write(data)
        return up

    def connection_lost(self, exc: Exception | None) -> None:
        if self.up is not None and self.up.done():
            self.up.result().transport.close()


async def copy(port: int, target: int) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Down(target), "127.0.0.1", port)
    await server.serve_forever()


async def bare(c, request, door, voice=None) -> None:
    """In place of gateway.relay.relay: the first route is asked, and what it says is passed on."""
    del voice
    route = next(iter(c.table.routes.values()))
    connection = c.pool.take(route) or await c.pool.acquire(route)
    door.reader = connection
    got = await connection.exchange(
        b"%b%d\r\n\r\n%b" % (c.ways[route.name].whole, len(request.body), request.body), None
    )
    c.pool.release(route, connection)
    door.write(answer_bytes(200, got.body, keep_alive=True))
    door.finish(True)


def spent(pid: int) -> tuple[float, float]:
    """User and system seconds of a process tree."""
    user = system = 0
    for each in quick.tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        user, system = user + int(fields[11]), system + int(fields[12])
    return user / quick.TICK, system / quick.TICK


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Per gateway, user and system microseconds per answer of its best round."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        target, *ports = [quick.free_port() for _ in range(6)]
        stack.enter_context(quick.process([str(quick.upstream(folder)), str(target)], 1, target))
        home, key = quick.isthmus_home(folder)
        whole = quick.isthmus_settings(home, ports[4], target)
        less = json.loads(whole.read_text()) | {"port": ports[2], "shard": "bare"}
        (home / "run" / "bare.json").write_text(json.dumps(less))
        me = [sys.executable, "-m", "benchmarks.gateway.floor"]
        commands = {
            "nginx": ["nginx", "-c", str(quick.nginx_config(folder, ports[0], target))],
            "copy": [*me, "--copy", str(ports[1]), str(target)],
            "bare": [*me, "--bare", str(home / "run" / "bare.json")],
            "least": [*me, "--least", str(ports[3]), str(target), str(home), key],
            "whole": [sys.executable, "-m", "isthmus.worker", str(whole)],
        }
        pids = {
            name: stack.enter_context(quick.process(command, 0, port))
            for (name, command), port in zip(commands.items(), ports, strict=True)
        }
        lua = quick.script(folder, "plain", quick.body(stream=False), key)
        for pid, port in zip(pids.values(), ports, strict=True):
            quick.settle(pid)
            quick.load(lua, port, 1.0)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in pids}
        for _ in range(rounds):
            for (which, pid), port in zip(pids.items(), ports, strict=True):
                before = spent(pid)
                good = quick.load(lua, port, SECONDS)
                after = spent(pid)
                rows[which].append(tuple((b - a) / good * 1e6 for a, b in zip(before, after, strict=True)))
    return {name: min(values, key=sum) for name, values in rows.items()}


def main() -> None:
    match sys.argv[1:]:
        case ["--copy", port, target]:
            uvloop.run(copy(int(port), int(target)))
        case ["--least", port, target, home, key]:
            uvloop.run(least.serve(int(port), int(target), Path(home), key))
        case ["--bare", settings]:
            serve.relay = bare
            sys.argv = ["isthmus.worker", settings]
            worker.main()
        case rest:
            found = measure(int(rest[0]) if rest else 3)
            for name, (user, system) in found.items():
                print(f"{name:6} {user + system:7.1f} us  (user {user:.1f}, system {system:.1f})")
            best = sum(found["nginx"])
            print(
                json.dumps(
                    {
                        name: {"us": round(sum(two), 1), "ratio": round(sum(two) / best, 2)}
                        for name, two in found.items()
                    }
                )
            )


if __name__ == "__main__":
    main()
