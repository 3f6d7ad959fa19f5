"""Checkpoints: signed statements of how long a log is and what it holds.

Format: C2SP tlog-checkpoint (a signed note), so that existing witnesses can read it. Body lines:

    isthmus/<node>/<shard>          origin; without the shard for the node's own log
    <size>                          number of entries
    <root>                          Merkle root of RFC 9162, base64
    chain <hash>                    the chain hash after the last entry, base64
    at <ms>                         when, ms since 1970-01-01 UTC
    previous <hash>                 SHA-256 of the checkpoint before this one (body and signature), base64; zeros first

then an empty line and `— isthmus/<node> <base64 of key id (4 bytes) and Ed25519 signature (64 bytes)>`.
Source: https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from isthmus.ledger.once import write_once

NONE = bytes(32)
_TAIL = 64 << 10  # bytes; a note has some 400
_DASH = "— "


class Checkpoint(NamedTuple):
    """What a checkpoint says; `note` is the text it was read from or written to."""

    origin: str
    size: int
    root: bytes
    chain: bytes
    at: int
    previous: bytes
    note: bytes

    @property
    def digest(self) -> bytes:
        return digest(self.note)


class BadCheckpointError(ValueError):
    """A note is not a checkpoint, or not signed by this node."""


class Signer:
    """A node's name and Ed25519 key."""

    __slots__ = ("_key", "node", "public")

    def __init__(self, node: str, key: Ed25519PrivateKey) -> None:
        self.node = node
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def sign(self, origin: str, size: int, *, root: bytes, chain: bytes, at: int, previous: bytes) -> Checkpoint:
        """A signed checkpoint of the log that is called `origin`."""
        body = f"{origin}\n{size}\n{_text(root)}\nchain {_text(chain)}\nat {at}\nprevious {_text(previous)}\n".encode()
        signature = key_id(self.node, self.public) + self._key.sign(body)
        note = body + f"\n{_DASH}{self.node} {_text(signature)}\n".encode()
        return Checkpoint(origin, size, root, chain, at, previous, note)

    def stamp(self, body: bytes) -> str:
        """The node's name and signature over `body`, in one line. `body` begins with what it is for."""
        return f"{self.node} {_text(self._key.sign(body))}"

    def cosign(self, note: bytes, at: int) -> bytes:
        """A witness's signature line for another node's checkpoint, seen at `at` (s since 1970 UTC); cosignature/v1."""
        body = note[: note.index(b"\n\n") + 1]
        signature = self._key.sign(f"cosignature/v1\ntime {at}\n".encode() + body)
        stamp = key_id(self.node, self.public, b"\x04") + at.to_bytes(8, "big")
        return f"{_DASH}{self.node} {_text(stamp + signature)}\n".encode()


def digest(note: bytes) -> bytes:
    """The hash by which the next checkpoint names this one."""
    return sha256(note).digest()


def key_id(node: str, public: bytes, kind: bytes = b"\x01") -> bytes:
    """The four bytes by which a note names an Ed25519 key; `kind` 1 signs notes, 4 cosigns (C2SP signed-note)."""
    return sha256(node.encode() + b"\n" + kind + public).digest()[:4]


def read(note: bytes) -> Checkpoint:
    """The checkpoint in `note`, its signature not checked. Raises BadCheckpointError."""
    try:
        body, _, _ = note.decode().partition("\n\n")
        origin, size, root, chain, at, previous = body.split("\n")
        if not (chain.startswith("chain ") and at.startswith("at ") and previous.startswith("previous ")):
            raise BadCheckpointError("the note is not a checkpoint")
        return Checkpoint(origin, int(size), _hash(root), _hash(chain[6:]), int(at[3:]), _hash(previous[9:]), note)
    except ValueError as error:
        raise BadCheckpointError("the note is not a checkpoint") from error


def check(checkpoint: Checkpoint, node: str, public: bytes) -> None:
    """Raises BadCheckpointError unless the Ed25519 key `public` (32 bytes) of `node` signed this note."""
    body, _, line = checkpoint.note.decode().partition("\n\n")
    if not line.startswith(f"{_DASH}{node} "):
        raise BadCheckpointError("the checkpoint is another node's")
    try:
        signature = b64decode(line.removeprefix(f"{_DASH}{node} ").rstrip("\n"), validate=True)
    except ValueError as error:
        raise BadCheckpointError("the checkpoint's signature is not one") from error
    if signature[:4] != key_id(node, public):
        raise BadCheckpointError("the checkpoint names another key")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], body.encode() + b"\n")
    except InvalidSignature as error:
        raise BadCheckpointError("the checkpoint's signature is not this node's") from error


def stamped(stamp: str, body: bytes, node: str, public: bytes) -> bool:
    """Whether `stamp` is the one that `node`, with the key `public` (32 bytes), put under `body`."""
    name, _, signature = stamp.partition(" ")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(b64decode(signature, validate=True), body)
    except (InvalidSignature, ValueError):
        return False
    return name == node


def split(block: bytes) -> tuple[list[bytes], int]:
    """The whole notes in a file of notes, and the offset where whole notes end (a torn one may follow)."""
    notes: list[bytes] = []
    start = 0
    while True:
        gap = block.find(b"\n\n", start)
        end = -1 if gap < 0 else block.find(b"\n", gap + 2)
        if end < 0:
            return notes, start
        notes.append(block[start : end + 1])
        start = end + 1


def last(path: Path) -> tuple[Checkpoint | None, int]:
    """The last whole checkpoint in a file of notes, and the offset where whole notes end. Reads only the file's end.

    Raises BadCheckpointError, OSError.
    """
    with path.open("rb") as file:
        begin = max(0, file.seek(0, os.SEEK_END) - _TAIL)
        file.seek(begin)
        block = file.read()
    if begin:
        # The first note of the piece is cut: go on after its signature.
        skip = block.find(b"\n", block.find(b"\n\n") + 2) + 1
        begin, block = begin + skip, block[skip:]
    notes, end = split(block)
    return (read(notes[-1]) if notes else None), begin + end


def signer(folder: Path) -> Signer:
    """The node's signer; name and key are made at first use, in `folder`, the key readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "node.key"
    if not secret.exists():
        node = f"isthmus/{secrets.token_hex(4)}"
        write_once(secret, f"{node} {_text(Ed25519PrivateKey.generate().private_bytes_raw())}\n".encode(), 0o600)
    node, _, key = secret.read_text("ascii").strip().partition(" ")
    made = Signer(node, Ed25519PrivateKey.from_private_bytes(b64decode(key)))
    public = folder / "node.pub"
    if not public.exists():
        write_once(public, f"{node} {_text(made.public)}\n".encode(), 0o644)
    return made


def public_key(folder: Path) -> tuple[str, bytes]:
    """Name and public key of the node whose ledger lies in `folder`. Raises FileNotFoundError, BadCheckpointError."""
    try:
        node, _, key = (folder / "node.pub").read_text("ascii").strip().partition(" ")
        return node, _hash(key)
    except ValueError as error:
        raise BadCheckpointError("node.pub is damaged") from error


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _hash(text: str) -> bytes:
    data = b64decode(text, validate=True)
    if len(data) != 32:
        raise ValueError("a hash has 32 bytes")
    return data
