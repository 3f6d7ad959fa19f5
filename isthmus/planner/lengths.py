"""How long questions and answers are: a small joint table in place of a trace, or a table made from one's own.

A table holds classes (share, tokens in, tokens out): requests sorted by question, cut into 21 classes (the last
twentieth twice, for the tail), each cut by answer into 5. Each class stands for its mean, so both means and the link
between question and answer stay what they were.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from isthmus.core.errors import Refusal
from isthmus.planner.catalogue import convert, tables

CUTS = (*(n / 20 for n in range(20)), 0.99, 1.0)
ANSWERS = 5


class Lengths(NamedTuple):
    """Classes of requests: shares (sum 1), tokens in and out; `source` says where they are from."""

    classes: tuple[tuple[float, float, float], ...]
    source: str
    sure: str

    @property
    def mean_in(self) -> float:
        return sum(share * tokens for share, tokens, _ in self.classes)

    @property
    def mean_out(self) -> float:
        return sum(share * tokens for share, _, tokens in self.classes)

    @property
    def mean_context(self) -> float:
        """Tokens in the cache while a token is written: each answer counts as often as it has tokens."""
        tokens = sum(share * out for share, _, out in self.classes)
        return sum(share * out * (into + out / 2) for share, into, out in self.classes) / tokens

    def scaled(self, into: float | None, out: float | None) -> Lengths:
        """The same shape with other means."""
        first = 1.0 if into is None else into / self.mean_in
        second = 1.0 if out is None else out / self.mean_out
        return self._replace(classes=tuple((share, a * first, b * second) for share, a, b in self.classes))


def load(name: str) -> Lengths:
    """A table of lengths.toml, or one made from a trace file (.csv as Azure's, .jsonl as Mooncake's)."""
    if name.endswith((".csv", ".jsonl")):
        return fit(read_trace(Path(name)), name, "high")
    known = tables("lengths.toml")
    if name not in known:
        raise Refusal(
            "usage", reason=f"No lengths here are called {name!r}. Known: {', '.join(known)}, or a trace file."
        )
    table = known[name]
    classes = convert(table["classes"], tuple[tuple[float, float, float], ...], f"lengths.toml [{name}]")
    return Lengths(classes, table["source"], table["sure"])


def fit(pairs: Iterable[tuple[int, int]], source: str, sure: str) -> Lengths:
    """The table of these (tokens in, tokens out). Raises Refusal usage when there are none."""
    ordered = sorted(pairs)
    if not ordered:
        raise Refusal("usage", reason=f"{source} holds no request with token counts.")
    count = len(ordered)
    classes = []
    for low, high in pairwise(CUTS):
        part = sorted(ordered[round(low * count) : round(high * count)], key=lambda pair: pair[1])
        for number in range(ANSWERS):
            few = part[len(part) * number // ANSWERS : len(part) * (number + 1) // ANSWERS]
            if few:
                classes.append((len(few) / count, _mean(few, 0), _mean(few, 1)))
    return Lengths(tuple(classes), source, sure)


def _mean(pairs: Sequence[tuple[int, int]], place: int) -> float:
    return round(sum(pair[place] for pair in pairs) / len(pairs), 1)


def read_trace(path: Path) -> list[tuple[int, int]]:
    """(tokens in, tokens out) of a public trace: Azure's CSV or Mooncake's JSON lines. Raises Refusal usage."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                return [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]
            return [(row["input_length"], row["output_length"]) for row in map(json.loads, file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refusal(
            "usage", reason=f"{path} is not a trace this planner reads ({type(error).__name__}: {error})."
        ) from None
