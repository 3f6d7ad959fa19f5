"""fleet.toml: one cell, that is one Ray cluster in one jurisdiction, and the pools of replicas that it holds.

A cell never spans a border that law draws: another jurisdiction is another cell, with its own endpoint in a partner
file, so that the compiled decision says who may be asked instead.
"""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.operator import REHEARSAL
from isthmus.core.places import is_place
from isthmus.fleet import engine as engines
from isthmus.fleet.replica import NODE
from isthmus.fleet.scale import DayCurve, Rules

RAY_PORTS = 60  # a node's own listeners, and its workers'


class Pool(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Replicas of one model. `program` and `model` may be empty on one machine: then the installed ones are used.

    `tokens`: a usual request's prompt and answer together. `hours`: expected requests a second at each hour (UTC).
    """

    engine: str = "llama_cpp"
    program: str = ""
    model: str = ""
    slots: int = 4
    context: int = 2048
    threads: int = 1
    cache_mb: int = 0
    extra: tuple[str, ...] = ()
    cpus: float = 1.0
    gpus: float = 0.0
    role: str = "both"
    adapters: tuple[str, ...] = ()
    tokens: float = 512.0
    rules: Rules = Rules()
    hours: tuple[float, ...] = ()

    @property
    def curve(self) -> DayCurve | None:
        """The forecast, where the operator gave one."""
        return DayCurve(self.hours) if self.hours else None


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One cell. `host` is the one address where anything of it listens: loopback, a private address,
    or "node" (in a cell of several nodes: the private address of each).

    `ports` are the engines' (first, last); `ray` is the first of 2 x RAY_PORTS for Ray's own processes.
    """

    name: str = "here"
    jurisdiction: str = REHEARSAL
    host: str = "127.0.0.1"
    ports: tuple[int, int] = (18100, 18163)
    ray: int = 18200
    cpus: float = 0.0
    pool: Mapping[str, Pool] = {}

    def declared(self) -> set[int]:
        """Every port on which a process of this cell may listen."""
        return set(range(self.ports[0], self.ports[1] + 1)) | set(range(self.ray, self.ray + 2 * RAY_PORTS))


def load(path: Path) -> Cell:
    """Cell from a TOML file. Raises Refusal usage naming the place."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        pools = table.pop("pool", {})
        cell = msgspec.convert({**table.pop("cell", {}), **table, "pool": pools}, Cell)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Refusal("usage", reason=f"{path}: {error}") from None
    check(cell, str(path))
    return cell


def check(cell: Cell, where: str) -> None:
    """Raises Refusal usage for what no cell may be: public, without jurisdiction, or of an unknown engine."""
    check_host(cell.host, where)
    if cell.jurisdiction != REHEARSAL and not is_place(cell.jurisdiction):
        raise Refusal("usage", reason=f"{where}: jurisdiction is a country code, or {REHEARSAL}.")
    if cell.ports[0] > cell.ports[1] or set(range(cell.ports[0], cell.ports[1] + 1)) & set(
        range(cell.ray, cell.ray + 2 * RAY_PORTS)
    ):
        raise Refusal("usage", reason=f"{where}: ports and ray do not fit beside each other.")
    for name, pool in cell.pool.items():
        engines.named(pool.engine)
        if pool.hours and len(pool.hours) != 24:
            raise Refusal("usage", reason=f"{where}: pool.{name}.hours has 24 numbers.")
        if pool.rules.least > pool.rules.most:
            raise Refusal("usage", reason=f"{where}: pool.{name}.rules: least is not above most.")


def check_host(host: str, where: str) -> None:
    """Raises Refusal usage when strangers could reach `host`; "node" is checked on each node by its replicas."""
    if host == NODE:
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise Refusal("usage", reason=f"{where}: host is an IP address.") from None
    if address.is_unspecified or not (address.is_private or address.is_loopback):
        raise Refusal("usage", reason=f"{where}: host is a loopback or private address; tokens pass there in clear.")
