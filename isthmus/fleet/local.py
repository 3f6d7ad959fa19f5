"""A fleet in the place of the local engine: `isthmus up --fleet N` on one machine."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from isthmus.core.child import Child
from isthmus.core.clock import Clock, SystemClock
from isthmus.core.errors import Refusal
from isthmus.fleet import ray_cell, run
from isthmus.fleet.keeper import board_file
from isthmus.routing.probe import FLEET_HOST, Board


class LocalFleet:
    """`isthmus fleet up` as a child, with the face of a local engine. Makes the cell's token where there is none."""

    def __init__(self, folder: Path, model: Path, *, replicas: int, clock: Clock | None = None) -> None:
        ray_cell.make_token(folder)
        self.address = (FLEET_HOST, 80)
        self.key = run.key_file(folder).read_text("ascii")
        self.board = board_file(folder)
        self._replicas = replicas
        self._clock = clock or SystemClock()
        words = ["--replicas", str(replicas), "--model", str(model)]
        self._child = Child([sys.executable, "-m", "isthmus", "fleet", "up", *words], log=folder / "keeper.log")

    def wait_ready(self, timeout_s: float = 300.0) -> Self:
        """Wait until every replica serves. Raises Refusal fleet_unavailable after `timeout_s` seconds."""
        pause = threading.Event()
        end = self._clock.monotonic() + timeout_s
        while self._serving() < self._replicas:
            if self._clock.monotonic() > end or self._child.restarts > 1:
                raise Refusal("fleet_unavailable", reason=f"It did not start; see {self.board.parent}/keeper.log.")
            pause.wait(0.1)
        return self

    def _serving(self) -> int:
        try:
            return len(msgspec.json.decode(self.board.read_bytes(), type=Board).replicas)
        except (OSError, msgspec.MsgspecError):
            return 0

    def __enter__(self) -> Self:
        self.board.unlink(missing_ok=True)  # an earlier life's list would count as ready
        self._child.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.stop(grace_s=60.0)
