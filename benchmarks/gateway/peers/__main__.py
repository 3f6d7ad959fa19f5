"""Isthmus, with every policy on, beside every gateway that is installed here; writes benchmarks/RESULTS.md.

    python -m benchmarks.gateway.peers                    all, in one run
    python -m benchmarks.gateway.peers isthmus nginx      these, the others' rows stay as they were measured last
    python -m benchmarks.gateway.peers.install            get the peers first

Each is started, asked and ended by itself, and nginx is asked again in the seconds beside it. The last line is one JSON
document. What is not installed is named.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.gateway import quick
from benchmarks.gateway.peers import measure, table
from benchmarks.gateway.peers.recipe import Recipe, found, load

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "benchmarks" / "RESULTS.md"
LAST = ROOT / "build" / "peers.json"  # rows of earlier runs
OURS = Recipe(
    name="isthmus", title="Isthmus", language="Python", work="every policy: key, law, terms both ways, masking, label, "
    "quota, receipt", get="this repository", start=(), health="/health", docs=("README.md",),
)  # fmt: skip


class Bench:
    """What all share: the upstream, the open-loop load generator, and nginx to be measured beside each."""

    def __init__(self, stack: ExitStack, folder: Path, seconds: int) -> None:
        self.folder = folder
        self.seconds = seconds
        self.rate = measure.build(folder)
        self.target = quick.free_port()
        program = [str(quick.upstream(folder)), str(self.target), str(measure.EVENTS), str(measure.PACE_MS)]
        stack.enter_context(quick.process([*program, measure.PACED], 1, self.target))
        self._nginx = stack.enter_context(gateway(self, load()["nginx"], "floor"))

    def beside(self) -> dict[str, float]:
        """nginx, now."""
        nginx = self._nginx
        return measure.closed(nginx.pid, nginx.asked.lua("plain"), nginx.port, nginx.asked.path, self.seconds, 64)

    def direct(self, asked: measure.Asked, rate: int) -> dict[str, float]:
        """The same schedule without a gateway."""
        return measure.opened(self.rate, asked.raw("plain"), self.target, rate, self.seconds)


@contextmanager
def gateway(bench: Bench, recipe: Recipe, name: str):
    """A peer that runs: `pid`, `port`, `asked`, and `seconds` from its start to its first good answer."""
    folder = bench.folder / name
    folder.mkdir()
    folder.chmod(0o755)
    places = {"port": quick.free_port(), "other": quick.free_port(), "target": bench.target, "folder": folder}
    for file, text in recipe.files.items():
        (folder / file).write_text(recipe.filled(text, **places))
    headers = {"Authorization": "Bearer none"}
    headers |= {name: recipe.filled(value, **places) for name, value in recipe.headers.items()}
    asked = measure.Asked(folder / "asked", recipe.path, recipe.model, headers)
    command = [recipe.filled(word, **places) for word in recipe.start]
    command[0] = found(command[0]) or command[0]
    written = folder / recipe.port_file if recipe.port_file else None

    def port() -> int:
        if written is None:
            return places["port"]
        return int(written.read_text() or 0) if written.exists() else 0

    began = time.monotonic()
    with measure.started(command, folder, dict(recipe.env)) as child:
        measure.wait_ready(child, port, recipe.health, asked)
        yield SimpleNamespace(pid=child.pid, port=port(), asked=asked, seconds=time.monotonic() - began)


@contextmanager
def isthmus(bench: Bench):
    """One worker with every policy on, as in bench-quick."""
    folder = bench.folder / "isthmus"
    folder.mkdir()
    home, key = quick.isthmus_home(folder)
    port = quick.free_port()
    settings = quick.isthmus_settings(home, port, bench.target)
    asked = measure.Asked(folder / "asked", OURS.path, OURS.model, {"Authorization": f"Bearer {key}"})
    began = time.monotonic()
    with measure.started([sys.executable, "-m", "isthmus.worker", str(settings)], folder, {}) as child:
        measure.wait_ready(child, lambda: port, OURS.health, asked)
        seconds = time.monotonic() - began
        quick.settle(child.pid)
        yield SimpleNamespace(pid=child.pid, port=port, asked=asked, seconds=seconds)


def row(bench: Bench, recipe: Recipe) -> table.Row:
    """Everything about one gateway. A part that did not go through holds the reason in place of figures."""
    about = {"name": recipe.name, "title": recipe.title, "language": recipe.language, "work": recipe.work}
    about["version"] = version("isthmus") if recipe is OURS else recipe.told_version()
    made: table.Row = about | {"when": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", "load": os.getloadavg()[0]}
    try:
        with isthmus(bench) if recipe is OURS else gateway(bench, recipe, recipe.name) as running:
            made["start_s"] = running.seconds
            made["rss_idle"] = quick.rss_mib(running.pid)
            made |= {kind: tried(measured) for kind, measured in parts(bench, recipe, running).items()}
            made["rss"] = quick.rss_mib(running.pid)
    except measure.NotFair as failure:
        made["plain"] = str(failure)
    return made


def parts(bench: Bench, recipe: Recipe, running: SimpleNamespace) -> dict[str, Any]:
    """What is measured, in this order."""
    pid, port, asked = running.pid, running.port, running.asked
    seconds, many = bench.seconds, recipe.connections

    def full(kind: str, seconds: int) -> dict[str, float]:
        lua = asked.lua(kind)
        measure.closed(pid, lua, port, recipe.path, 1, many)  # connections open, code warm
        return measure.closed(pid, lua, port, recipe.path, seconds, many)

    def plain() -> dict[str, float]:
        runs = [full("plain", seconds) for _ in range(2)]
        return min(runs, key=lambda run: run["us"])

    return {
        "plain": plain,
        "beside": bench.beside,
        "burst": lambda: full("burst", seconds),
        "direct": lambda: bench.direct(asked, recipe.rate),
        "delay": lambda: measure.opened(bench.rate, asked.raw("plain"), port, recipe.rate, seconds),
        "paced": lambda: measure.opened(bench.rate, asked.raw("paced"), port, recipe.streams, seconds + 1, pid),
    }


def tried(measured: Any) -> dict[str, float] | str:
    try:
        return measured()
    except measure.NotFair as failure:
        return str(failure)


def machine(command: str) -> dict[str, str]:
    """What the figures hold for."""
    names = [line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "machine": f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores: one for the gateway, one for "
        "load and upstream",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
        "when": "",
        "load average": " ".join(f"{each:.2f}" for each in os.getloadavg()),
        "command": f"`{command}`",
    }


def _when(made: table.Row) -> str:
    when: str = made["when"]
    return when


def figures(made: table.Row) -> dict[str, float]:
    """The few that others read: all in microseconds."""
    wanted = {"us": ("plain", "us"), "nginx_us": ("beside", "us"), "burst_us": ("burst", "us")}
    wanted |= {"paced_us": ("paced", "us"), "first_p99_us": ("paced", "first_p99")}
    return {
        name: round(made[kind][figure], 1)
        for name, (kind, figure) in wanted.items()
        if isinstance(made.get(kind), dict) and figure in made[kind]
    }


def show(made: table.Row) -> None:
    print(
        "  ".join(
            f"{name}: {cell(made)}" for name, cell in table.COLUMNS if name.split()[0] not in ("language", "what")
        )
    )


def main() -> None:
    lacking = [name for name in ("wrk", "gcc", "nginx") if found(name) is None]
    if lacking:
        raise SystemExit(f"not installed here: {', '.join(lacking)}")
    recipes = {"isthmus": OURS, **load()}
    wanted = sys.argv[1:] or list(recipes)
    unknown = [name for name in wanted if name not in recipes]
    if unknown:
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(recipes)}")
    about = machine(" ".join(["python -m benchmarks.gateway.peers", *sys.argv[1:]]))
    rows = json.loads(LAST.read_text()) if sys.argv[1:] and LAST.exists() else {}
    missing = [f"{each.title} ({each.get})" for each in recipes.values() if each is not OURS and not each.is_here]
    print(f"not installed here: {', '.join(missing) or 'nothing'}")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        bench = Bench(stack, Path(name), 2)
        for each in wanted:
            if recipes[each] is OURS or recipes[each].is_here:
                rows[each] = row(bench, recipes[each])
                show(rows[each])
    about["load average"] += f" at the start, {os.getloadavg()[0]:.2f} at the end"
    ordered = [rows[name] for name in recipes if name in rows]
    about["when"] = " to ".join(dict.fromkeys((min(map(_when, ordered)), max(map(_when, ordered))))) + " UTC"
    LAST.parent.mkdir(exist_ok=True)
    LAST.write_text(json.dumps(rows, indent=1))
    PAGE.write_text(table.written(about, ordered, missing, told(recipes)))
    print("\n".join(table.compared(ordered)))
    print(json.dumps({each["name"]: figures(each) for each in ordered}))


def told(recipes: dict[str, Recipe]) -> dict[str, object]:
    """What the page's notes say of the recipes."""
    slow = [f"  - {each.title}: {each.rate} requests, {each.streams} streams, {each.connections} connections"
            for each in recipes.values() if (each.rate, each.streams) != (OURS.rate, OURS.streams)]  # fmt: skip
    return {
        "connections": statistics.mode(each.connections for each in recipes.values()), "pace": measure.PACE_MS,
        "rate": f"{OURS.rate:,}", "streams": OURS.streams, "slow": "\n".join(slow),
    }  # fmt: skip


if __name__ == "__main__":
    main()
