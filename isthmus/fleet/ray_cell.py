"""Ray's own processes of a cell: started with a token and on declared ports, or not at all.

Rules of this room:
1. RAY_AUTH_MODE is always "token". Without a token nothing starts.
2. No dashboard, no Ray client, no usage statistics. On one machine everything listens on loopback.
3. The head holds the cell's state (embedded RocksDB) and runs no replica: when it ends and is started again, replicas
   go on serving, and the head finds them again. Source: docs.ray.io, "GCS Fault Tolerance".
4. Only processes of this cell are ever ended: those that name its folder on their command line.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from isthmus.core.child import Child
from isthmus.core.errors import Refusal
from isthmus.fleet.cell import RAY_PORTS, Cell
from isthmus.fleet.replica import KEY_FILE

TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
SHORTEST_TOKEN = 16
STORE_BYTES = 80_000_000  # Ray's object store: nothing of ours passes through it, and this is its least
GONE_S = 10.0
# Ray makes Unix sockets below its folder, whose paths the kernel limits to 107 bytes. The longest that it makes, with a
# process id of seven digits:
SOCKET = "/ray/session_2026-11-22_21-47-08_714690_4194304/sockets/plasma_store.1"
LONGEST_FOLDER = 107 - len(SOCKET)


def token_file(folder: Path) -> Path:
    """Where `isthmus fleet token` keeps this machine's token."""
    return folder / "ray.token"


def find_token(folder: Path, environ: Mapping[str, str]) -> Path:
    """The file with the cell's token. Raises Refusal fleet_token when there is none.

    RAY_AUTH_TOKEN is copied to a file of this user alone, so that it stands in no process's environment.
    """
    if environ.get("RAY_AUTH_MODE", "token") != "token":
        raise Refusal("fleet_token", reason="RAY_AUTH_MODE is set to something else than token.")
    path = Path(environ[TOKEN_PATH]) if environ.get(TOKEN_PATH) else token_file(folder)
    if environ.get(TOKEN):
        path = folder / "ray.token.given"
        write_private(path, environ[TOKEN])
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if len(token) < SHORTEST_TOKEN:
        raise Refusal("fleet_token", reason="Whoever reaches a Ray without a token may run any program there.")
    return path


def make_token(folder: Path) -> Path:
    """A new token, unless there is one already."""
    path = token_file(folder)
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, secrets.token_hex(32))
    return path


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, by one rename."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(path)


def environment(folder: Path, token: Path, key: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of Ray's processes, and of all that they start."""
    kept = {name: value for name, value in environ.items() if name != TOKEN and not name.startswith("RAY_gcs_storage")}
    return kept | {
        "RAY_AUTH_MODE": "token",
        TOKEN_PATH: str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
        "RAY_enable_metrics_collection": "0",
        KEY_FILE: str(key),
    }


def socket_folder(folder: Path) -> Path:
    """Where Ray keeps its sockets and logs: below the cell's own folder if its path is short enough.

    Ray opens it to everybody (mode 777), so it always lies in a private folder, which is made here. Raises Refusal
    usage when that one, in the temporary place, belongs to somebody else.
    """
    place = socket_place(folder)
    private = place.parent
    if private != folder:
        private.mkdir(mode=0o700, exist_ok=True)
        if private.stat().st_uid != os.getuid() or private.stat().st_mode & 0o077:
            raise Refusal("usage", reason=f"{private} is not a private folder of this user.")
    return place


def socket_place(folder: Path) -> Path:
    """The path of that folder, whether it is there or not."""
    if len(str(folder)) <= LONGEST_FOLDER:
        return folder / "ray"
    return Path("/tmp") / f"isthmus-{os.getuid()}-{abs(hash_of(folder)):08x}" / "ray"  # noqa: S108 - checked when made


def hash_of(folder: Path) -> int:
    """A number for a path, the same in every process."""
    from zlib import crc32

    return crc32(str(folder).encode())


def head_command(cell: Cell, ray: Path) -> list[str]:
    """The head: the cell's memory, without a replica of its own."""
    first = cell.ray
    options: dict[str, object] = {"--port": first, **ports(first), "--num-cpus": 0, "--num-gpus": 0}
    options |= {"--include-dashboard": "false", "--dashboard-port": first + 6, "--temp-dir": ray}
    return ["--head", "--no-monitor", *flat(cell, options), "--disable-usage-stats"]


def node_command(cell: Cell) -> list[str]:
    """A node of this machine, where replicas run."""
    first = cell.ray + RAY_PORTS
    cpus = cell.cpus or max(8, 2 * len(os.sched_getaffinity(0)))
    options: dict[str, object] = {"--address": f"{cell.host}:{cell.ray}", **ports(first), "--num-cpus": int(cpus)}
    return [*flat(cell, options), "--disable-usage-stats"]


def ports(first: int) -> dict[str, int]:
    """A place for each of a node's listeners, so that none is chosen at random."""
    names = ("object-manager-port", "node-manager-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port")
    given = {f"--{name}": first + 1 + at for at, name in enumerate(names)}
    given |= {"--runtime-env-agent-port": first + 5, "--metrics-export-port": first + 7}
    return given | {"--min-worker-port": first + 10, "--max-worker-port": first + RAY_PORTS - 1}


def flat(cell: Cell, options: Mapping[str, object]) -> list[str]:
    common = {"--node-ip-address": cell.host, "--object-store-memory": STORE_BYTES, "--include-log-monitor": "false"}
    return [str(word) for pair in {**common, **options}.items() for word in pair]


def starter(arguments: list[str]) -> list[str]:
    """`ray start --block` through isthmus.fleet.ray_node, which keeps loopback a loopback."""
    return [sys.executable, "-m", "isthmus.fleet.ray_node", "start", "--block", *arguments]


def supervise(cell: Cell, folder: Path, environ: dict[str, str]) -> tuple[Child, Child]:
    """Head and node of this machine as children that are started again when they end. Not started yet."""
    ray = socket_folder(folder)
    state = folder / "gcs"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored = {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(state)}
    head = Child(starter(head_command(cell, ray)), log=folder / "ray-head.log", environ=environ | stored)
    node = Child(starter(node_command(cell)), log=folder / "ray-node.log", environ=environ)
    return head, node


def processes(folder: Path) -> list[int]:
    """Process ids of this cell's Ray: those of this user whose command line names its folder."""
    marks = (str(socket_place(folder)).encode() + b"/session_", str(folder / "gcs").encode())
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes()
                if entry.stat().st_uid == os.getuid() and any(mark in line for mark in marks):
                    found.append(int(entry.name))
    return found


def end_leftovers(folder: Path) -> int:
    """End what an earlier life of this cell left behind, and see it end. Returns how many processes that were."""
    left = processes(folder)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            end(pid)
    return len(left)


def end(pid: int) -> None:
    """SIGKILL, and back when the process is gone, or after GONE_S. Raises ProcessLookupError."""
    process = os.pidfd_open(pid)  # it names this process, also if its number is given to another
    try:
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], GONE_S)
    finally:
        os.close(process)
