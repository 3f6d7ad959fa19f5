"""Reading the ledger while it is written: entries in order, and one entry by its id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from isthmus.core.errors import Refusal
from isthmus.ledger import frame
from isthmus.ledger.receipt import Entry, decode


class Place(NamedTuple):
    """Where an entry lies: the shard, its number there (from 0), the segment's file name, the offset in bytes."""

    shard: str
    number: int
    segment: str
    offset: int


def shards(folder: Path) -> list[str]:
    """Names of the shards in the ledger's `folder`, sorted."""
    return sorted(path.name for path in (folder / "shards").glob("*") if path.is_dir())


def segments(folder: Path, shard: str) -> list[Path]:
    """The segments of a shard, oldest first."""
    return sorted((folder / "shards" / shard).glob("*.seg"))


def payloads(folder: Path, shard: str) -> Iterator[tuple[Place, bytes]]:
    """Every whole payload of a shard, in order; what is not whole ends a segment silently (verify speaks of it)."""
    for path in segments(folder, shard):
        yield from _payloads(path, shard)


def iterate(folder: Path) -> Iterator[Entry]:
    """Every entry of the ledger, shard by shard, in the order of writing."""
    for shard in shards(folder):
        for _, payload in payloads(folder, shard):
            yield decode(payload)


def locate(folder: Path, id: str) -> tuple[Place, bytes]:
    """Place and payload of the entry with this id. Raises Refusal unknown_receipt."""
    shard = id.partition("-")[0]
    needle = b'"id":"%b"' % id.encode("utf-8", "replace")
    if shard.isidentifier():
        for path in reversed(segments(folder, shard)):
            for place, payload in _payloads(path, shard):
                if needle in payload and decode(payload).id == id:
                    return place, payload
    raise Refusal("unknown_receipt", id=id)


def find(folder: Path, id: str) -> Entry:
    """The entry with this id, as `next_id` gave it. Raises Refusal unknown_receipt."""
    return decode(locate(folder, id)[1])


def _payloads(path: Path, shard: str) -> Iterator[tuple[Place, bytes]]:
    block = path.read_bytes()
    try:
        header = frame.read_header(block)
        for number, record in enumerate(frame.records(block, header.size), header.first):
            yield Place(shard, number, path.name, record.offset), record.payload
    except frame.BrokenSegmentError:
        return
