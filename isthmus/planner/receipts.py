"""Demand from one's own receipts: how many, where, when, how long. No content is there, and none is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal
from isthmus.ledger import read
from isthmus.ledger.receipt import Receipt, decode
from isthmus.planner import lengths
from isthmus.planner.catalogue import tables
from isthmus.planner.scenario import NOT_REGIONS, Scenario, with_changes
from isthmus.regions import load as region_files

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
ENOUGH = 240  # receipts, ten an hour, before their hours say more than a published curve
SERVED = ("answered", "interrupted", "aborted")
Pair = tuple[int, int]


class Seen(msgspec.Struct, frozen=True):
    """What a ledger holds. `days` between first and last receipt, at least one; `elsewhere` are receipts of regions
    in which no site stands, counted with the others' shares.
    """

    receipts: int
    days: float
    regions: dict[str, int]
    hours: tuple[int, ...]
    pairs: tuple[Pair, ...]
    elsewhere: int


def seen(entries: Iterable[object]) -> Seen:
    """Count the answers among ledger entries. Raises Refusal usage when there are none."""
    known = {name for name in tables("sites.toml") if name not in NOT_REGIONS}
    chains = {name: region.chain for name, region in region_files.load().items()}
    regions: Counter[str] = Counter()
    hours = [0] * 24
    pairs: list[Pair] = []
    first, last, elsewhere = 1 << 62, 0, 0
    for entry in entries:
        if not isinstance(entry, Receipt) or entry.outcome not in SERVED or not entry.regions:
            continue
        first, last = min(first, entry.at), max(last, entry.at)
        home = next((name for name in chains.get(entry.regions[0], entry.regions) if name in known), "")
        if home:
            regions[home] += 1
        else:
            elsewhere += 1
        hours[entry.at % DAY_MS // HOUR_MS] += 1
        if entry.usage is not None and entry.usage.completion_tokens:
            pairs.append((entry.usage.prompt_tokens, entry.usage.completion_tokens))
    if not regions:
        raise Refusal("usage", reason="The ledger holds no answer from a region in which a site stands.")
    count = sum(hours)
    return Seen(count, max(1.0, (last - first) / DAY_MS), dict(regions), tuple(hours), tuple(pairs), elsewhere)


def scenario(found: Seen, base: Scenario) -> Scenario:
    """`base` with the demand that was seen: volume, regions, hours and lengths, each where there is enough of it."""
    changes: dict[str, object] = {
        "queries": found.receipts / found.days,
        "regions": {name: float(count) for name, count in sorted(found.regions.items())},
        "source": f"ledger: {found.receipts} receipts over {found.days:.1f} days",
    }
    if found.receipts >= ENOUGH and found.days >= 1.0 and all(found.hours):
        changes["curve"] = tuple(float(count) for count in found.hours)
    if found.pairs:
        changes["classes"] = lengths.fit(found.pairs, "ledger", "high").classes
    return with_changes(base, changes, "the ledger")


def entries(path: Path) -> Iterator[object]:
    """Entries of a ledger folder, or of a file of JSON lines (`isthmus ledger export`). Raises Refusal usage."""
    if path.is_dir():
        yield from read.iterate(path)
        return
    try:
        for line in path.read_bytes().splitlines():
            yield decode(line)
    except (OSError, msgspec.MsgspecError) as error:
        raise Refusal("usage", reason=f"{path} is no ledger and no file of its entries ({error}).") from None
