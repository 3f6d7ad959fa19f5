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

    `node` is None for less than a second, until the node's log has taken the shard's checkpoint in.
    """

    payload: str
    shard: Step
    node: Step | None


def prove(folder: Path, id: str) -> Proof:
    """The proof for the entry with this id. Raises Refusal unknown_receipt (also when no checkpoint covers it yet)."""
    place, payload = read.locate(folder, id)
    entered = _entered(folder, place.shard)
    notes = _notes(folder / "shards" / place.shard)
    over = next((note for note in reversed(notes) if note.note in entered), None)
    if over is None or over.size <= place.number:
        over = notes[-1] if notes and notes[-1].size > place.number else None
    if over is None:
        raise Refusal("unknown_receipt", id=id)
    step = _step(folder / "shards" / place.shard, place.number, payload, over)
    number = entered.get(over.note)
    heads = _notes(folder / "node")
    node = None
    if number is not None and heads and heads[-1].size > number:
        node = _step(folder / "node", number, over.note, heads[-1])
    return Proof(payload.decode(), step, node)


def continues(folder: Path, old: int, size: int) -> tuple[str, ...]:
    """The consistency proof that the node's tree of `size` leaves continues the one of `old` (RFC 9162, 2.1.4.1).

    Raises ValueError when there are no such trees.
    """
    notes = _notes(folder / "node")
    if not notes or size > notes[-1].size:
        raise ValueError("the node's log is not as long as that")
    return tuple(each.hex() for each in tree.consistency(Finder(folder / "node"), old, size))


def _step(folder: Path, number: int, payload: bytes, over: Checkpoint) -> Step:
    finder = Finder(folder)
    chain = finder.chain(number)
    path = tuple(each.hex() for each in tree.inclusion(finder, number, over.size))
    return Step(number, chain.hex(), frame.link(chain, payload).hex(), path, over.note.decode())


def _notes(folder: Path) -> list[Checkpoint]:
    path = folder / "checkpoints"
    notes, _ = checkpoint.split(path.read_bytes() if path.exists() else b"")
    return [checkpoint.read(note) for note in notes]


def _entered(folder: Path, shard: str) -> dict[bytes, int]:
    """The shard's latest checkpoints in the node's log, with their numbers there."""
    suffix = f"/{shard}\n".encode()
    for path in sorted((folder / "node").glob("*.seg"), reverse=True):
        origins = ((place.number, note) for place, note in read.payloads(path))
        found = {note: number for number, note in origins if note[: note.index(b"\n") + 1].endswith(suffix)}
        if found:
            return found
    return {}
