"""Run a fleet of model replicas on Ray: start, look, scale, change the model, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich.box import SIMPLE
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
from isthmus.gateway import replica_measures
from isthmus.gateway.endpoint_places import EndpointPlaces
from isthmus.gateway.replicas import Replicas
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Board, Listed, Load

NAME = "fleet"
POOL = "local"
HEALTH_S, GRACE_S = 1.0, 5.0
LOOK_S = 0.5


class Row(NamedTuple):
    """One replica in `isthmus fleet status`. Tokens are counted since its engine started.

    `inside`, `hit` (share of prompt blocks believed cached, 0 to 1) and `ttft` (mean, seconds) are what this machine's
    gateway has seen; 0 without one.
    """

    replica: str
    model: str
    address: str
    state: str
    running: int
    waiting: int
    kv: float
    prompt: float
    made: float
    inside: int
    hit: float
    ttft: float


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
    ray_cell.find_token(folder(), os.environ)  # before all else: without one nothing starts, and nothing is looked up
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
    rows = look(where)
    if not watch:
        console.print(table(rows, {}, LOOK_S))
        return
    end = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: end.set())
    with Live(table(rows, {}, LOOK_S), console=console, auto_refresh=False) as live:
        at = time.monotonic()
        while not end.wait(LOOK_S):
            before = {each.replica: each.made for each in rows}
            rows, since, at = look(where), at, time.monotonic()
            live.update(table(rows, before, at - since), refresh=True)


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


@app.command()
def endpoint_picker(
    listen: Annotated[str, typer.Option(help="host:port for Envoy's external processing; loopback or private.")] = (
        "127.0.0.1:9002"
    ),
    board_at: Annotated[Path | None, typer.Option("--board", help="The board to follow (else this cell's).")] = None,
) -> None:
    """Let an Envoy use the picker: the endpoint picker of the Gateway API Inference Extension. Ends with Ctrl-C."""
    if find_spec("grpc") is None or find_spec("envoy") is None:
        raise Refusal("usage", reason="This needs gRPC and Envoy's messages: pip install 'isthmus[extproc]'.")
    cells.check_host(listen.rpartition(":")[0].strip("[]"), "--listen")
    where = folder()
    key = run.key_file(where).read_text("ascii")
    asyncio.run(run_endpoint_picker(listen, board_at or keeper.board_file(where), key))


async def run_endpoint_picker(listen: str, board_at: Path, key: str) -> None:
    """Follow the board and answer Envoy, until SIGTERM or SIGINT."""
    from isthmus.fleet import endpoint_picker as envoy

    end = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    picker = Picker(SystemClock())
    replicas = Replicas(board_at, key, picker)
    places = EndpointPlaces(replicas, picker)
    keeping = asyncio.create_task(replicas.keep())
    try:
        server, state = await envoy.listen(places, listen)
    except RuntimeError:
        raise Refusal("usage", reason=f"--listen: {listen} cannot be listened on; is it taken?") from None
    print(f"Listening on {listen}", flush=True)
    while not end.is_set():
        await envoy.tell_health(state, ready=places.ready)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), HEALTH_S)
    keeping.cancel()
    await server.stop(GRACE_S)


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
    """One row a replica, asked now over its own port, with what gateway workers have seen of it."""
    replicas = board(where).replicas
    engines = EngineLook(run.key_file(where).read_text("ascii"))
    seen = replica_measures.joined(where, time.time())
    return [
        row(each, engines.ask(each.host, each.port, each.metrics, each.names), seen.get(each.name, {}))
        for each in replicas
    ]


def row(listed: Listed, load: Load | None, seen: Mapping[str, float]) -> Row:
    """A replica's row; `silent` when it does not say what it is doing."""
    state = "silent" if load is None else "draining" if listed.draining else "serving"
    said = load or Load()
    address = f"{listed.host}:{listed.port}"

    def of(name: str) -> float:
        return seen.get(f"isthmus_replica_{name}", 0.0)

    return Row(
        replica=listed.name,
        model=listed.model,
        address=address,
        state=state,
        running=said.running,
        waiting=said.waiting,
        kv=said.kv,
        prompt=said.prompt,
        made=said.made,
        inside=int(of("requests_inside")),
        hit=of("prefix_cache_hits_total") / (of("prefix_cache_queries_total") or 1.0),
        ttft=of("time_to_first_token_seconds_sum") / (of("time_to_first_token_seconds_count") or 1.0),
    )


def table(rows: Sequence[Row], before: Mapping[str, float], seconds: float) -> Table:
    """The replicas as a table for people, 80 columns wide; tokens a second against `before`, `seconds` ago."""
    shown = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    shown.add_column("replica", no_wrap=True)
    shown.add_column("model", max_width=14, no_wrap=True, overflow="ellipsis")
    shown.add_column("state", no_wrap=True)
    for name in ("inside", "running", "waiting", "KV", "hit", "TTFT s", "tok/s"):
        shown.add_column(name, justify="right", no_wrap=True)
    for each in rows:
        kv = f"{each.kv:.0%}" if each.kv else "-"
        fast = f"{max(0.0, each.made - before[each.replica]) / seconds:.1f}" if each.replica in before else "-"
        load = (str(each.inside), str(each.running), str(each.waiting), kv)
        worth = (f"{each.hit:.0%}", f"{each.ttft:.2f}" if each.ttft else "-", fast)
        shown.add_row(each.replica, each.model, each.state, *load, *worth)
    return shown
