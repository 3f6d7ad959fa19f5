"""One gateway worker: a process with one event loop, one shard of the ledger, and the shared port.

Started by `isthmus up` as `python -m isthmus.worker SETTINGS`. SIGTERM drains and ends it; SIGHUP reads the law anew.
A spare worker does all but listen: SIGUSR1 tells it that its settings now name the socket of one that died.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import ssl
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec
import uvloop

from isthmus.core import log, memory
from isthmus.core.clock import SystemClock, today
from isthmus.core.errors import Refusal
from isthmus.gateway.again import socket_path
from isthmus.gateway.build import Settings, build, reload, warm_others
from isthmus.gateway.door import Doors
from isthmus.gateway.doors import batch_run, inner
from isthmus.gateway.doors.batches import Batches, Whose
from isthmus.gateway.doors.files import Files
from isthmus.gateway.kinds import Kinds
from isthmus.gateway.orders import Inbox
from isthmus.gateway.relay import Corridor
from isthmus.gateway.replicas import Replicas
from isthmus.gateway.serve import Service, body_limit
from isthmus.ledger.accounts import Accounts
from isthmus.partners.tokenizers import counter, families, is_kept
from isthmus.routing.picker import Picker
from isthmus.routing.probe import FLEET_HOST
from isthmus.web.public import public_app

SWEEP_SECONDS = 0.25
DRAIN_SECONDS = 30.0
BREAKS, MINUTE = 5, 60.0
SETTLE_SECONDS = 60.0
SEND_BUFFER = 64 << 10  # bytes of an answer that the kernel takes ahead of a caller (socket(7): it doubles them)


def main() -> None:
    """Run one worker until it is told to end."""
    path = Path(sys.argv[1])
    forbid_core_dumps()
    memory.share_arena()
    uvloop.run(run(read_settings(path), path))


def read_settings(path: Path) -> Settings:
    """What the node wrote down for this worker. Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode(path.read_bytes(), type=Settings)


def forbid_core_dumps() -> None:
    """A core file would hold people's words."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


async def run(settings: Settings, path: Path) -> None:
    """Serve until SIGTERM or SIGINT, then drain. `path` is where the settings lie: a spare worker reads them again."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    clock = SystemClock()
    accounts = Accounts.open(Path(settings.home) / "accounts.sqlite", clock)
    corridor = build(settings, accounts, clock, loop)
    corridor.news.listen()
    folder = Path(settings.home) / "batches"
    batches = Batches(folder, Files(folder, clock), clock)
    app = public_app(corridor, accounts, Path(settings.home), batches)
    run = Path(settings.home) / "run"
    service = Service(corridor, app, kinds=Kinds(corridor, settings), run=run)
    doors = Doors(loop, service.serve, body_limit, service.refused)
    service.admission.stalled = lambda: doors.stalled
    beside = unix_listener(socket_path(run, settings.shard))
    if beside is not None:
        await loop.create_unix_server(doors, sock=beside)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    stale = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, stale.set)
    todo = {
        "house": lambda: keep_house(doors, corridor, stale, Inbox(run)),
        "news": lambda: keep_news(corridor),
        "law": lambda: keep_law(corridor, settings, stale),
        "warm": lambda: warm_the_rest(corridor, Path(settings.home) / "cache"),
        "quota": corridor.quota.keep,
        "room": service.admission.keep,
        "memory": keep_small,
        "batches": lambda: work_off(batches, folder, service, corridor),
    }
    if settings.fleet:
        replicas = Replicas(Path(settings.fleet), settings.engine_key, Picker(clock))
        corridor.fleets = {FLEET_HOST: replicas.send}
        todo["fleet"] = replicas.keep
    chores = [loop.create_task(watched(name, chore, stop)) for name, chore in todo.items()]
    settle_memory()
    await serve(settings, path, doors, stop)
    doors.drain()
    await drained(doors)
    for chore in chores:
        chore.cancel()
    corridor.pool.close()
    await corridor.quota.close()
    await loop.run_in_executor(None, corridor.ledger.close)
    accounts.close()


async def serve(settings: Settings, path: Path, doors: Doors, stop: asyncio.Event) -> None:
    """Listen until told to stop; a spare worker first waits until it is called."""
    loop = asyncio.get_running_loop()
    call = asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, call.set)
    if settings.spare:
        await say_ready(settings)
        both = [loop.create_task(each.wait()) for each in (call, stop)]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.cancel()
        if not call.is_set():
            return
        settings = read_settings(path)
    server = await loop.create_server(doors, sock=given(settings), ssl=tls(settings))
    await say_ready(settings)
    await stop.wait()
    server.close()


async def say_ready(settings: Settings) -> None:
    """Touch the file that the node looks for."""
    if settings.ready:
        await asyncio.get_running_loop().run_in_executor(None, Path(settings.ready).touch)


class Listens(Protocol):
    """Settings of a process that listens."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def tls_cert(self) -> str: ...
    @property
    def tls_key(self) -> str: ...
    @property
    def listen_fd(self) -> int: ...


def tls(settings: Listens) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with the operator's certificate, where there is one. Raises Refusal usage."""
    if not settings.tls_cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None)
    except (OSError, ssl.SSLError) as error:
        raise Refusal("usage", reason=f"The TLS certificate or its key cannot be read: {error}") from None
    return context


def given(settings: Listens) -> socket.socket:
    """The listening socket that the node holds for this worker, else one of its own.

    What the node holds outlives a worker: callers who wait in its queue are taken by whoever comes next.
    """
    if settings.listen_fd < 0:
        return bounded(listener(settings.host, settings.port))
    sock = socket.socket(fileno=settings.listen_fd)
    sock.setblocking(False)
    return bounded(sock)


