"""Start everything on this machine: the local model, the gateway, the pages."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from isthmus.commands._heir import Heir, hand_over, stay_for_it
from isthmus.commands.models import Meter
from isthmus.core import config as settings
from isthmus.core import waiter
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import LocalEngine
from isthmus.device.store import Model, ready_model
from isthmus.fleet.local import LocalFleet
from isthmus.node import Node, admin_url, prepare, running

NAME = "up"
READY_S = 60.0
QUESTION = "用一句话总结：会议改到周一上午九点。"


def command(
    port: Annotated[int, typer.Option(help="Port of the gateway (else ISTHMUS_PORT, else 8080).")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on (else ISTHMUS_HOST, else 127.0.0.1).")] = "",
    workers: Annotated[int, typer.Option(help="Gateway processes (else ISTHMUS_WORKERS, else 1).")] = 0,
    model: Annotated[str, typer.Option(help="Model id or GGUF file (else ISTHMUS_MODEL, else by memory).")] = "",
    tls_cert: Annotated[str, typer.Option(help="Certificate chain (PEM): the gateway then speaks HTTPS.")] = "",
    tls_key: Annotated[str, typer.Option(help="The certificate's private key (PEM).")] = "",
    fleet: Annotated[int, typer.Option(help="Serve with so many replicas of the model, on Ray (isthmus[fleet]).")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document when ready.")] = False,
    heir_fd: Annotated[int, typer.Option("--heir", hidden=True, help="Set by `isthmus upgrade` alone.")] = -1,
) -> None:
    """Start everything on this machine: the local model, the gateway, the pages. Ends with Ctrl-C."""
    given = {"port": port, "host": host, "workers": workers, "model": model}
    given |= {"tls_cert": tls_cert, "tls_key": tls_key}
    config = msgspec.structs.replace(settings.load(), **{name: value for name, value in given.items() if value})
    heir = Heir(heir_fd) if heir_fd >= 0 else None
    already = running(config) if heir is None else None
    key = prepare(config, SystemClock())
    if already is not None:
        tell(config, already.url, key, already.model, as_json=as_json)
        return
    chosen = fetch(config)
    with engine_for(config, chosen, fleet) as engine:
        node = node_for(config, engine, chosen, heir)
        taken_by: subprocess.Popen[bytes] | None = None
        node.start()
        try:
            node.wait_ready(READY_S)
            engine.wait_ready()
            if heir is None:
                node.wait_control()
                node.announce()
                tell(config, node.url, key, chosen.name, as_json=as_json)
            else:
                follow(node, heir)
            node.start_spare()
            taken_by = wait_for_the_end(node, can_hand_over=not fleet)
            if taken_by is not None:
                waiter.pass_signals_on(config.run / "up.json", taken_by.pid)
        finally:
            node.stop(leaves=taken_by is None)
    if taken_by is not None and heir is None:  # whoever is an heir itself is waited for already
        stay_for_it(config.run / "up.json")


def node_for(config: Config, engine: LocalEngine | LocalFleet, chosen: Model, heir: Heir | None) -> Node:
    """The node in front of the engine."""
    return Node(
        config,
        engine=engine.address,
        engine_key=engine.key,
        model=chosen.name,
        fleet=str(engine.board) if isinstance(engine, LocalFleet) else "",
        estate=heir.estate if heir is not None else None,
    )


def follow(node: Node, heir: Heir) -> None:
    """Take the place of the supervisor that started this one."""
    heir.ready()
    if node.config.admin_port:
        node.start_control()
        node.wait_control()
    node.announce()
    heir.done()


def engine_for(config: Config, chosen: Model, fleet: int) -> LocalEngine | LocalFleet:
    """One engine, or a fleet of `fleet` replicas in its place."""
    if fleet:
        return LocalFleet(config.run / "fleet", chosen.path, replicas=fleet)
    return LocalEngine(chosen.path, log=config.run / "engine.log", name=chosen.name)


def fetch(config: Config) -> Model:
    """The model, with a progress bar while it is fetched."""
    with Meter() as meter:
        return ready_model(config, say=meter.say, progress=meter.progress)


def tell(config: Config, url: str, key: str, model: str, *, as_json: bool) -> None:
    """Print where it is, the key, and three things to try."""
    console_url = admin_url(config)
    token = config.home / "owner.token"
    owner = token.read_text("ascii").strip() if token.exists() else ""
    if as_json:
        said = {"url": url, "key": key, "model": model, "home": str(config.home)}
        print(msgspec.json.encode(said | {"console": console_url, "token": owner}).decode(), flush=True)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n[bold]Isthmus is ready[/bold]  {url}\n  key    {key}\n  model  {model}")
    console.print(f"  app    {url}/#key={key}", markup=False)
    if console_url:
        console.print(f"  console {console_url}/#token={owner}", markup=False)
    console.print()
    console.print(
        "Rehearsal: partners without a key of yours are played by the local model, and every answer says so.\n"
    )
    console.print("Three things to try (in another terminal):", style="bold")
    body = f'{{"model":"auto","messages":[{{"role":"user","content":"{QUESTION}"}}]}}'
    headers = f"-H 'Authorization: Bearer {key}' -H 'Content-Type: application/json'"
    curl = f"curl {url}/v1/chat/completions {headers} -d '{body}'"
    program = f"{sys.prefix}/bin/isthmus" if sys.prefix != sys.base_prefix else "isthmus"
    for number, line in enumerate(
        (
            curl,
            f'{program} ask "{QUESTION}" --region CN --route partner',
            f"{program} explain --region CN --feature assistant --age 13 --route partner",
        ),
        start=1,
    ):
        console.print(f"  {number}. ", end="")
        console.print(line, markup=False)
    console.print("\nCtrl-C stops it.")


def wait_for_the_end(node: Node, *, can_hand_over: bool = True) -> subprocess.Popen[bytes] | None:
    """Sleep until somebody asks this process to end, or until a new supervisor, which is returned, has taken over.

    SIGHUP (`isthmus reload`) lets the workers read the law anew, SIGUSR1 (`isthmus upgrade --workers`) replaces them,
    SIGUSR2 (`isthmus upgrade`) starts the new supervisor; in front of a fleet, which cannot be there twice, it
    replaces the workers too.
    """
    wake = threading.Event()
    asked: set[int] = set()

    def ask(number: int, _frame: object) -> None:
        asked.add(number)
        wake.set()

    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
        signal.signal(name, ask)
    signal.signal(signal.SIGHUP, lambda *_: node.reload())
    signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=node.upgrade, daemon=True).start())
    while True:
        wake.wait()
        wake.clear()
        if asked & {signal.SIGTERM, signal.SIGINT}:
            return None
        asked.clear()
        if not can_hand_over:
            node.upgrade()
        elif (heir := hand_over(node, without_heir(sys.argv[1:]))) is not None:
            return heir


def without_heir(arguments: list[str]) -> list[str]:
    """The arguments as the first supervisor was given them."""
    at = arguments.index("--heir") if "--heir" in arguments else len(arguments)
    return arguments[:at] + arguments[at + 2 :]
