"""What each gateway worker sees of its replicas, joined over workers, for Prometheus and for `isthmus fleet status`.

Rules of this room:
1. A worker writes its view beside the board once a second, by one rename; who shows them reads files, so nothing here
   listens, and a worker that ended leaves at most one old file, which is passed over after STALE_S.
2. Names are those of the field where it has one (vLLM's metrics, OpenTelemetry's generative AI conventions), with
   `isthmus_replica_` before them. The one label is a replica's name.
3. Nothing of a prompt is in them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from isthmus.routing.seat import Seat

EVERY_S = 1.0
STALE_S = 10.0
_FIRST = "isthmus_replica_time_to_first_token_seconds"


class Measure(msgspec.Struct, frozen=True):
    """One measure: what Prometheus calls its kind, what it says, and how views of several workers become one."""

    kind: str
    help: str
    of: Callable[[Seat], float]
    join: Callable[[Iterable[float]], float] = max


MEASURES: Mapping[str, Measure] = {
    "isthmus_replica_up": Measure("gauge", "1 while new requests may go there.", lambda seat: float(not seat.shut)),
    "isthmus_replica_num_requests_running": Measure(
        "gauge", "Requests that its engine computes.", lambda seat: float(seat.load.running)
    ),
    "isthmus_replica_num_requests_waiting": Measure(
        "gauge", "Requests that wait in its engine.", lambda seat: float(seat.load.waiting)
    ),
    "isthmus_replica_kv_cache_usage_perc": Measure(
        "gauge", "Used share of its KV cache, 0 to 1.", lambda seat: seat.load.kv
    ),
    "isthmus_replica_prompt_tokens_total": Measure(
        "counter", "Prompt tokens that its engine has read.", lambda seat: seat.load.prompt
    ),
    "isthmus_replica_generation_tokens_total": Measure(
        "counter", "Tokens that its engine has made.", lambda seat: seat.load.made
    ),
    "isthmus_replica_requests_inside": Measure(
        "gauge", "Requests of this gateway that are there.", lambda seat: float(seat.inside), sum
    ),
    "isthmus_replica_requests_limit": Measure(
        "gauge", "Requests of one worker that may be there.", lambda seat: float(seat.most)
    ),
    "isthmus_replica_prefix_cache_queries_total": Measure(
        "counter", "Prompt blocks that were sent there.", lambda seat: float(seat.asked), sum
    ),
    "isthmus_replica_prefix_cache_hits_total": Measure(
        "counter", "Of these, blocks that it was believed to have cached.", lambda seat: float(seat.hit), sum
    ),
    "isthmus_replica_request_success_total": Measure(
        "counter", "Answers that were complete.", lambda seat: float(seat.done), sum
    ),
    "isthmus_replica_request_failed_total": Measure(
        "counter", "Requests that ended without an answer.", lambda seat: float(seat.failed), sum
    ),
    f"{_FIRST}_sum": Measure("", "", lambda seat: seat.waited, sum),
    f"{_FIRST}_count": Measure("", "", lambda seat: float(seat.begun), sum),
}
Views = dict[str, dict[str, float]]


def view(seats: Iterable[Seat]) -> Views:
    """Replica -> measure -> value, as one worker sees it."""
    return {seat.replica.name: {name: each.of(seat) for name, each in MEASURES.items()} for seat in seats}


def file_of(board: Path) -> Path:
    """Where this worker's view lies."""
    return board.with_name(f"seen-{os.getpid()}.json")


def write(path: Path, seats: Iterable[Seat]) -> None:
    """Put this worker's view beside the board. A disk that is full costs a figure, never a request."""
    new = path.with_suffix(".new")
    with contextlib.suppress(OSError):
        new.write_bytes(msgspec.json.encode(view(seats)))
        new.replace(path)


def joined(folder: Path, now: float) -> Views:
    """Replica -> measure -> value over all workers whose view in `folder` is fresh at `now` (seconds since 1970)."""
    views: list[Views] = []
    for path in sorted(folder.glob("seen-*.json")):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            if now - path.stat().st_mtime <= STALE_S:
                views.append(msgspec.json.decode(path.read_bytes(), type=Views))
    found: Views = {}
    for replica in sorted({name for each in views for name in each}):
        seen = [each[replica] for each in views if replica in each]
        found[replica] = {
            name: measure.join([each.get(name, 0.0) for each in seen]) for name, measure in MEASURES.items()
        }
    return found


def render(views: Views) -> str:
    """Prometheus text format 0.0.4; "" without replicas."""
    lines = []
    for name, measure in MEASURES.items() if views else ():
        if measure.kind:
            lines += [f"# HELP {name} {measure.help}", f"# TYPE {name} {measure.kind}"]
        elif name.endswith("_sum"):
            lines += [f"# HELP {_FIRST} Time from the pick to the first token.", f"# TYPE {_FIRST} summary"]
        lines += [f'{name}{{replica="{replica}"}} {values[name]:.15g}' for replica, values in views.items()]
    return "\n".join([*lines, ""]) if lines else ""
