"""The end of the ledger, read as it grows: the latest entries, and what each tenant used since this process began.

Every look reads at most LOOK bytes of each log; what grew faster is passed over and said so (`skipped`), because the
counters that must be exact are the sheets' (core.measures), not these.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from isthmus.core import measures
from isthmus.core.measures import BUCKETS, CELLS, FIRST, UNITS, WHOLE, Labels
from isthmus.core.wire import Usage
from isthmus.ledger import frame, read

LOOK = 4 << 20
LATEST = 500


class Seen(msgspec.Struct, gc=False):
    """The fields of an entry that the console shows; others are not decoded."""

    kind: str
    id: str = ""
    at: int = 0
    tenant: str = ""
    regions: tuple[str, ...] | dict[str, str] = ()  # of an entry about the law: digests by region
    region: str = ""
    feature: str = ""
    outcome: str = ""
    refusal: str = ""
    route: str = ""
    model: str = ""
    tier: str = ""
    rehearsal: bool = False
    label: str = ""
    blocked: str = ""
    met: list[str] = []
    masks: dict[str, int] = {}
    usage: Usage | None = None
    stream: bool = False
    cost: str = ""
    us_first: int = 0
    us_whole: int = 0
    act: str = ""
    by: str = ""
    object: str = ""


_decode = msgspec.json.Decoder(Seen).decode


class Tail:
    """Follows every log of a ledger folder. `rows` are answers as the sheets count them; `tenants` adds who asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: dict[str, tuple[str, int]] = {}
        self.latest: deque[Seen] = deque(maxlen=LATEST)
        self.rows: dict[Labels, list[int]] = {}
        self.tenants: dict[tuple[str, str], list[int]] = {}  # (tenant, model) -> answers, tokens in, tokens out
        self.skipped = 0

    def look(self) -> None:
        """Take in what was written since the last look. Raises OSError."""
        fresh: list[Seen] = []
        for shard in read.shards(self._folder):
            for path in read.segments(self._folder, shard):
                fresh += self._follow(shard, path)
        fresh.sort(key=lambda seen: seen.at)
        for seen in fresh:
            self.latest.append(seen)
            if seen.kind == "answer":
                self._count(seen)

    def _follow(self, shard: str, path: Path) -> list[Seen]:
        name, offset = self._at.get(shard, ("", 0))
        if path.name < name:
            return []
        if path.name > name:
            offset = frame.header_size(int(path.stem))
        size = path.stat().st_size
        if size <= offset:
            return []
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(LOOK)
        found = []
        try:
            for record in frame.records(block, 0):
                found.append(_decode(record.payload))
                done = record.offset + frame.RECORD_SIZE + len(record.payload)
                self._at[shard] = (path.name, offset + done)
        except (frame.BrokenSegmentError, msgspec.MsgspecError):
            pass  # a record that is being written; the next look finds it whole
        if size - offset > LOOK and len(found) == 0:
            self.skipped += 1
            self._at[shard] = (path.name, size)
        return found

    def _count(self, seen: Seen) -> None:
        labels: Labels = ("answers", "+".join(seen.regions) or "-", seen.route, seen.tier, seen.outcome, seen.refusal)
        cells = self.rows.get(labels)
        if cells is None:
            if len(self.rows) >= measures.ROWS:
                labels = ("answers", *(measures.OTHER for _ in labels[1:]))
            cells = self.rows.setdefault(labels, [0] * CELLS)
        cells[measures.COUNT] += 1
        cells[measures.WHOLE_US] += seen.us_whole
        cells[WHOLE + _bucket(seen.us_whole)] += 1
        if seen.us_first:
            cells[measures.FIRSTS] += 1
            cells[measures.FIRST_US] += seen.us_first
            cells[FIRST + _bucket(seen.us_first)] += 1
        cells[measures.MASKED] += sum(seen.masks.values())
        cells[measures.BLOCKED] += bool(seen.blocked)
        cells[measures.STREAMED] += seen.stream
        used = self.tenants.setdefault((seen.tenant, seen.route), [0, 0, 0])
        used[0] += 1
        if seen.usage is not None:
            cells[measures.TOKENS_IN] += seen.usage.prompt_tokens
            cells[measures.TOKENS_OUT] += seen.usage.completion_tokens
            used[1] += seen.usage.prompt_tokens
            used[2] += seen.usage.completion_tokens

    def totals(self) -> dict[Labels, tuple[int, ...]]:
        """What was counted, as the sheets would say it."""
        return {labels: tuple(cells) for labels, cells in self.rows.items()}


def _bucket(us: int) -> int:
    return min(int(us * UNITS / 1_000_000).bit_length(), BUCKETS - 1)


def shown(seen: Seen) -> dict[str, Any]:
    """An entry as a list shows it."""
    return {
        "id": seen.id,
        "kind": seen.kind,
        "at": seen.at,
        "tenant": seen.tenant,
        "region": "+".join(seen.regions) or seen.region,
        "route": seen.route,
        "tier": seen.tier,
        "outcome": seen.outcome or seen.act,
        "refusal": seen.refusal,
        "duties": len(seen.met),
        "tokens": 0 if seen.usage is None else seen.usage.prompt_tokens + seen.usage.completion_tokens,
        "cost": seen.cost,
        "by": seen.by,
        "object": seen.object,
    }
