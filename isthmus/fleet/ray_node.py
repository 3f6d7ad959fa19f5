"""`ray start`, with one change: loopback stays loopback.

Ray's command line turns 127.0.0.1 into the machine's own address, and then listens on all of them. A cell on one
machine must not, and Ray 2.60 has no setting for it; so the one function that does it is replaced before Ray's own main
runs. tests/fleet/test_ray_cell.py holds Ray to it: nothing listens beyond what a cell declares.
"""

from __future__ import annotations

from typing import Any


def stay_on_loopback() -> None:
    """Let Ray take the address it is given. To be called before Ray starts or joins a cluster in this process."""
    from ray._private import services

    services.resolve_ip_for_localhost = _as_given


def _as_given(host: str) -> str:
    return host


def main() -> Any:
    """Ray's command line."""
    stay_on_loopback()
    from ray.scripts import scripts

    run: Any = scripts.main
    return run()


if __name__ == "__main__":
    main()
