"""Slow callers beside normal ones: 500 slow heads, 500 slow bodies, 500 slow readers, one kind at a time.

    python -m benchmarks.gateway.slow [CONNECTIONS [NORMAL_PER_SECOND [KIND]]]          default 500, 50, all kinds

What slowhttptest does (-H, -B, -X; -r 200), in one script that also measures: each slow head or body sends a byte a
second; each slow reader asks for a stream of 4,000 events and reads 16 bytes a second through a receive buffer of
4 KiB. Beside them normal requests are asked at a fixed rate on their own connections. Told per kind: p50 and p99 of the
normal requests, how the slow ones ended and when, and the worker's memory before, at its peak and after. The last line
is one JSON document.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections import Counter

from benchmarks.gateway import quick
from benchmarks.gateway.house import Caller, clock, quantile, request, worker

EVENTS = 4_000
OPENED = 200.0  # connections a second
LONGEST = 95.0  # seconds; no deadline of the door is later


async def slow_writer(port: int, first: bytes, told: list[tuple[str, float]]) -> None:
    """Send `first`, then a byte a second, until the door has enough."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = clock()
    writer.write(first)
    how = "still open"
    while clock() - began < LONGEST:
        try:
            heard = await asyncio.wait_for(reader.read(4096), 1.0)
        except TimeoutError:
            writer.write(b"x")
            continue
        except OSError:
            heard = b""
        how = heard[9:12].decode() if heard else "closed"
        break
    told.append((how, clock() - began))
    writer.transport.abort()


async def slow_reader(port: int, raw: bytes, told: list[tuple[str, float]]) -> None:
    """Ask for a long stream and hardly read it."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", port))
    await loop.sock_sendall(sock, raw)
    began = clock()
    how = "still open"
    while clock() - began < LONGEST:
        await asyncio.sleep(1.0)
        if _hung_up(sock):
            how = "closed"
            break
        try:
            sock.recv(16)
        except BlockingIOError:
            continue
        except OSError:
            how = "closed"
            break
    told.append((how, clock() - began))
    sock.close()


def _hung_up(sock: socket.socket) -> bool:
    """Whether the other side reset the connection, even while unread bytes wait here."""
    return (
        bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
        or sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1
    )


async def normal(port: int, raw: bytes, rate: float, stop: asyncio.Event, took: list[float]) -> None:
    """Requests on a schedule, each timed from when it was due."""
    callers = [Caller(port) for _ in range(8)]
    due, turn, asked = clock(), 0, set()

    async def one(caller: Caller, at: float) -> None:
        status = await caller.ask(raw)
        if status != 200:
            raise SystemExit(f"a normal request got {status}")
        took.append(clock() - at)

    free = list(callers)
    while not stop.is_set():
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - clock()))
        caller = free.pop() if free else Caller(port)
        task = asyncio.ensure_future(one(caller, due))
        task.add_done_callback(lambda _, caller=caller: free.append(caller))
        asked.add(task)
        task.add_done_callback(asked.discard)
        turn += 1
    await asyncio.gather(*asked)
    for caller in free:
        caller.leave()


async def play(house, kind: str, slow: list, rate: float) -> dict[str, object]:
    """All of one kind at once, with normal requests beside them."""
    told: list[tuple[str, float]] = []
    before, peak = quick.rss_mib(house.pid), 0.0
    alone, beside = [], []
    for took, seconds in ((alone, 5.0), (beside, None)):
        stop = asyncio.Event()
        asking = asyncio.ensure_future(normal(house.port, request(house.key), rate, stop, took))
        if seconds:
            await asyncio.sleep(seconds)
        else:
            tasks = []
            for make in slow:
                tasks.append(asyncio.ensure_future(make(told)))
                await asyncio.sleep(1 / OPENED)
            while not all(task.done() for task in tasks):
                peak = max(peak, quick.rss_mib(house.pid))
                await asyncio.sleep(0.25)
            for task in tasks:
                task.result()
        stop.set()
        await asking
    return {
        "kind": kind,
        "slow": len(told),
        "ended": dict(Counter(how for how, _ in told)),
        "first_ended_s": round(min(after for _, after in told), 1),
        "last_ended_s": round(max(after for _, after in told), 1),
        "normal": len(beside),
        "p50_ms": round(quantile(beside, 0.5) * 1e3, 1),
        "p99_ms": round(quantile(beside, 0.99) * 1e3, 1),
        "p99_alone_ms": round(quantile(alone, 0.99) * 1e3, 1),
        "rss_mib": [round(before), round(peak), round(quick.rss_mib(house.pid))],
    }


def main() -> None:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 50.0
    results = []
    with worker(events=EVENTS) as house:
        whole = request(house.key)
        head = whole.partition(b"\r\n\r\n")[0]
        stream = request(house.key, stream=True)
        kinds = {
            "slow heads": lambda told: slow_writer(house.port, head + b"\r\nX: ", told),
            "slow bodies": lambda told: slow_writer(house.port, whole[: len(head) + 10], told),
            "slow readers": lambda told: slow_reader(house.port, stream, told),
        }
        chosen = sys.argv[3] if len(sys.argv) > 3 else ""
        for kind, make in kinds.items():
            if chosen not in kind:
                continue
            results.append(asyncio.run(play(house, kind, [make] * connections, rate)))
            print(json.dumps(results[-1]), flush=True)
    good = all(row["p99_ms"] < 50 and "still open" not in row["ended"] and max(row["rss_mib"]) <= 80 for row in results)
    print(json.dumps({"within_goal": good, "kinds": results}))


if __name__ == "__main__":
    main()
