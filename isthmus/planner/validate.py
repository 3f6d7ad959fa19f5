"""Every published point, computed again: our figure, theirs, the error, and how the point was used.

`role` keeps this honest: "fit" points set an efficiency, "same post" points check arithmetic on figures of one
publication, "held" points were used for nothing. A point that misses stays in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import msgspec

from isthmus.planner import lengths, roofline
from isthmus.planner.catalogue import DATA, efficiency, figure, hardware, model, tables
from isthmus.planner.roofline import Layout

WITHIN = 0.20
LEAST_BATCH = 16  # below it, latencies decide that the sum does not know (docs/planning.md)


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published figure (see the head of points.toml)."""

    quantity: str
    role: str
    value: float
    unit: str
    source: str
    within: float = WITHIN
    note: str = ""
    hardware: str = ""
    model: str = "deepseek-v3"
    tp: int = 1
    ep: int = 1
    batch: float = 0
    context: float = 0
    prompt: float = 0
    answer: float = 0
    drafted: int = 0
    kept: float = 1
    weight_bytes: float = 1
    cache_bytes: float = 0
    attention_bytes: float = 2
    trace: str = ""


class Checked(msgspec.Struct, frozen=True):
    """One point, computed: `error` is ours over theirs minus 1; `hit` says whether it lies within `within`. Without a
    trace that it needs, `ours` is None.
    """

    id: str
    role: str
    unit: str
    published: float
    ours: float | None
    error: float | None
    within: float
    hit: bool
    source: str
    note: str
    where: str


class Report(msgspec.Struct, frozen=True):
    """All points. `rms` is the root mean square of ln(ours/theirs) over held-out throughputs from LEAST_BATCH
    upward.
    """

    points: tuple[Checked, ...]
    held: int
    held_hit: int
    missed: tuple[str, ...]
    not_computed: tuple[str, ...]
    rms: float
    rms_factor: float
    rms_points: int


def validate(traces: Path | None = None) -> Report:
    """Compute every point of points.toml. `traces`: a folder with the public traces, for the points about them."""
    checked = [_check(name, point(name), traces) for name in tables("points.toml")]
    held = [each for each in checked if each.role == "held" and each.ours is not None]
    misses = tuple(each.id for each in checked if each.ours is not None and not each.hit)
    errors = [log(1 + each.error) for each in held if each.error is not None and _counts(each.id)]
    rms = sqrt(sum(error * error for error in errors) / len(errors))
    return Report(
        points=tuple(checked),
        held=len(held),
        held_hit=sum(each.hit for each in held),
        missed=misses,
        not_computed=tuple(each.id for each in checked if each.ours is None),
        rms=rms,
        rms_factor=exp(rms),
        rms_points=len(errors),
    )


def point(name: str) -> Point:
    """One point of points.toml. Raises Refusal data_damaged."""
    from isthmus.planner.catalogue import convert

    return convert(tables("points.toml")[name], Point, f"points.toml [{name}]")


def _counts(name: str) -> bool:
    """Does this point say how good the throughput sum is where the planner uses it?"""
    of = point(name)
    return of.quantity in ("prefill", "whole") or (of.quantity == "decode" and of.batch >= LEAST_BATCH)


def _check(name: str, of: Point, traces: Path | None) -> Checked:
    ours = QUANTITIES[of.quantity](of, traces)
    error = None if ours is None else ours / of.value - 1
    hit = error is not None and abs(error) <= of.within
    line = next(n for n, text in enumerate(_text(), 1) if text == f"[{name}]")
    where = f"isthmus/planner/data/points.toml:{line}"
    return Checked(name, of.role, of.unit, of.value, ours, error, of.within, hit, of.source, of.note, where)


def _text() -> list[str]:
    return (DATA / "points.toml").read_text("utf-8").splitlines()


def _layout(of: Point) -> Layout:
    cache = of.cache_bytes or model(of.model).cache_bytes.value
    return Layout(of.tp, of.ep, of.weight_bytes, cache, of.attention_bytes, of.drafted, of.kept)


def _parts(of: Point) -> tuple[Any, Any, Any]:
    chip = hardware(of.hardware)
    return chip, model(of.model), efficiency(chip.family)


def _prefill(of: Point, _: Path | None) -> float:
    return roofline.prefill_tokens_s(*_parts(of), _layout(of), of.context)


def _decode(of: Point, _: Path | None) -> float:
    return roofline.decode_at(*_parts(of), _layout(of), of.batch, of.context).tokens_s


def _whole(of: Point, _: Path | None) -> float:
    """Output tokens per second and GPU when the same GPUs read and write, with as many sequences as fit."""
    layout, context = _layout(of), of.prompt + of.answer / 2
    write = roofline.best_decode(*_parts(of), layout, context, float("inf")).tokens_s
    read = roofline.prefill_tokens_s(*_parts(of), layout, of.prompt)
    return 1 / (1 / write + of.prompt / of.answer / read)


