"""Replace the running node by a new one, without dropping a request."""

from __future__ import annotations

import os
import signal
import threading
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from isthmus.core import config as settings
from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.node import Running, running

NAME = "upgrade"
PATIENCE_S = 240.0  # a model is loaded meanwhile


def command(
    workers: Annotated[bool, typer.Option(help="Replace the workers alone: supervisor and engine stay.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Replace the running node by a new one, without dropping a request.

    A new supervisor with an engine, workers and a console of its own reads the installed code as it is now and takes
    the port, while the old one finishes what it began and ends. For that while both need memory. When the new one does
    not get ready, the old one stays, and this command says why. In front of a fleet only the workers are replaced.
    """
    config = settings.load()
    found = running(config)
    if found is None:
        raise Refusal("not_running", url=f"http://{config.host}:{config.port}")
    os.kill(found.pid, signal.SIGUSR1 if workers else signal.SIGUSR2)
    with Console(stderr=True).status("The new ones are starting"):
        now = wait(config, found)
    if as_json:
        said = {"url": now.url, "generation": now.generation, "supervisor": now.pid, "replaced": found.pid}
        print(msgspec.json.encode(said).decode())
    else:
        what = "New workers serve" if now.pid == found.pid else "A new supervisor serves"
        print(f"{what} at {now.url}; the old ones end when their last answer is out.")


def wait(config: Config, before: Running, patience_s: float = PATIENCE_S) -> Running:
    """What the node says once it was replaced. Raises Refusal usage when they were not."""
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + patience_s
    while clock.monotonic() < end:
        now = running(config)
        if now is not None and now.generation > before.generation:
            return now
        if now is not None and now.problem and now != before:
            raise Refusal("usage", reason=f"The old ones stay: {now.problem}")
        pause.wait(0.1)
    raise Refusal("usage", reason=f"The node was not replaced within {patience_s:.0f} s; see {config.run}")
