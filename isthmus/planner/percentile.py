"""Percentiles of plain lists, without a library: the value below which that share lies, straight lines between."""

from __future__ import annotations

from collections.abc import Sequence


def percentiles(values: Sequence[float], which: Sequence[float]) -> list[float]:
    """The percentiles `which` (0 to 100) of `values`; zeros when there are none."""
    ordered = sorted(values)
    if not ordered:
        return [0.0] * len(which)
    found = []
    for share in which:
        place = share / 100 * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return found
