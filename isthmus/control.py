"""The control process of a node: the admin API, the console and the counters, on a listener of their own.

Started by `isthmus up` as `python -m isthmus.control SETTINGS`. It never touches a request: workers count in shared
memory and write the ledger, this process reads both. When it dies, nobody who asks notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from sqlalchemy.exc import SQLAlchemyError

from isthmus.core import log
from isthmus.core.clock import Clock, SystemClock, today
from isthmus.core.errors import Refusal
from isthmus.gateway import orders
from isthmus.gateway.asgi import App, serve_asgi
from isthmus.gateway.door import Door, Doors, refusal_bytes
from isthmus.gateway.head import Request
from isthmus.gateway.orders import Orders
from isthmus.ledger import checkpoint
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.once import write_once
from isthmus.ledger.segments import Ledger
from isthmus.regions import active
from isthmus.regions import load as region_files
from isthmus.web.admin.api import BODY_LIMIT, admin_app
from isthmus.web.admin.law import PACKAGED, LawStore
from isthmus.web.admin.office import Office
from isthmus.web.admin.store import Store
from isthmus.web.telemetry import Telemetry, wanted
from isthmus.worker import forbid_core_dumps, given, report, tls, watched

SHARD = "admin"
LOOK_SECONDS = 2.0
LAW_SECONDS = 0.5
SWEEP_SECONDS = 0.5
FAULTS = (OSError, SQLAlchemyError, Refusal)  # what a look may meet; the next look tries again
OWNER = "owner.token"


class Settings(msgspec.Struct, frozen=True):
    """What the control process is started with. `url` is the gateway's, `workers` how many it has."""

    home: str
    host: str
    port: int
    url: str
    workers: int
    ready: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    shard: str = SHARD
    listen_fd: int = -1


def main() -> None:
    """Run until told to end."""
    settings = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Settings)
    forbid_core_dumps()
    try:
        uvloop.run(run(settings))
    except Refusal as refusal:
        log.say_refusal("control_not_started", refusal)
        sys.exit(refusal.row.exit)


def open_office(settings: Settings, clock: Clock) -> Office:
    """Everything the admin API works with. Raises Refusal; the caller closes `ledger` and `accounts`."""
    home = Path(settings.home)
    accounts = Accounts.open(home / "accounts.sqlite", clock)
    engine = accounts.database.engine
    store = Store(engine, accounts.keyed, clock)
    law = LawStore(engine, clock)
    ledger = Ledger.open(home / "ledger", settings.shard, clock)
    node = checkpoint.public_key(home / "ledger")[0]
    bootstrap(home, store)
    return Office(home, clock, accounts, store, law, ledger, node)


def bootstrap(home: Path, store: Store) -> str:
    """The first owner, and their token in a file that only this user can read. Returns the token's file.

    Whoever can read that file owns this machine's state anyway.
    """
    kept = home / OWNER
    if kept.exists() and store.by_token(kept.read_text("ascii").strip()) is not None:
        return str(kept)
    _, secret = store.add_person("owner of this machine", "owner")
    kept.unlink(missing_ok=True)
    write_once(kept, secret.encode(), 0o600)
    return str(kept)


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report)
    office = open_office(settings, SystemClock())
    app = admin_app(office, secure=bool(settings.tls_cert))
    doors = Doors(loop, server(app), lambda _path: BODY_LIMIT, lambda _request, _refusal: None)
    listening = await loop.create_server(doors, sock=given(settings), ssl=tls(settings))
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    sent = telemetry(office)
    todo = {
        "doors": lambda: every(SWEEP_SECONDS, doors.sweep),
        "look": lambda: regularly(LOOK_SECONDS, office.look),
        "law": lambda: regularly(LAW_SECONDS, lambda: keep_law(office, settings)),
    }
    if sent is not None:
        todo["telemetry"] = lambda: regularly(LOOK_SECONDS, sent.look)
    chores = [loop.create_task(watched(name, chore, stop)) for name, chore in todo.items()]
    if settings.ready:
        await loop.run_in_executor(None, Path(settings.ready).touch)
    await stop.wait()
    listening.close()
    doors.drain()
    for chore in chores:
        chore.cancel()
    if sent is not None:
        await loop.run_in_executor(None, sent.close)
    await loop.run_in_executor(None, office.ledger.close)
    office.accounts.close()


def telemetry(office: Office) -> Telemetry | None:
    """Whoever sends spans and measurements, where OpenTelemetry's variables name a receiver."""
    if not wanted(os.environ):
        return None
    try:
        return Telemetry(office.home / "ledger", lambda: office.rows, office.node)
    except ImportError:
        log.say("telemetry_missing")
        return None


def server(app: App) -> Callable[[Request, Door], Coroutine[Any, Any, None]]:
    """What every door of the control listener calls."""

    async def serve(request: Request, door: Door) -> None:
        keep_alive = False
        try:
            keep_alive = await serve_asgi(app, request, door)
        except Refusal as refusal:
            door.write(refusal_bytes(refusal, keep_alive=False))
        finally:
            door.finish(keep_alive)

    return serve


async def every(seconds: float, act: Callable[[], None]) -> None:
    """Call `act` on the loop, again and again."""
    while True:
        act()
        await asyncio.sleep(seconds)


async def regularly(seconds: float, act: Callable[[], None]) -> None:
    """Call `act` in a thread; what the disk or the database refuses is said, and tried again."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            await loop.run_in_executor(None, act)
        except FAULTS as fault:
            log.say_error("look_failed", fault)
        await asyncio.sleep(seconds)


def keep_law(office: Office, settings: Settings) -> None:
    """Take part in two-phase activation, and its orders to its own workers."""
    law, node = office.law, office.node
    state = law.state()
    if state.pending and not law.voted(state.round, node):
        try:
            prepare(office, state.pending)
        except (Refusal, OSError) as fault:
            said = fault.sentence() if isinstance(fault, Refusal) else type(fault).__name__
            law.vote(state.round, node, yes=False, said=said)
        else:
            law.vote(state.round, node, yes=True)
    state = law.settle()
    if active.version(office.home) != state.active:
        with contextlib.suppress(Refusal):
            prepare(office, state.active)  # a node that was away when it was activated
            active.activate(office.home, state.active)
    drained = tuple(sorted(each.partner for each in office.store.drains()))
    served = active.version(office.home)
    orders.write(office.home / "run", Orders(drained, served))
    law.beat(node, settings.url, settings.workers, served)


def prepare(office: Office, version: str) -> None:
    """Write a version down and compile it with this node's own facts. Raises Refusal bad_law, OSError."""
    if version == PACKAGED:
        return
    files = active.write(office.home, version, office.law.files(version))
    office.supposed(region_files.load(instead=files), today(office.clock))


if __name__ == "__main__":
    main()
