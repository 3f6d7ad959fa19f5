"""What an auditor takes out of the ledger: the entries of a region and a time, and the counts an authority asks for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.core.errors import Refusal
from isthmus.ledger import read
from isthmus.ledger.receipt import ActReceipt, ConsentReceipt, Entry, Export, Receipt, Retired, decode


class Selection(NamedTuple):
    """Which entries: of `region` ("" for all), that arrived from `since` on and before `until` (ms since 1970 UTC)."""

    region: str = ""
    since: int = 0
    until: int = 1 << 62

    def holds(self, entry: Entry) -> bool:
        if not self.since <= entry.at < self.until:
            return False
        if not self.region or isinstance(entry, (Retired, ActReceipt)):
            return not self.region
        return self.region in ((entry.region,) if isinstance(entry, ConsentReceipt) else entry.regions)


class Tally(msgspec.Struct):
    """Counts over a selection; each dictionary counts answers by the word in its name.

    `answers` are answers and refusals together. `consents` counts acts by kind ("separate given"), `exports`
    labelled files by container and event, `masked` counts details, not answers. Tokens are the partners' own count.
    `since` and `until` are days, "" where there is no limit.
    """

    region: str
    since: str
    until: str
    answers: int = 0
    outcomes: dict[str, int] = {}
    refusals: dict[str, int] = {}
    features: dict[str, int] = {}
    partners: dict[str, int] = {}
    models: dict[str, int] = {}
    tiers: dict[str, int] = {}
    ages: dict[str, int] = {}
    blocked: dict[str, int] = {}
    masked: dict[str, int] = {}
    met: dict[str, int] = {}
    consents: dict[str, int] = {}
    exports: dict[str, int] = {}
    labelled: int = 0
    noticed: int = 0
    rehearsal: int = 0
    streams: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


def month(text: str) -> tuple[int, int]:
    """The first ms of a month "YYYY-MM" in UTC, and of the next. Raises Refusal bad_field."""
    try:
        begin = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise Refusal("bad_field", field="month", reason="write it as YYYY-MM") from None
    year, ahead = begin.year + begin.month // 12, begin.month % 12 + 1
    return _ms(begin), _ms(begin.replace(year=year, month=ahead))


def day(text: str) -> int:
    """The first ms of a day "YYYY-MM-DD" in UTC. Raises Refusal bad_field."""
    try:
        return _ms(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        raise Refusal("bad_field", field="day", reason="write it as YYYY-MM-DD") from None


def selected(folder: Path, selection: Selection) -> Iterator[tuple[bytes, Entry]]:
    """Payload and entry of everything selected, log by log, in the order of writing."""
    for shard in read.shards(folder):
        for path in read.segments(folder, shard):
            for _, payload in read.payloads(path):
                entry = decode(payload)
                if selection.holds(entry):
                    yield payload, entry


def tally(folder: Path, selection: Selection) -> Tally:
    """The counts of everything selected."""
    found = Tally(selection.region or "all", _iso(selection.since), _iso(selection.until))
    for _, entry in selected(folder, selection):
        if isinstance(entry, Receipt):
            _count(found, entry)
        elif isinstance(entry, ConsentReceipt):
            _add(found.consents, f"{entry.consent_kind} {entry.act}")
        elif isinstance(entry, Export):
            _add(found.exports, f"{entry.container} {entry.event}")
    return found


def _count(found: Tally, receipt: Receipt) -> None:
    found.answers += 1
    found.labelled += bool(receipt.label)
    found.noticed += bool(receipt.notices)
    found.rehearsal += receipt.rehearsal
    found.streams += receipt.stream
    if receipt.usage is not None:
        found.prompt_tokens += receipt.usage.prompt_tokens
        found.completion_tokens += receipt.usage.completion_tokens
    for counts, word in (
        (found.outcomes, receipt.outcome),
        (found.refusals, receipt.refusal),
        (found.features, receipt.feature),
        (found.partners, receipt.partner),
        (found.models, receipt.model),
        (found.tiers, receipt.tier),
        (found.ages, receipt.age),
        (found.blocked, receipt.blocked),
    ):
        if word:
            _add(counts, word)
    for word in receipt.met:
        _add(found.met, word)
    for word, count in receipt.masks.items():
        _add(found.masked, word, count)


def _add(counts: dict[str, int], word: str, count: int = 1) -> None:
    counts[word] = counts.get(word, 0) + count


def _ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def _iso(ms: int) -> str:
    """A day, or "" for the ends of time."""
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat() if 0 < ms < 1 << 48 else ""
