"""Let the running node read region files, partner files, operator.toml and term lists anew."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import msgspec
import typer

from isthmus.core import config as settings
from isthmus.core.errors import Refusal
from isthmus.node import running

NAME = "reload"


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Let the running node read region files, partner files, operator.toml and term lists anew.

    No request is dropped. What cannot be read leaves the running law in force, and the worker's log says why.
    """
    config = settings.load()
    found = running(config)
    if found is None:
        raise Refusal("not_running", url=f"http://{config.host}:{config.port}")
    os.kill(found.pid, signal.SIGHUP)
    if as_json:
        print(msgspec.json.encode({"told": found.pid, "url": found.url}).decode())
    else:
        print(f"The node at {found.url} reads the law anew; see {config.run}/w0.log if something does not change.")
