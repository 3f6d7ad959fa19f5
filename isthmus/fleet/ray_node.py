"""`ray start`, with four changes: loopback stays loopback, a killed head can be started again, no servers, patience.

Ray's command line turns 127.0.0.1 into the machine's own address, and then listens on all of them. A cell on one
machine must not, and Ray 2.60 has no setting for it; so the one function that does it is replaced before Ray's own main
runs. And a head refuses to start where a file says that one is running, which a killed head leaves behind; the file
goes first. Ray starts its dashboard's server even where none is wanted, and waits for it up to a minute; and where gRPC
is installed, a server for Ray's client, on port 10001 if on no other. Nothing here talks to either. And a node ends
itself when its agent has not said its port within 15 s, which on a busy machine it has not; the port is declared, so it
is said beforehand. tests/fleet/test_real.py holds Ray to it: nothing listens beyond what a cell declares.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any


def stay_on_loopback() -> None:
    """Let Ray take the address it is given. To be called before Ray starts or joins a cluster in this process."""
    from ray._private import services

    services.resolve_ip_for_localhost = _as_given


def _as_given(host: str) -> str:
    return host


def forget_killed_head(arguments: list[str]) -> None:
    """Remove what an ended head left in its folder; the port itself tells whether one runs."""
    if "--head" in arguments and "--temp-dir" in arguments:
        folder = Path(arguments[arguments.index("--temp-dir") + 1])
        (folder / "ray_current_cluster").unlink(missing_ok=True)


def leave_out_servers() -> None:
    """Let a head start without the servers of dashboard and client. To be called before Ray's own main."""
    from ray._private import node

    ours: Any = node.Node
    ours.start_api_server = _no_dashboard
    ours.start_ray_client_server = _no_client


def _no_client(node: Any) -> None:
    """Whoever wants Ray's client has to ask for it; a cell does not."""


def _no_dashboard(node: Any, **_: Any) -> None:
    node._webui_url = None  # noqa: SLF001 - what Ray's own method sets


def say_agent_ports() -> None:
    """Let every node know its agent's port before the agent has started. To be called before Ray's own main."""
    from ray._private import services

    start = services.start_raylet
    shape = inspect.signature(start)

    def started(*args: Any, **more: Any) -> Any:
        given = shape.bind(*args, **more).arguments
        port = given.get("dashboard_agent_listen_port")
        if port:
            place = Path(given["session_dir"]) / f"dashboard_agent_listen_port_{given['node_id']}"
            place.write_text(str(port), "ascii")
        return start(*args, **more)

    services.start_raylet = started


def main() -> Any:
    """Ray's command line."""
    stay_on_loopback()
    forget_killed_head(sys.argv)
    leave_out_servers()
    say_agent_ports()
    from ray.scripts import scripts

    run: Any = scripts.main
    return run()


if __name__ == "__main__":
    main()
