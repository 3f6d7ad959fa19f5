"""The proof that a receipt is in the ledger: two inclusion paths and a signature.

    chain, payload --leaf--> [inclusion] --> root of the shard, in a signed checkpoint (a note)
    chain, note    --leaf--> [inclusion] --> root of the node, in the node's signed checkpoint

Whoever has the node's public key checks it with SHA-256 and Ed25519 alone (RFC 9162, sections 2.1.3.2 and 2.1.1).
Hashes are hex.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, frame, read, tree
from isthmus.ledger.checkpoint import Checkpoint
from isthmus.ledger.nodes import Finder


class Step(msgspec.Struct, frozen=True):
    """One inclusion: entry `number` of the tree that `checkpoint` (a signed note) states the size and root of.

    `chain` is the chain hash before the entry, `leaf` is SHA-256(0x00 || chain || payload).
    """

    number: int
    chain: str
    leaf: str
    path: tuple[str, ...]
    checkpoint: str


class Proof(msgspec.Struct, frozen=True):
    """`payload` is the entry's bytes as text; `shard` proves it, `node` proves the shard's checkpoint.

    `node` is None for some ten seconds, until the node's log has taken the shard's checkpoint in.
    """

    payload: str
    shard: Step
    node: Step | None


def prove(folder: Path, id: str) -> Proof:
    """The proof for the entry with this id. Raises Refusal unknown_receipt (also when no checkpoint covers it yet)."""
    place, payload = read.locate(folder, id)
    home = folder / "shards" / place.shard
    head = _last(folder / "node")
    entered = _entered(folder, place.shard, 0 if head is None else head.size)
    if head is not None and entered is not None and entered[1].size > place.number:
        number, over = entered
        step = _step(home, place.number, payload, over)
        return Proof(payload.decode(), step, _step(folder / "node", number, over.note, head))
    last = _last(home)
    if last is None or last.size <= place.number:
        raise Refusal("unknown_receipt", id=id)
    return Proof(payload.decode(), _step(home, place.number, payload, last), None)


def continues(folder: Path, old: int, size: int) -> tuple[str, ...]:
    """The consistency proof that the node's tree of `size` leaves continues the one of `old` (RFC 9162, 2.1.4.1).

    Raises ValueError when there are no such trees.
    """
    head = _last(folder / "node")
    if head is None or size > head.size:
        raise ValueError("the node's log is not as long as that")
    return tuple(each.hex() for each in tree.consistency(Finder(folder / "node"), old, size))


def _step(folder: Path, number: int, payload: bytes, over: Checkpoint) -> Step:
    finder = Finder(folder)
    chain = finder.chain(number)
    path = tuple(each.hex() for each in tree.inclusion(finder, number, over.size))
    return Step(number, chain.hex(), frame.link(chain, payload).hex(), path, over.note.decode())


def _last(folder: Path) -> Checkpoint | None:
    path = folder / "checkpoints"
    return checkpoint.last(path)[0] if path.exists() else None


def _entered(folder: Path, shard: str, size: int) -> tuple[int, Checkpoint] | None:
    """The shard's latest checkpoint among the first `size` entries of the node's log, and its number there."""
    origin = f"{checkpoint.public_key(folder)[0]}/{shard}\n".encode()
    for path in sorted((folder / "node").glob("*.seg"), reverse=True):
        block, first = path.read_bytes(), int(path.stem)
        end = len(block)
        while (hit := frame.search_last(block, frame.header_size(first), end, origin)) is not None:
            if first + hit.number < size:
                return first + hit.number, checkpoint.read(hit.payload)
            end = hit.offset
    return None
