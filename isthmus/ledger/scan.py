"""The check of one segment on its own: checksums, chain, tree, and whether each payload is what the log holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from isthmus.ledger import frame
from isthmus.ledger.receipt import Retired, decode
from isthmus.ledger.tree import Frontier


class Wish(NamedTuple):
    """What to scan. At each of `sizes` root and chain are noted. `kind`: the log holds an "entry" or a "checkpoint"."""

    path: Path
    sizes: frozenset[int]
    kind: str


class Broken(NamedTuple):
    """Where a segment stops being whole; `torn` when a write that was cut off can explain it."""

    offset: int
    reason: str
    torn: bool


class Scan(NamedTuple):
    """What one segment holds up to its end, or up to `broken`. `header` is None when not even that is whole.

    `size`, `chain` and `peaks` stand after its last whole entry, `last_id` is that entry's. `heads` are (root, chain)
    by size, `grown` the stored nodes it completes, `retired` the chain by first entry that stayed, `known` the
    checkpoints by log, each with its number.
    """

    path: Path
    length: int
    header: frame.Header | None
    size: int
    chain: bytes = b""
    peaks: tuple[bytes, ...] = ()
    heads: Mapping[int, tuple[bytes, bytes]] = {}
    grown: tuple[tuple[int, bytes], ...] = ()
    broken: Broken | None = None
    last_id: str = ""
    retired: Mapping[int, str] = {}
    known: Mapping[str, Mapping[bytes, int]] = {}


def scan(wish: Wish) -> Scan:
    """Check one segment. Never raises for what is in the file."""
    block = wish.path.read_bytes()
    try:
        header = frame.read_header(block)
    except frame.BrokenSegmentError as error:
        first = int(wish.path.stem) if wish.path.stem.isdigit() else 0
        torn = len(block) <= frame.header_size(first)
        return Scan(wish.path, len(block), None, first, broken=Broken(0, str(error), torn))
    tree = Frontier(header.first, header.peaks)
    reading = _Reading(wish.kind)
    heads = {}
    chain, size, broken = header.chain, header.first, None
    leaves: list[bytes] = []
    if header.first in wish.sizes:
        heads[header.first] = (tree.root(), chain)
    try:
        for record in frame.records(block, header.size):
            link = frame.link(chain, record.payload)
            if link != record.chain:
                broken = Broken(record.offset, "an entry does not fit the chain", torn=False)
                break
            if not reading.accept(record.payload, size):
                broken = Broken(record.offset, f"this is no {wish.kind} that this version knows", torn=False)
                break
            chain, size = link, size + 1
            leaves.append(link)
            if size in wish.sizes:
                tree.extend(leaves)
                leaves = []
                heads[size] = (tree.root(), chain)
    except frame.BrokenSegmentError as error:
        broken = Broken(error.damage.offset, error.damage.reason, torn=True)
    tree.extend(leaves)
    return Scan(
        wish.path,
        len(block),
        header,
        tree.size,
        chain,
        tree.peaks,
        heads,
        tuple(tree.grown),
        broken,
        reading.last_id,
        reading.retired,
        reading.known,
    )


class _Reading:
    """What the payloads say, as far as verify needs it."""

    def __init__(self, kind: str) -> None:
        self.accept = self._entry if kind == "entry" else self._note
        self.last_id = ""
        self.retired: dict[int, str] = {}
        self.known: dict[str, dict[bytes, int]] = {}

    def _entry(self, payload: bytes, _number: int) -> bool:
        try:
            entry = decode(payload)
        except msgspec.MsgspecError:
            return False
        self.last_id = entry.id
        if isinstance(entry, Retired):
            self.retired[entry.until] = entry.chain
        return True

    def _note(self, payload: bytes, number: int) -> bool:
        origin = payload.partition(b"\n")[0].decode("utf-8", "replace")
        self.known.setdefault(origin.rpartition("/")[2], {})[payload] = number
        return True
