"""What a model's own belief is worth: from the probabilities of its words to how likely its answer is right.

Two numbers a model, fitted on the development split of benchmarks/features (benchmarks/features/calibrate.py), stand in
calibration.toml. A model that was never measured keeps its own belief.
Source: J. Platt, Probabilistic outputs for support vector machines, 1999 (a sigmoid over the score's log-odds).
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import msgspec

FILE = Path(__file__).with_name("calibration.toml")
_EDGE = 1e-4  # beliefs of 0 and 1 have no log-odds


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """P(right) = sigmoid(offset + slope * log-odds of the belief). `items` answers were behind it."""

    offset: float
    slope: float
    items: int


@cache
def curves() -> dict[str, Curve]:
    """The curve of each measured model, by the name it is served under."""
    return msgspec.toml.decode(FILE.read_bytes(), type=dict[str, Curve])


def odds(belief: float) -> float:
    """Log-odds of a belief between 0 and 1."""
    kept = min(max(belief, _EDGE), 1 - _EDGE)
    return math.log(kept / (1 - kept))


def likely(belief: float | None, model: str) -> float | None:
    """How likely an answer with this belief is right, 0 to 1; None without a belief."""
    curve = curves().get(model)
    if belief is None or curve is None:
        return belief
    return round(1 / (1 + math.exp(-(curve.offset + curve.slope * odds(belief)))), 4)
