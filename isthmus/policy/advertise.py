"""What is left of a caller's budgets, as response headers.

Two forms of the same numbers: `x-ratelimit-*-requests` and `-tokens`, as OpenAI's clients read them (the tightest
budget of each), and the fields RateLimit-Policy and RateLimit with every budget (IETF draft httpapi-ratelimit-headers).
The numbers are those that are enforced: what this worker holds, and what nobody held when the store was last heard of,
half a second ago at most. What is on its way counts at its reserved bound.
"""

from __future__ import annotations

from collections.abc import Iterable

from isthmus.ledger.budgets import UNITS, Budget
from isthmus.policy.meter import Meter, label

_SECONDS = {"minute": 60, "day": 86_400, "month": 2_678_400}
_NAMES = {"requests": "requests", "concurrency": "concurrent-requests", "tokens": "tokens"}
_TOLD = ((UNITS.index("requests"), b"requests"), (UNITS.index("tokens"), b"tokens"))
_PLAIN = b"x-ratelimit-limit-%b: %d\r\nx-ratelimit-remaining-%b: %d\r\nx-ratelimit-reset-%b: %ds\r\n"


def policy(budgets: Iterable[Budget]) -> bytes:
    """The header line that names every budget: it stays while they stay. Empty where there is none."""
    items = []
    for budget in budgets:
        unit = _NAMES.get(budget.unit) or f"micro-{budget.currency.lower()}"
        span = f";w={_SECONDS[budget.span]}" if budget.span else ""
        items.append(f'"{label(budget)}";q={budget.most};qu="{unit}"{span}')
    return f"RateLimit-Policy: {', '.join(items)}\r\n".encode() if items else b""


def lines(named: bytes, meters: Iterable[Meter], cells: memoryview, at: float) -> bytes:
    """Header lines, each with its end; `named` is what `policy` made of the same budgets."""
    lefts = []
    tightest: dict[int, tuple[int, int, int]] = {}
    for meter in meters:
        left = meter.remaining(cells, at)
        reset = meter.resets_in(at)
        lefts.append(b'"%b";r=%d;t=%d' % (meter.label, left, reset) if reset else b'"%b";r=%d' % (meter.label, left))
        known = tightest.get(meter.unit)
        if known is None or left < known[1]:
            tightest[meter.unit] = (meter.budget.most, left, reset)
    out = [named, b"RateLimit: %b\r\n" % b", ".join(lefts)]
    for unit, name in _TOLD:
        if unit in tightest:
            most, left, reset = tightest[unit]
            out.append(_PLAIN % (name, most, name, left, name, reset))
    return b"".join(out)
