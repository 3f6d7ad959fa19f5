"""Handing a house over to a new supervisor, while it serves: the new one inherits the sockets, then the old one drains.

    old                                            new, started by the old one with --heir
    the descriptors, one line of JSON        ->
                                             <-    ready: its engine and workers serve, beside the old ones
    ends its control process, says free      ->    starts its own
                                             <-    done: run/up.json names it
    drains and ends; core.waiter is left

Both hold the same listening sockets, so that no caller meets a closed door. A new one that ends or says nothing leaves
everything as it was.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from isthmus.core import waiter
from isthmus.core.errors import Refusal
from isthmus.node import Estate, Node

PATIENCE_S = 180.0  # a model is loaded meanwhile
READY, FREE, DONE = b"ready\n", b"free\n", b"done\n"


class Line:
    """One end of the line between the two: words that end with a newline."""

    def __init__(self, sock: socket.socket, patience_s: float) -> None:
        sock.settimeout(patience_s)
        self._sock = sock
        self._heard = sock.makefile("rb")

    def say(self, words: bytes) -> None:
        with contextlib.suppress(OSError):  # whoever is gone is missed at the next reading
            self._sock.sendall(words)

    def hear(self) -> bytes:
        """One line; b"" when the other end is gone or says nothing in time."""
        try:
            return self._heard.readline()
        except OSError:
            return b""

    def close(self) -> None:
        self._heard.close()
        self._sock.close()


class Heir:
    """The new supervisor's end of the line."""

    def __init__(self, fd: int) -> None:
        """Raises Refusal usage when `fd` is not what a supervisor hands over."""
        try:
            self._line = Line(socket.socket(fileno=fd), PATIENCE_S)
        except OSError:
            raise _stranger() from None
        try:
            self.estate = msgspec.json.decode(self._line.hear(), type=Estate)
        except msgspec.MsgspecError:
            self._line.close()
            raise _stranger() from None

    def ready(self) -> None:
        """Say that callers are served; return when the old control process has ended."""
        self._line.say(READY)
        self._line.hear()  # an old supervisor that is gone has ended it too

    def done(self) -> None:
        """Say that nothing is missing."""
        self._line.say(DONE)
        self._line.close()


def _stranger() -> Refusal:
    return Refusal("usage", reason="--heir is for `isthmus upgrade` alone.")


def hand_over(node: Node, arguments: Sequence[str], patience_s: float = PATIENCE_S) -> subprocess.Popen[bytes] | None:
    """Start a new supervisor with these arguments; its process when it serves, and this one's node may stop.

    None when it did not work: everything is as it was then, and run/up.json says why.
    """
    node.end_spare()
    mine, theirs = socket.socketpair()
    estate = node.estate
    fds = [theirs.fileno(), *estate.sockets, *([estate.admin] if estate.admin >= 0 else [])]
    command = [sys.executable, "-m", "isthmus", *arguments, "--heir", str(theirs.fileno())]
    with contextlib.closing(Line(mine, patience_s)) as line:
        with theirs:
            heir = subprocess.Popen(command, pass_fds=fds)  # noqa: S603 - this program, as it was started itself
        line.say(msgspec.json.encode(estate) + b"\n")
        if line.hear() != READY:
            _stay(node, heir, "The new supervisor did not get ready")
            return None
        node.end_control()
        line.say(FREE)
        if line.hear() != DONE:
            if node.config.admin_port:
                node.start_control()
            _stay(node, heir, "The new supervisor's control process did not start")
            return None
    return heir


def stay_for_it(up: Path) -> NoReturn:
    """Become the process that waits for the new supervisor, and passes signals on to it."""
    sys.stdout.flush()
    signal.pthread_sigmask(signal.SIG_BLOCK, waiter.PASSED_ON)
    os.execv(sys.executable, [sys.executable, "-I", "-S", waiter.__file__, str(up)])  # noqa: S606 - a file of ours


def _stay(node: Node, heir: subprocess.Popen[bytes], problem: str) -> None:
    heir.terminate()
    try:
        heir.wait(40)
    except subprocess.TimeoutExpired:
        heir.kill()
        heir.wait()
    node.announce(f"{problem}; it ended with {heir.returncode}. The old one stays.")
    node.start_spare()