def _cache_kb(of: Point, _: Path | None) -> float:
    return roofline.token_bytes(model(of.model), _layout(of)) / 1000


def _cache_tokens(of: Point, _: Path | None) -> float:
    return of.tp * roofline.capacity_tokens(hardware(of.hardware), model(of.model), _layout(of))


# DeepSeek's day, from the post: tokens in (and of those from the cache), tokens out, tokens a second per node.
DAY_IN, DAY_CACHED, DAY_OUT = 608e9, 342e9, 168e9
NODE_PREFILL, NODE_DECODE = 73_700.0, 14_800.0
PROMPT = 4096.0  # the profile's prompt length; the day's own mean is not published
USD_HOUR = 2.0


def _day_nodes(_of: Point, _: Path | None) -> float:
    return (DAY_IN / NODE_PREFILL + DAY_OUT / NODE_DECODE) / 86_400


def _day_usd(_of: Point, _: Path | None) -> float:
    return _day_nodes(_of, None) * 8 * 24 * USD_HOUR


def _day_nodes_lab(_of: Point, _: Path | None) -> float:
    """The same from the roofline: what a lab would reach, times the utilisation of traffic.toml."""
    chip, of, eff = hardware("h800"), model("deepseek-v3"), efficiency("hopper")
    read = roofline.prefill_tokens_s(chip, of, eff, Layout(1, 32), PROMPT)
    write = roofline.decode_at(chip, of, eff, Layout(1, 144), 128, 4989).tokens_s
    busy = (DAY_IN - DAY_CACHED) / read + DAY_OUT / write
    return busy / 86_400 / 8 / figure("traffic.toml", "serving", "utilisation").value


def _day_nodes_profile(_of: Point, _: Path | None) -> float:
    """The same from the profile's nodes (62,713 tokens a second read, 18,598 written), times the utilisation."""
    busy = (DAY_IN - DAY_CACHED) / 62_713 + DAY_OUT / 18_598
    return busy / 86_400 / figure("traffic.toml", "serving", "utilisation").value


def _day_income(_of: Point, _: Path | None) -> float:
    return (DAY_CACHED * 0.14 + (DAY_IN - DAY_CACHED) * 0.55 + DAY_OUT * 2.19) / 1e6


def _rack_usd(of: Point, _: Path | None) -> float:
    """USD of one rack: compute, fabric, its part of the hall."""
    from isthmus.planner.closed import capex

    gpus = hardware(of.hardware).domain.value
    pue = figure("sites.toml", "US", "pue").value
    return capex(gpus, of.hardware, gpus * hardware(of.hardware).watts.value * pue / 1e6)


def _mean_in(_of: Point, _: Path | None) -> float:
    return lengths.load("chat").mean_in


def _mean_out(_of: Point, _: Path | None) -> float:
    return lengths.load("chat").mean_out


def _trace_in(of: Point, traces: Path | None) -> float | None:
    return _mean_of(of, traces, 0)


def _trace_out(of: Point, traces: Path | None) -> float | None:
    return _mean_of(of, traces, 1)


def _mean_of(of: Point, traces: Path | None, place: int) -> float | None:
    path = None if traces is None else traces / of.trace
    if path is None or not path.exists():
        return None
    pairs = lengths.read_trace(path)
    return sum(pair[place] for pair in pairs) / len(pairs)


def _reuse(of: Point, traces: Path | None) -> float | None:
    """Share of a trace's prompt blocks that one cache without end would hold."""
    path = None if traces is None else traces / of.trace
    if path is None or not path.exists():
        return None
    known: set[int] = set()
    asked = hit = 0
    for line in path.read_bytes().splitlines():
        keys = msgspec.json.decode(line)["hash_ids"]
        asked += len(keys)
        hit += sum(key in known for key in keys)
        known.update(keys)
    return hit / asked


QUANTITIES: dict[str, Callable[[Point, Path | None], float | None]] = {
    "prefill": _prefill,
    "decode": _decode,
    "whole": _whole,
    "cache_kb": _cache_kb,
    "cache_tokens": _cache_tokens,
    "day_nodes": _day_nodes,
    "day_nodes_lab": _day_nodes_lab,
    "day_nodes_profile": _day_nodes_profile,
    "day_usd": _day_usd,
    "day_income": _day_income,
    "rack_usd": _rack_usd,
    "trace_mean_in": _mean_in,
    "trace_mean_out": _mean_out,
    "trace_in": _trace_in,
    "trace_out": _trace_out,
    "trace_reuse": _reuse,
}


def worst_first(points: Iterable[Checked]) -> list[Checked]:
    """Points by the size of their error."""
    return sorted(points, key=lambda each: -abs(each.error or 0))
