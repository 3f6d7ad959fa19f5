"""`ray start`, with two changes: loopback stays loopback, and a head that was killed can be started again.

Ray's command line turns 127.0.0.1 into the machine's own address, and then listens on all of them. A cell on one
machine must not, and Ray 2.60 has no setting for it; so the one function that does it is replaced before Ray's own main
runs. And a head refuses to start where a file says that one is running, which a killed head leaves behind; the file
goes first. tests/fleet/test_ray_cell.py holds Ray to it: nothing listens beyond what a cell declares.
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


def main() -> Any:
    """Ray's command line."""
    stay_on_loopback()
    forget_killed_head(sys.argv)
    from ray.scripts import scripts

    run: Any = scripts.main
    return run()


if __name__ == "__main__":
    main()
