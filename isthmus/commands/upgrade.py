"""Replace the workers of the running node by new ones, without dropping a request."""

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
PATIENCE_S = 90.0


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Replace the workers of the running node by new ones, without dropping a request.

    New workers read the installed code and the settings as they are now and take the port while the old ones finish
    what they began. When a new one does not start, the old ones stay, and this command says why.
    """
    config = settings.load()
    found = running(config)
    if found is None:
        raise Refusal("not_running", url=f"http://{config.host}:{config.port}")
    os.kill(found.pid, signal.SIGUSR2)
    with Console(stderr=True).status("New workers are starting"):
        now = wait(config, found)
    if as_json:
        print(msgspec.json.encode({"url": now.url, "generation": now.generation}).decode())
    else:
        print(f"New workers serve at {now.url}; the old ones end when their last answer is out.")


def wait(config: Config, before: Running, patience_s: float = PATIENCE_S) -> Running:
    """What the node says once its workers were replaced. Raises Refusal usage when they were not."""
    clock, pause = SystemClock(), threading.Event()
    end = clock.monotonic() + patience_s
    while clock.monotonic() < end:
        now = running(config)
        if now is not None and now.generation > before.generation:
            return now
        if now is not None and now.problem and now != before:
            raise Refusal("usage", reason=f"The old workers stay: {now.problem}")
        pause.wait(0.1)
    raise Refusal("usage", reason=f"The workers were not replaced within {patience_s:.0f} s; see {config.run}")
