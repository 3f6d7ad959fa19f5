"""Reading the ledger while it is written: entries in order, and one entry by its id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.core.errors import Refusal
from isthmus.ledger import frame
from isthmus.ledger.receipt import Entry, decode

LONGEST = 3600 * 1000  # ms that may pass between giving an id and writing its entry; no request lives as long


class Place(NamedTuple):
    """Where an entry lies: log, number there (from 0), file name of the segment, offset in bytes; and its leaf, hex."""

    shard: str
    number: int
    segment: str
    offset: int
    leaf: str


def shards(folder: Path) -> list[str]:
    """Names of the logs in the ledger's `folder`, sorted; the node's own log is not one of them."""
    return sorted(path.name for path in (folder / "shards").glob("*") if path.is_dir())


def segments(folder: Path, shard: str) -> list[Path]:
    """The segments of a log, oldest first."""
    return sorted((folder / "shards" / shard).glob("*.seg"))


def payloads(path: Path) -> Iterator[tuple[Place, bytes]]:
    """Every whole payload of a segment, in order; what is not whole ends it silently (verify speaks of that)."""
    block = path.read_bytes()
    try:
        header = frame.read_header(block)
        for number, record in enumerate(frame.records(block, header.size), header.first):
            yield Place(path.parent.name, number, path.name, record.offset, record.chain.hex()), record.payload
    except frame.BrokenSegmentError:
        return


def iterate(folder: Path) -> Iterator[Entry]:
    """Every entry of the ledger, log by log, in the order of writing."""
    for shard in shards(folder):
        for path in segments(folder, shard):
            for _, payload in payloads(path):
                yield decode(payload)


def locate(folder: Path, id: str) -> tuple[Place, bytes]:
    """Place and payload of the entry with this id. Raises Refusal unknown_receipt."""
    writer, number = _parts(id)
    for shard in shards(folder):
        if number is not None and shard.partition("_")[0] == writer:
            for path in _likely(segments(folder, shard), number):
                found = _search(path, id)
                if found is not None:
                    return found
    raise Refusal("unknown_receipt", id=id)


def find(folder: Path, id: str) -> Entry:
    """The entry with this id, as `next_id` gave it. Raises Refusal unknown_receipt."""
    return decode(locate(folder, id)[1])


def _parts(id: str) -> tuple[str, tuple[int, int] | None]:
    """Writer, and (opening, number); None when this was never an id."""
    writer, _, rest = id.partition("-")
    opening, _, number = rest.partition("-")
    if not (opening.isascii() and opening.isdigit() and number.isascii() and number.isdigit()) or len(id) > 64:
        return writer, None
    return writer, (int(opening), int(number))


def _likely(paths: list[Path], wanted: tuple[int, int]) -> list[Path]:
    """The segments that can hold an id, the likeliest first.

    Ids are given in order and written nearly in order, so the entry lies in the last segment whose first id is not
    above the wanted one, or in those written at most LONGEST before or after it.
    """
    marks = [mark for path in paths if (mark := _mark(path)) is not None]
    at = max((index for index, (_, _, first) in enumerate(marks) if first <= wanted), default=0)
    if not marks:
        return []
    begun = marks[at][1]
    ended = marks[at + 1][1] if at + 1 < len(marks) else begun
    near = [
        index
        for index, (_, made, _) in enumerate(marks)
        if made <= ended + LONGEST and (index + 1 == len(marks) or marks[index + 1][1] >= begun - LONGEST)
    ]
    return [marks[index][0] for index in sorted(near, key=lambda index: (abs(index - at), index < at))]


def _mark(path: Path) -> tuple[Path, int, tuple[int, int]] | None:
    """A segment, when it was begun (ms), and the first id in it; None when it has no whole entry."""
    with path.open("rb") as file:
        block = file.read(frame.LIMIT + 4096)  # the longest entry and the longest header
    try:
        header = frame.read_header(block)
        payload = next(frame.payloads(block, header.size, 0))
        return path, header.made, _parts(decode(payload).id)[1] or (0, 0)
    except (frame.BrokenSegmentError, StopIteration, msgspec.MsgspecError):
        return None


def _search(path: Path, id: str) -> tuple[Place, bytes] | None:
    """The entry in this segment, found by its bytes; only then its number is counted."""
    block = path.read_bytes()
    first, start = int(path.stem), frame.header_size(int(path.stem))
    for hit in frame.search(block, start, b'"id":"%b"' % id.encode("ascii", "replace")):
        if decode(hit.payload).id == id:
            return Place(path.parent.name, first + hit.number, path.name, hit.offset, hit.leaf.hex()), hit.payload
    return None
