"""List, show and check who may answer."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from isthmus.commands import _partner_check
from isthmus.core import config, operator
from isthmus.core.decision import Route
from isthmus.core.errors import Refusal
from isthmus.partners import load as partner_files
from isthmus.partners.schema import Partner
from isthmus.policy import lawful

NAME = "partners"

app = typer.Typer(no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Folder = Annotated[Path | None, typer.Option("--partners", help="Another folder of partner files.")]
One = Annotated[str, typer.Argument(help="Id of a partner, e.g. doubao.")]
_HIDDEN = "set"


@app.callback()
def partners() -> None:
    """Who may answer, as data: one file per partner, one module per wire."""


@app.command("list")
def list_partners(folder: Folder = None, json: Json = False) -> None:
    """Print every partner: its wire, where it computes, whether its key is set."""
    found = sorted(_load(folder).values(), key=lambda one: (one.order, one.id))
    if json:
        print(msgspec.json.encode([_row(one) for one in found]).decode())
        return
    grid = Table(box=None)
    for column in ("partner", "title", "wire", "computes in", "models", "key"):
        grid.add_column(column)
    for one in found:
        row = _row(one)
        where = ", ".join(row["computes_in"])
        grid.add_row(one.id, one.title, one.dialect, where, str(len(one.model)), row["key"])
    Console().print(grid)


def _row(one: Partner) -> dict[str, Any]:
    doors = one.endpoint.values()
    key = "-" if not one.key_env else _HIDDEN if os.environ.get(one.key_env) else f"{one.key_env} is not set"
    return {
        "id": one.id,
        "title": one.title,
        "tier": one.tier,
        "dialect": one.dialect,
        "computes_in": sorted({place for door in doors for place in door.inference}),
        "models": list(one.model),
        "embedding": list(one.embedding),
        "image": list(one.image),
        "key": key,
    }


@app.command()
def show(partner: One, folder: Folder = None, json: Json = False) -> None:
    """Print one partner's file as it was read: doors, models, terms and habits of its wire."""
    one = _find(partner, folder)
    raw = msgspec.json.encode(one)
    print(raw.decode() if json else msgspec.json.format(raw, indent=2).decode())


@app.command()
def check(
    partner: One,
    model: Annotated[str, typer.Option(help="One of its models. Default: its default model.")] = "",
    endpoint: Annotated[str, typer.Option(help="One of its doors. Default: each door whose key is set.")] = "",
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Ask the real service the conformance set with your own key; it costs a few hundred tokens."""
    one = _find(partner, folder)
    routes = _routes(one, model, endpoint)
    console = Console(stderr=True)
    report = {}
    for route in routes:
        secret = os.environ.get(route.key_env, "")
        with console.status(route.name, spinner="dots") as status:
            report[route.name] = _partner_check.run(route, secret, partial(_tell, status, route.name))
    if json:
        found = {name: [each._asdict() for each in findings] for name, findings in report.items()}
        print(msgspec.json.encode(found).decode())
    else:
        for name, findings in report.items():
            print(name)
            for each in findings:
                print(f"  {'ok  ' if each.ok else 'FAIL'}  {each.check}: {each.seen}")
    if not all(each.ok for findings in report.values() for each in findings):
        raise typer.Exit(5)


def _tell(status: Status, route: str, check: str) -> None:
    status.update(f"{route}: {check}")


def _routes(one: Partner, model: str, endpoint: str) -> list[Route]:
    """The routes to check: those whose key is set, and an engine of one's own without any. Raises Refusal usage."""
    keys = {name: _HIDDEN for name in _key_names(one) if os.environ.get(name)}
    engines = {lawful.LOCAL: ("", 0)}
    sites = lawful.sites({one.id: one}, operator.rehearsal(), engines, keys)
    wanted = model or next((name for name, each in one.model.items() if each.default), next(iter(one.model)))
    doors = {door: name for name, door in one.endpoint.items()}
    named = [site for site in sites if site.route.model == wanted and endpoint in ("", doors[site.endpoint])]
    if not named:
        raise Refusal(
            "usage", reason=f"{one.id} has no model {wanted} at that door. See: isthmus partners show {one.id}"
        )
    ready = [_real(site) for site in named if not site.route.rehearsal]
    if not ready:
        missing = ", ".join(sorted(_key_names(one)))
        raise Refusal("usage", reason=f"No key of {one.title} is set. Set {missing}, then check again.")
    return ready


def _real(site: lawful.Site) -> Route:
    """The route to where the file says; an engine of one's own stands there, too."""
    route, door = site.route, site.endpoint
    if route.tier == "partner":
        return route
    key = door.key_env or site.partner.key_env
    return msgspec.structs.replace(route, host=door.host, port=door.port, tls=door.tls, key_env=key)


def _key_names(one: Partner) -> set[str]:
    return {name for name in (one.key_env, *(door.key_env for door in one.endpoint.values())) if name}


def _load(folder: Path | None) -> dict[str, Partner]:
    return partner_files.load(folder, own=config.load().home / "partners")


def _find(name: str, folder: Path | None) -> Partner:
    found = _load(folder)
    if name not in found:
        raise Refusal("usage", reason=f"No partner is called {name}. There are: {', '.join(sorted(found))}.")
    return found[name]
