"""Requests by chance: Poisson in time, classes and lengths by their shares. Needs NumPy (the extra `planner`)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.planner.events import Arrivals
from isthmus.planner.lengths import Lengths


def numpy() -> Any:
    """The NumPy module. Raises Refusal usage where it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        raise Refusal(
            "usage", reason="Simulation needs NumPy. Install it with: pip install 'isthmus[planner]'"
        ) from None


class Source:
    """Draws requests. Equal seeds draw equal requests."""

    def __init__(self, lengths: Lengths, seed: int) -> None:
        self._np = numpy()
        self._chance = self._np.random.default_rng(seed)
        classes = self._np.array(lengths.classes)
        self._into, self._out = classes[:, 1], classes[:, 2]
        self._share = classes[:, 0] / classes[:, 0].sum()

    def draw(self, begin: float, end: float, rates: Sequence[float]) -> Arrivals:
        """Requests between `begin` and `end` (seconds); `rates` are requests a second by class."""
        np, chance = self._np, self._chance
        whole = sum(rates)
        count = int(chance.poisson(whole * (end - begin))) if whole > 0 else 0
        times = np.sort(chance.uniform(begin, end, count))
        asks = chance.choice(len(rates), count, p=np.array(rates) / whole) if count else []
        kinds = chance.choice(len(self._share), count, p=self._share)
        return Arrivals(
            times.tolist(),
            list(map(int, asks)),
            self._into[kinds].tolist(),
            self._out[kinds].tolist(),
            chance.random(count).tolist(),
            chance.random(count).tolist(),
        )
