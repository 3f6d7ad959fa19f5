"""`ray start`, with three changes: loopback stays loopback, a killed head can be started again, and no dashboard.

Ray's command line turns 127.0.0.1 into the machine's own address, and then listens on all of them. A cell on one
machine must not, and Ray 2.60 has no setting for it; so the one function that does it is replaced before Ray's own main
runs. And a head refuses to start where a file says that one is running, which a killed head leaves behind; the file
goes first. Ray starts its dashboard's server even where none is wanted, and waits for it up to a minute; nothing here
talks to it. tests/fleet/test_real.py holds Ray to it: nothing listens beyond what a cell declares.
"""

from __future__ import annotations

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


def leave_out_dashboard() -> None:
    """Let a head start without its dashboard's server. To be called before Ray's own main."""
    from ray._private import node

    ours: Any = node.Node
    ours.start_api_server = _nothing


def _nothing(node: Any, **_: Any) -> None:
    node._webui_url = None  # noqa: SLF001 - what Ray's own method sets


def main() -> Any:
    """Ray's command line."""
    stay_on_loopback()
    forget_killed_head(sys.argv)
    leave_out_dashboard()
    from ray.scripts import scripts

    run: Any = scripts.main
    return run()


if __name__ == "__main__":
    main()
