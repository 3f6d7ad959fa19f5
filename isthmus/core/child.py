"""A child process under supervision: started, watched, restarted, and ended together with its parent.

Rules of this file. One thread per child starts it and waits for it, because the leash (core/leash.py) is bound to the
thread that started the child. What the child prints goes to a log file that never grows past its limit. The first
restart is immediate; later ones wait, longer each time, up to the last of `delays`; a child that stayed up for
`STEADY_S` starts again with an empty record. stop() asks with SIGTERM and insists with SIGKILL. A child counts as alive
as long as its output is open.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from isthmus.core import leash
from isthmus.core.clock import Clock, SystemClock

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 60.0
LOG_LIMIT = 1 << 20
SICK_AFTER = 3


class BoundedLog:
    """An append-only file of at most `limit` bytes, with one older file of the same size beside it (`.1`)."""

    __slots__ = ("_limit", "_path", "_size")

    def __init__(self, path: Path, limit: int = LOG_LIMIT) -> None:
        self._path = path
        self._limit = limit
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._size = path.stat().st_size

    def write(self, piece: bytes) -> None:
        """Append `piece`; what alone is longer than the limit is cut to its end."""
        piece = piece[-self._limit :]
        if self._size + len(piece) > self._limit:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._path.touch(mode=0o600)
            self._size = 0
        with self._path.open("ab") as file:
            file.write(piece)
        self._size += len(piece)


class Child:
    """One supervised process.

    `command` is its argument vector, `environ` its whole environment, `log` where its output goes. `healthy` is asked
    every `health_every_s` seconds; three refusals in a row end the process, and it is started again. `pass_fds` stay
    open in every life of it (with the leash of Linux, which becomes the child). `instead` is asked whenever it died
    by itself; True says that something else took its place, and it is not started again.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environ: Mapping[str, str] | None = None,
        healthy: Callable[[], bool] | None = None,
        health_every_s: float = 5.0,
        delays_s: Sequence[float] = DELAYS_S,
        clock: Clock | None = None,
        leash_mode: str = "",
        pass_fds: Sequence[int] = (),
        instead: Callable[[], bool] | None = None,
    ) -> None:
        self._command = list(command)
        self._environ = dict(os.environ if environ is None else environ)
        self._log = BoundedLog(log)
        self._healthy = healthy
        self._health_every_s = health_every_s
        self._delays_s = tuple(delays_s)
        self._clock = clock or SystemClock()
        self._mode = leash_mode or leash.mode()
        self._pass_fds = tuple(pass_fds)
        self._instead = instead
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._threads: list[threading.Thread] = []
        self.restarts = 0
        self.exit_codes: list[int] = []

    @property
    def pid(self) -> int | None:
        """Process id of the running child (of its watch where the leash is one), None between two lives."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Start the child and its supervision. Returns once it was started the first time."""
        if self._threads:
            raise RuntimeError("a child is started once")
        self._threads.append(threading.Thread(target=self._supervise, name="child", daemon=True))
        if self._healthy is not None:
            self._threads.append(threading.Thread(target=self._examine, name="child-health", daemon=True))
        for thread in self._threads:
            thread.start()
        self._started.wait()

    def stop(self, grace_s: float = 10.0) -> None:
        """End the child: SIGTERM, after `grace_s` seconds SIGKILL. Safe to call twice, and before start."""
        self._stopping.set()
        process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(grace_s)
            except subprocess.TimeoutExpired:
                _kill(process)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def log_to(self, path: Path) -> None:
        """From now on its output goes to the log `path`."""
        self._log = BoundedLog(path)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the running child; between two lives nobody hears it."""
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    def _supervise(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            born = self._clock.monotonic()
            self._live_once()
            if self._instead is not None and not self._stopping.is_set() and self._instead():
                return
            if self._clock.monotonic() - born >= STEADY_S:
                deaths = 0
            if self._stopping.wait(self._delays_s[min(deaths, len(self._delays_s) - 1)]):
                return
            deaths += 1
            self.restarts += 1

    def _live_once(self) -> None:
        """Start the child, carry its output to the log until it closes, and collect its exit code."""
        launcher = [sys.executable, "-I", "-S", leash.__file__, self._mode, str(os.getpid()), "--", *self._command]
        with subprocess.Popen(  # noqa: S603 - the command is the caller's own, never a client's
            launcher,
            stdin=subprocess.PIPE if self._mode == "watch" else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environ,
            start_new_session=True,  # Ctrl-C in the terminal reaches the parent, which ends its children in order
            bufsize=0,
            pass_fds=self._pass_fds,
        ) as process:
            self._process = process
            self._started.set()
            if self._stopping.is_set():  # stop() may have looked before the process was there
                _kill(process)
            assert process.stdout is not None
            while piece := process.stdout.read(65536):
                self._log.write(piece)
            self.exit_codes.append(process.wait())
            del self.exit_codes[:-10]

    def _examine(self) -> None:
        assert self._healthy is not None
        sick = 0
        while not self._stopping.wait(self._health_every_s):
            process = self._process
            sick = 0 if self._healthy() else sick + 1
            if sick >= SICK_AFTER and process is not None:
                sick = 0
                _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the child and to its watch, which share a process group of their own."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
