"""Run a fleet of model replicas on Ray: start, look, scale, change the model, drain, stop."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from isthmus.core import config
from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.device import catalogue
from isthmus.device.engine import find_binary
from isthmus.device.store import Store
from isthmus.fleet import cell as cells
from isthmus.fleet import keeper, ray_cell, run
from isthmus.fleet.cell import Cell, Pool
from isthmus.fleet.scale import Rules
from isthmus.fleet.watch import EngineLook
from isthmus.routing.probe import Board, Listed, Load

NAME = "fleet"
POOL = "local"


class Row(NamedTuple):
    """One replica in `isthmus fleet status`. Tokens are counted since its engine started."""

    replica: str
    model: str
    address: str
    state: str
    running: int
    waiting: int
    kv: float
    prompt: float
    made: float


app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PoolName = Annotated[str, typer.Argument(help="A pool, as `isthmus fleet status` prints it.")]


def folder() -> Path:
    """Where this machine's cell keeps its files."""
    return config.load().run / "fleet"


@app.command()
def token(as_json: Json = False) -> None:
    """Make the token that Ray's processes show each other, and say where it lies."""
    path = ray_cell.make_token(folder())
    print(msgspec.json.encode({"token_file": str(path)}).decode() if as_json else path)


@app.command()
def up(
    file: Annotated[Path | None, typer.Option(help="fleet.toml of the cell (else the one in ISTHMUS_HOME).")] = None,
    replicas: Annotated[int, typer.Option(help="Replicas of a first pool, without a file.")] = 2,
    most: Annotated[int, typer.Option(help="Let load raise the number up to this.")] = 0,
    model: Annotated[str, typer.Option(help="Model id or GGUF file of that pool.")] = "smollm2-135m",
    ray: Annotated[str, typer.Option(help="Join the Ray that runs at this address, instead of starting one.")] = "",
    follow: Annotated[bool, typer.Option(help="With --ray: change nothing, only list replicas for gateways.")] = False,
) -> None:
    """Start the cell on this machine and keep it. Ends with Ctrl-C."""
    where = file or config.load().home / "fleet.toml"
    cell = cells.load(where) if file or where.exists() else one_pool(replicas, most, model)
    cell = cell if ray else complete(cell)
    cells.check(cell, "fleet")
    end = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end.set())
    if ray:
        run.join(cell, folder(), ray, SystemClock(), end, follows=follow)
        return
    console = Console(stderr=True, highlight=False)
    with console.status("Starting the cell") as status:
        run.serve(cell, folder(), SystemClock(), end, status.update)


