"""When people ask: one curve per region, in UTC, from its clock and the shape of a day.

The shape is low + (peak - low) x ((1 + cos) / 2)^power, mean 1; `power` follows from peak and trough. It is drawn
through the published peak and trough of a real service; a ledger's own 24 hours replace it where there is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import cos, exp, lgamma, pi, sqrt

from isthmus.planner.catalogue import Figure, figure
from isthmus.planner.scenario import Scenario

SLOTS = 96  # quarter hours
SECONDS = 86_400


@lru_cache(maxsize=256)
def shape(peak: float, trough: float, peak_hour: float, offset: float) -> tuple[float, ...]:
    """Relative load of each quarter hour of the UTC day, mean 1. The peak is in the middle of one: a narrow one would
    else be lost between two.
    """
    low = min(trough, 1.0)
    if peak <= 1.0 or low >= 1.0:
        return (1.0,) * SLOTS
    power = _power((1 - low) / (peak - low))
    top = round((peak_hour - offset) * SLOTS / 24 - 0.5)
    hours = [(slot - top) * 24 / SLOTS for slot in range(SLOTS)]
    raw = [low + (peak - low) * ((1 + cos(hour * pi / 12)) / 2) ** power for hour in hours]
    mean = sum(raw) / SLOTS
    return tuple(value / mean for value in raw)


def _power(wanted: float) -> float:
    """The exponent p at which ((1 + cos) / 2)^p has the mean `wanted`, by halving.

    That mean is gamma(p + 1/2) / (sqrt(pi) gamma(p + 1)) (NIST DLMF 5.12.2).
    """
    low, high = 0.0, 1e6
    for _ in range(80):
        middle = (low + high) / 2
        mean = exp(lgamma(middle + 0.5) - lgamma(middle + 1)) / sqrt(pi)
        low, high = (middle, high) if mean > wanted else (low, middle)
    return (low + high) / 2


def curve(scenario: Scenario, region: str, peak: Figure) -> tuple[float, ...]:
    """Queries a second of this region in each quarter hour of the UTC day, all of them, whoever answers."""
    mean = scenario.queries * scenario.growth * scenario.share(region) / SECONDS
    if scenario.curve:
        return tuple(mean * value for value in _stretched(scenario.curve))
    offset = figure("sites.toml", region, "clock").value
    trough, hour = figure("traffic.toml", "day", "trough").value, figure("traffic.toml", "day", "peak_hour").value
    return tuple(mean * value for value in shape(peak.value, trough, hour, offset))


def _stretched(hours: Sequence[float]) -> list[float]:
    """24 hourly values (UTC) as quarter hours, with straight lines between the hours' middles, mean 1."""
    found = []
    for slot in range(SLOTS):
        place = (slot + 0.5) / 4 - 0.5
        before = int(place // 1)
        share = place - before
        found.append(hours[before % 24] * (1 - share) + hours[(before + 1) % 24] * share)
    mean = sum(found) / SLOTS
    return [value / mean for value in found]
