"""The planner's inputs as data: figures with their source, how sure we are, and the line they stand on.

A figure in a file of data/ is one line: `name = {value=1, source="...", sure="high"}`, with `low` and `high` where a
range is known. `sure` is high, medium or low. Files: hardware.toml, models.toml, calibration.toml, traffic.toml,
sites.toml, points.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from isthmus.core.errors import Refusal

DATA = Path(__file__).parent / "data"
SURE = ("high", "medium", "low")
_HEAD = re.compile(r"\[\[?([^\]]+)\]\]?")
_KEY = re.compile(r"([A-Za-z0-9_\-]+)\s*=")
T = TypeVar("T")


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number. `low` and `high` bound it where a range is known; `where` is "file:line"."""

    value: float
    source: str
    sure: str = "high"
    low: float | None = None
    high: float | None = None
    where: str = ""


class Hardware(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One accelerator: GB, TB/s, dense TFLOPS, GB/s per GPU and direction, W per GPU with its share of the server,
    USD.
    """

    title: str
    family: str
    memory_gb: Figure
    bandwidth_tbs: Figure
    bf16_tflops: Figure
    fp8_tflops: Figure
    fp4_tflops: Figure
    link_gbs: Figure
    net_gbs: Figure
    domain: Figure
    dies: Figure
    attention_bytes: Figure
    watts: Figure
    usd_hour: Figure
    server_usd: Figure
    prefill_ep: Figure
    decode_ep: Figure


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model's sizes (see the head of models.toml). `experts` is None for a dense model."""

    title: str
    params_b: Figure
    active_b: Figure
    layers: Figure
    hidden: Figure
    cached_elements: Figure
    attention_decode: Figure
    attention_prefill: Figure
    weight_bytes: Figure
    cache_bytes: Figure
    expert_b: Figure | None = None
    moe_layers: Figure | None = None
    experts: Figure | None = None
    top_k: Figure | None = None
    groups: Figure | None = None
    drafted_kept: Figure | None = None


class Efficiency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of the data sheet that a family reaches."""

    tensor: Figure
    decoding: Figure
    memory: Figure


@cache
def tables(name: str) -> Mapping[str, Any]:
    """A data file as tables, every figure with its line. Raises Refusal data_damaged."""
    path = DATA / name
    try:
        text = path.read_text("utf-8")
        found = tomllib.loads(text)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise Refusal("data_damaged", reason=f"{path}: {error}") from None
    lines = _lines(text)
    for head, table in found.items():
        for key, value in _figures(table):
            value["where"] = f"isthmus/planner/data/{name}:{lines.get((head, key), 0)}"
    return found


def _figures(table: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(table, dict):
        for key, value in table.items():
            if isinstance(value, dict) and "source" in value and "value" in value:
                yield key, value


def _lines(text: str) -> dict[tuple[str, str], int]:
    """The line of each key under each head."""
    head, found = "", {}
    for number, line in enumerate(text.splitlines(), 1):
        if (match := _HEAD.match(line)) is not None:
            head = match[1].strip('"')
        elif (match := _KEY.match(line)) is not None:
            found[head, match[1]] = number
    return found


def hardware(name: str) -> Hardware:
    """The accelerator of this name. Raises Refusal usage naming those that exist."""
    found: Hardware = _read("hardware.toml", name, Hardware, "hardware")
    return found


def model(name: str) -> Model:
    """The model of this name. Raises Refusal usage naming those that exist."""
    found: Model = _read("models.toml", name, Model, "model")
    return found


def efficiency(family: str) -> Efficiency:
    """The fitted efficiency of a family of chips."""
    found: Efficiency = _read("calibration.toml", family, Efficiency, "family")
    return found


def names(file: str) -> tuple[str, ...]:
    """What a data file holds, by name."""
    return tuple(tables(file))


def figure(file: str, table: str, key: str) -> Figure:
    """One figure of a data file."""
    return convert(tables(file)[table][key], Figure, f"{file} [{table}] {key}")


@cache
def _read(file: str, name: str, kind: Any, word: str) -> Any:
    known = tables(file)
    name = name.lower()
    if name not in known:
        raise Refusal("usage", reason=f"No {word} here is called {name!r}. Known: {', '.join(known)}.")
    table = dict(known[name])
    like = table.pop("like", "")
    return convert({**known[like], **table} if like else table, kind, f"{file} [{name}]")


def convert(value: Any, kind: type[T], where: str) -> T:
    """`value` as `kind`. Raises Refusal data_damaged naming the place."""
    try:
        found = msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        _refuse(f"{where}: {error}")
    return found


def _refuse(reason: str) -> NoReturn:
    raise Refusal("data_damaged", reason=reason)