@app.command()
def status(
    watch: Annotated[bool, typer.Option(help="Go on showing, ten times in five seconds, until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Show the replicas: what they run, what they have to do, what their caches give."""
    where = folder()
    if as_json:
        print(msgspec.json.encode([row._asdict() for row in look(where)]).decode())
        return
    console = Console()
    if not watch:
        console.print(table(where))
        return
    end = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: end.set())
    with Live(table(where), console=console, auto_refresh=False) as live:
        while not end.wait(0.5):
            live.update(table(where), refresh=True)


@app.command()
def scale(
    pool: PoolName,
    replicas: Annotated[int, typer.Argument(min=0, help="How many replicas it should have from now on.")],
    as_json: Json = False,
) -> None:
    """Fix the number of replicas of a pool; load no longer changes it."""
    require_up()
    say(keeper.give_order(folder(), scale={pool: replicas}), as_json)


@app.command()
def roll(
    pool: PoolName,
    model: Annotated[str, typer.Argument(help="Model id or GGUF file.")],
    as_json: Json = False,
) -> None:
    """Change the model of a pool, one replica after the other, without refusing a request."""
    require_up()
    say(keeper.give_order(folder(), model={pool: model_file(model)}), as_json)


@app.command()
def drain(
    replica: Annotated[str, typer.Argument(help="A replica, as `isthmus fleet status` prints it.")],
    as_json: Json = False,
) -> None:
    """Take one replica out: it finishes what it has, another one takes its place, then it ends."""
    require_up()
    if replica not in {listed.name for listed in board(folder()).replicas}:
        raise Refusal("usage", reason=f"No replica here is called {replica}; `isthmus fleet status` lists them.")
    say(keeper.give_order(folder(), drain=(replica,)), as_json)


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the cell on this machine, and whatever an earlier one left behind."""
    where = folder()
    running = run.alive(where)
    if running is not None:
        os.kill(running.pid, signal.SIGTERM)
        pause = threading.Event()
        for _ in range(600):
            if run.alive(where) is None:
                break
            pause.wait(0.1)
    ended = ray_cell.end_leftovers(where)
    answer = {"stopped": running is not None, "leftovers": ended}
    print(msgspec.json.encode(answer).decode() if as_json else ("Stopped." if running else "Nothing was running."))


def one_pool(replicas: int, most: int, model: str) -> Cell:
    """A cell with one pool of the given size."""
    rules = Rules(least=replicas, most=max(replicas, most), start_s=10.0, calm_s=10.0, tokens=2048.0)
    return Cell(pool={POOL: Pool(model=model, rules=rules, threads=1)})


def complete(cell: Cell) -> Cell:
    """The cell with programs and files where it names none, or a model of the catalogue."""
    pools = {}
    for name, pool in cell.pool.items():
        program = pool.program or (str(find_binary()) if pool.engine == "llama_cpp" else "")
        if not program:
            raise Refusal("usage", reason=f"pool.{name}.program: engine {pool.engine} needs one.")
        model = model_file(pool.model) if pool.engine == "llama_cpp" else pool.model
        pools[name] = msgspec.structs.replace(pool, program=program, model=model)
    return msgspec.structs.replace(cell, pool=pools)


def model_file(model: str) -> str:
    """The file of a model of the catalogue that is here, or the file that is named. Raises Refusal."""
    entries = catalogue.load()
    if model in entries:
        path = Store(config.load().models).path(entries[model])
        if path is None:
            raise Refusal("model_unavailable", model=model, reason=f"Fetch it first: isthmus models pull {model}.")
        return str(path)
    path = Path(model).expanduser()
    if not path.is_file():
        raise Refusal("usage", reason=f"{model} is neither a model of the catalogue nor a file.")
    return str(path)


def require_up() -> None:
    if run.alive(folder()) is None:
        raise Refusal("fleet_unavailable", reason="No cell is up on this machine: `isthmus fleet up` starts one.")


def board(where: Path) -> Board:
    """What the keeper published. Raises Refusal fleet_unavailable."""
    try:
        return msgspec.json.decode(keeper.board_file(where).read_bytes(), type=Board)
    except (OSError, msgspec.MsgspecError):
        raise Refusal(
            "fleet_unavailable", reason="No cell is up on this machine: `isthmus fleet up` starts one."
        ) from None


def say(orders: keeper.Orders, as_json: bool) -> None:
    print(
        msgspec.json.encode(orders).decode() if as_json else "Ordered. `isthmus fleet status --watch` shows it happen."
    )


def look(where: Path) -> list[Row]:
    """One row a replica, asked now over its own port."""
    replicas = board(where).replicas
    seen = EngineLook(run.key_file(where).read_text("ascii"))
    return [row(each, seen.ask(each.host, each.port, each.metrics, each.names)) for each in replicas]


def row(listed: Listed, load: Load | None) -> Row:
    """A replica's row; `silent` when it does not say what it is doing."""
    state = "silent" if load is None else "draining" if listed.draining else "serving"
    seen = load or Load()
    address = f"{listed.host}:{listed.port}"
    counts = (seen.running, seen.waiting, seen.kv, seen.prompt, seen.made)
    return Row(listed.name, listed.model, address, state, *counts)


def table(where: Path) -> Table:
    """The replicas as a table for people."""
    shown = Table("replica", "model", "address", "state", "running", "waiting", "KV", "prompt tok", "answer tok")
    for each in look(where):
        kv = f"{each.kv:.0%}" if each.kv else "-"
        numbers = (str(each.running), str(each.waiting), kv, f"{each.prompt:,.0f}", f"{each.made:,.0f}")
        shown.add_row(each.replica, each.model[:24], each.address, each.state, *numbers)
    return shown
