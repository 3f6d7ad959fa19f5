"""A leash between a process and its child: when the parent is gone, however it went, the child goes too.

Rules of this file. It is run as a script, before the child, by path and with `python -I -S`, so it imports only the
standard library and nothing of Isthmus. On Linux the kernel holds the leash: PR_SET_PDEATHSIG is set and the script
becomes the child (exec keeps the setting and the process id). Elsewhere (macOS) the script stays between the two as
a watch: its standard input is a pipe whose other end only the parent holds, so end-of-file means that the parent died.

    python -I -S leash.py exec  PARENT_PID -- PROGRAM ARGUMENT...
    python -I -S leash.py watch PARENT_PID -- PROGRAM ARGUMENT...

Source: prctl(2), PR_SET_PDEATHSIG. It fires when the *thread* that started the child ends, so the thread that starts a
leashed child must live as long as the child should.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
GRACE_S = 5.0
EXIT_ORPHANED = 70
EXIT_NOT_STARTED = 127


def mode() -> str:
    """The leash this machine can hold: "exec" where the kernel does it, else "watch"."""
    return "exec" if sys.platform == "linux" else "watch"


def become(parent: int, command: list[str]) -> int:
    """Turn into `command`, killed by the kernel when `parent` dies. Returns an exit code only on failure."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        return EXIT_ORPHANED
    if os.getppid() != parent:  # the parent died before the leash was on
        return EXIT_ORPHANED
    # Python ignores SIGPIPE, and an ignored signal survives exec; a child that writes to a closed log must end.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a shell is what must not be there
    except OSError:
        return EXIT_NOT_STARTED


def watch(command: list[str]) -> int:
    """Run `command` and end it when standard input closes. Returns its exit code, 128 + n when a signal ended it."""
    received: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: object) -> None:
        received.append(number)
        for running in children:
            running.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the parent's own command
    except OSError:
        return EXIT_NOT_STARTED
    children.append(child)
    for early in received:  # what came before the child was there
        child.send_signal(early)
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()


def main(arguments: list[str]) -> int:
    """Read the command line of this script. Returns the exit code."""
    kind, parent, _dashes, *command = arguments
    return become(int(parent), command) if kind == "exec" else watch(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
