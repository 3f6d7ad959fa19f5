"""What is left of a supervisor that handed over: the process that a terminal, systemd or a container started.

Rules of this file. It is run as a script, by path and with `python -I -S`, and imports only the standard library: it
stays for as long as the house does and should cost nothing. It passes signals on to the supervisor that run/up.json
names at that moment, collects children that were left to it, and ends when that supervisor has.

    python -I -S waiter.py UP_JSON
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
LOOK_S = 0.2


def named(up: Path) -> int:
    """The supervisor that runs now; 0 when the file names none."""
    try:
        return int(json.loads(up.read_bytes())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def collect() -> None:
    """Let go of children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def pass_signals_on(up: Path, heir: int) -> None:
    """From now on, signals go to the supervisor that `up` names, or to `heir` where it names none."""

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(OSError):
            os.kill(named(up) or heir, number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)


def wait(up: Path) -> int:
    """Wait until the last supervisor has ended. Returns the exit code."""
    heir = named(up)
    pass_signals_on(up, heir)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)  # whoever became this file held them back
    while heir and lives(heir):
        time.sleep(LOOK_S)
        collect()
        heir = named(up) or heir
    return 0


if __name__ == "__main__":
    sys.exit(wait(Path(sys.argv[1])))
