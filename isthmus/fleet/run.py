"""A cell on this machine, from its first process to its last: Ray's head and node, the keeper, and the end."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec

from isthmus.core.child import Child
from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.fleet import ray_cell
from isthmus.fleet.cell import RAY_PORTS, Cell
from isthmus.fleet.keeper import STEP_S, Keeper, board_file, orders_file
from isthmus.fleet.replica import KEY_FILE, read_key
from isthmus.fleet.watch import EngineLook

START_S = 180.0
Say = Callable[[str], None]


class Running(msgspec.Struct, frozen=True):
    """What cell.json says of the keeper that runs now."""

    pid: int
    cell: str


def key_file(folder: Path) -> Path:
    """The key that engines ask for and gateways show; made at the first start."""
    path = folder / "engine.key"
    if not path.exists():
        ray_cell.write_private(path, secrets.token_urlsafe(32))
    return path


def serve(cell: Cell, folder: Path, clock: Clock, end: threading.Event, say: Say) -> None:
    """Start the cell and keep it until `end`. Raises Refusal fleet_token, fleet_unavailable or usage."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = ray_cell.find_token(folder, os.environ)
    require_ray()
    if alive(folder):
        raise Refusal("usage", reason="This cell is already up; `isthmus fleet status` shows it.")
    forget(folder)
    environ = ray_cell.environment(folder, token, key_file(folder), os.environ)
    os.environ.update(environ)
    os.environ.pop(ray_cell.TOKEN, None)
    note = folder / "cell.json"
    ray_cell.write_private(note, msgspec.json.encode(Running(os.getpid(), cell.name)).decode())
    children = ray_cell.supervise(cell, folder, environ)
    try:
        start(cell, children, clock, end, say)
        if not end.is_set():
            keep(cell, folder, clock, end)
    finally:
        for child in reversed(children):
            child.stop(grace_s=15.0)
        ray_cell.end_leftovers(folder)
        for left in (note, board_file(folder)):
            left.unlink(missing_ok=True)


def forget(folder: Path) -> None:
    """End what an earlier life of this cell left running, and its memory: the cell's own settings count now."""
    ray_cell.end_leftovers(folder)
    for path in (board_file(folder), orders_file(folder)):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "gcs", ignore_errors=True)


def start(cell: Cell, children: tuple[Child, Child], clock: Clock, end: threading.Event, say: Say) -> None:
    """Start Ray's head, then its node, each when the one before it listens."""
    head, node = children
    for child, port, what in ((head, cell.ray, "head"), (node, cell.ray + RAY_PORTS + 2, "node")):
        say(f"Starting Ray's {what}")
        child.start()
        until = clock.monotonic() + START_S
        while not listens(cell.host, port) and not end.wait(0.1):
            if clock.monotonic() > until:
                raise Refusal("fleet_unavailable", reason=f"Ray's {what} did not start; see ray-{what}.log.")


def join(cell: Cell, folder: Path, address: str, clock: Clock, end: threading.Event, *, follows: bool) -> None:
    """Keep, or follow, a cell whose Ray runs already at `address` (KubeRay). Its replicas outlive this process."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    token = ray_cell.find_token(folder, os.environ)
    require_ray()
    key = Path(os.environ.get(KEY_FILE) or key_file(folder))
    os.environ.update(ray_cell.environment(folder, token, key, os.environ))
    os.environ.pop(ray_cell.TOKEN, None)
    keep(cell, folder, clock, end, address=address, follows=follows)


def keep(
    cell: Cell, folder: Path, clock: Clock, end: threading.Event, *, address: str = "", follows: bool = False
) -> None:
    """The keeper's steps, until the end. A step that Ray cannot take now is taken later."""
    from isthmus.fleet.ray_hand import RayHand

    hand = RayHand(address or f"{cell.host}:{cell.ray}", "" if address else cell.host)
    keeper = Keeper(cell, folder, hand, EngineLook(read_key(os.environ)), clock, follows=follows)
    try:
        while not end.wait(STEP_S):
            try:
                keeper.step()
            except Refusal as refusal:
                print(refusal.sentence(), flush=True)
        for name in () if address else hand.names():
            hand.stop(name)
    finally:
        hand.close()


def require_ray() -> None:
    """Raises Refusal usage when the extra is not installed.

    Ray is not imported here: it reads its token settings once, when it is.
    """
    if find_spec("ray") is None:
        raise Refusal("usage", reason="The fleet needs Ray: pip install 'isthmus[fleet]'.")


def alive(folder: Path) -> Running | None:
    """The keeper that runs from this folder now, if any."""
    try:
        found = msgspec.json.decode((folder / "cell.json").read_bytes(), type=Running)
        os.kill(found.pid, 0)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.pid != os.getpid() else None


def listens(host: str, port: int) -> bool:
    """Whether anything answers there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