def bounded(sock: socket.socket) -> socket.socket:
    """The listening socket, whose connections take over this bound: left alone, the kernel holds megabytes for a caller
    who does not read, and an answer that it took whole has no deadline any more.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return sock


def listener(host: str, port: int) -> socket.socket:
    """A listening socket that several workers share (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.listen(4096)
    sock.setblocking(False)
    return sock


def settle_memory() -> None:
    """What stands now (law, keys, automata) stays: the collector need not walk over it again, nor look so often, and
    what making it took goes back to the system.

    A request leaves no cycles behind, so that reference counts free what it used.
    """
    gc.collect()
    memory.settle()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def keep_small() -> None:
    """Now and then, give back what a busy time took and a quiet one does not need; beside the loop: callers wait."""
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        await asyncio.get_running_loop().run_in_executor(None, memory.settle)


async def warm_the_rest(corridor: Corridor, cache: Path) -> None:
    """Compile other regions while requests are served already, and have the vocabularies ready of the partners that are
    asked in earnest: a stream that breaks off has its tokens counted, and the first would wait a second or two.
    """
    await warm_others(corridor)
    loop = asyncio.get_running_loop()
    prices = corridor.quota.prices
    asked = {name for name, route in corridor.table.routes.items() if not route.rehearsal}
    for family in sorted({prices[name].tokenizer for name in asked & prices.keys()} & families().keys()):
        if not await loop.run_in_executor(None, is_kept, family, cache):
            await make_vocabulary(family, cache)
        await loop.run_in_executor(None, counter, family, cache)
    settle_memory()


async def make_vocabulary(family: str, cache: Path) -> None:
    """In a process of its own: making it takes tens of MiB, and what is made here leaves holes that never close."""
    module = "isthmus.partners.tokenizers"
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", module, family, str(cache))
    await child.wait()


def unix_listener(path: Path) -> socket.socket | None:
    """Where other workers of this node hand on what only this one can answer (gateway.again); None where the home
    folder's name is too long for a socket, and a stream can be taken up only by who meets its worker.
    """
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
    except OSError:
        sock.close()
        return None
    path.chmod(0o600)
    sock.listen()
    sock.setblocking(False)
    return sock


async def work_off(batches: Batches, folder: Path, service: Service, corridor: Corridor) -> None:
    """Batches, line by line, each line a request like any other; one worker of the node does it at a time."""

    async def ask(whose: Whose, path: str, body: bytes) -> tuple[int, bytes]:
        caller = next((each for each in corridor.ring if each.key_id == whose.key_id), None)
        if caller is None:
            refusal = Refusal("invalid_key")
            return refusal.row.status, refusal.encode()
        return await inner.ask(service.serve, caller, whose.headers, path, body)

    await batch_run.work(batches, batch_run.Lock(folder / "lock"), ask)


async def keep_house(doors: Doors, corridor: Corridor, stale: asyncio.Event, inbox: Inbox) -> None:
    """Deadlines, the operator's orders, and the day on which a rule begins or ends. Nothing here waits for anybody."""
    while True:
        doors.sweep()
        corridor.pool.sweep()
        end_streams(corridor)
        corridor.meter.observe(corridor.breakers, corridor.ledger)
        if corridor.table.due(today(corridor.clock)):
            stale.set()  # a date boundary passes without a restart
        if inbox.changed():
            stale.set()  # another version of the law, or a partner is drained
        inbox.apply(corridor.breakers, corridor.table.routes.values())
        await asyncio.sleep(SWEEP_SECONDS)


async def keep_news(corridor: Corridor) -> None:
    """What other processes wrote, as soon as they say so; it waits for the accounts, so that nobody else has to."""
    while True:
        await corridor.news.next()
        end_streams(corridor)


def end_streams(corridor: Corridor) -> None:
    """End the streams whose key was revoked or whose consent was withdrawn, also those whose partner is silent."""
    for stream in tuple(corridor.live):
        stream.look()


async def keep_law(corridor: Corridor, settings: Settings, stale: asyncio.Event) -> None:
    """Read the law anew when told; a file that cannot be read leaves the running table in force, and says so."""
    while True:
        await stale.wait()
        stale.clear()
        try:
            await reload(corridor, settings)
        except Refusal as refusal:
            log.say_refusal("law_not_reloaded", refusal)


async def watched(name: str, chore: Callable[[], Coroutine[Any, Any, None]], stop: asyncio.Event) -> None:
    """Run a chore; one that breaks is told and begun again, and BREAKS within a minute end the worker.

    A worker whose deadlines, revocations or budgets nobody keeps must not go on as if they were kept.
    """
    loop = asyncio.get_running_loop()
    broke: deque[float] = deque(maxlen=BREAKS)
    while not stop.is_set():
        task = loop.create_task(chore(), name=name)
        try:
            await asyncio.wait((task,))
        finally:
            task.cancel()
        error = task.exception()
        if error is None:
            return  # it had an end, and came to it
        broke.append(loop.time())
        ends = len(broke) == BREAKS and broke[-1] - broke[0] < MINUTE
        log.say("chore_broke", chore=name, then="end" if ends else "again")
        report(loop, {"exception": error})
        if ends:
            stop.set()
        await asyncio.sleep(SWEEP_SECONDS)


async def drained(doors: Doors) -> None:
    """Wait until every busy connection has had its answer, at most DRAIN_SECONDS."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DRAIN_SECONDS
    while doors.open and loop.time() < end:
        doors.sweep()
        await asyncio.sleep(0.05)


def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An error nobody handled: its type and place, never its message, which may quote content."""
    error = context.get("exception")
    if error is not None:
        log.say_error("unhandled", error)


if __name__ == "__main__":
    main()
