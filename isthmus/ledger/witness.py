"""Witnesses: others who keep a node's checkpoints, so that the node cannot write its past anew.

A witness is a file in another place, or a server that speaks C2SP tlog-witness: it is shown a checkpoint with the proof
that it continues the last one it saw, and answers with its signature (a cosignature). Any Isthmus node can be another's
witness. Sources: https://c2sp.org/tlog-witness, https://c2sp.org/tlog-cosignature.

    witness/known              of whom this node is a witness: lines as in their node.pub
    witness/<hash of origin>   the last checkpoint seen of each
    cosigned                   this node's checkpoints with their witnesses' signatures
"""

from __future__ import annotations

import fcntl
import http.client
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from isthmus.core.clock import Clock
from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, proof, tree
from isthmus.ledger.checkpoint import BadCheckpointError, Checkpoint
from isthmus.ledger.nodes import Finder

_LIMIT = 64 << 10  # bytes of a request or an answer
_TEXT = "text/plain; charset=utf-8"
_SIZE = "text/x.tlog.size"


class Answer(NamedTuple):
    """What a witness answers: HTTP status, media type, body."""

    status: int
    media: str
    body: bytes


class Witness:
    """The node as a witness of others. `add` is what POST /add-checkpoint does."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """`folder` is this node's ledger; it signs with the node's key."""
        self._folder = folder / "witness"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._signer = checkpoint.signer(folder)
        self._clock = clock

    def add(self, body: bytes) -> Answer:
        """Judge a checkpoint and its proof; sign it and remember it when it continues what was seen before."""
        try:
            old, path, found = _parse(body)
        except ValueError:
            return Answer(400, _TEXT, b"this is no request of tlog-witness\n")
        public = self._known().get(found.origin)
        if public is None:
            return Answer(404, _TEXT, b"this log is not known here\n")
        try:
            checkpoint.check(found, found.origin, public)
        except BadCheckpointError:
            return Answer(403, _TEXT, b"the log did not sign this\n")
        with self._last(found.origin) as place:
            return self._judge(old, path, found, place)

    def _judge(self, old: int, path: list[bytes], found: Checkpoint, place: Path) -> Answer:
        block = place.read_bytes() if place.exists() else b""
        last = checkpoint.read(block) if block else None
        seen = 0 if last is None else last.size
        if old > found.size:
            return Answer(400, _TEXT, b"the old size is larger than the new one\n")
        if old != seen:
            return Answer(409, _SIZE, b"%d\n" % seen)
        if last is not None and not tree.continues(old, found.size, last.root, found.root, path):
            return Answer(422, _TEXT, b"the proof does not hold\n")
        draft = place.with_name(f".{place.name}")
        draft.write_bytes(found.note)
        draft.replace(place)
        return Answer(200, _TEXT, self._signer.cosign(found.note, self._clock.epoch_ms() // 1000))

    def _known(self) -> dict[str, bytes]:
        path = self._folder / "known"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return {name: b64decode(key) for name, _, key in (line.partition(" ") for line in lines if line.strip())}

    @contextmanager
    def _last(self, origin: str) -> Iterator[Path]:
        """Where the last checkpoint of a log is kept, held against other processes of this node."""
        place = self._folder / sha256(origin.encode()).hexdigest()[:32]
        with (self._folder / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield place


def keep(folder: Path, file: Path) -> Checkpoint:
    """Append the node's checkpoint to a file of checkpoints, when it continues the last one there.

    Raises Refusal data_damaged when it does not, usage when there is no checkpoint or the file cannot be written.
    """
    current = _current(folder)
    try:
        kept, _ = checkpoint.split(file.read_bytes() if file.exists() else b"")
        if kept:
            _compare(folder, checkpoint.read(kept[-1]), current)
        if not kept or kept[-1] != current.note:
            with file.open("ab") as out:
                out.write(current.note)
    except OSError as error:
        raise Refusal("usage", reason=f"{file} cannot be used ({error.strerror}).") from None
    except BadCheckpointError as error:
        raise Refusal("usage", reason=f"{file} is no file of checkpoints ({error}).") from None
    return current


def show(folder: Path, url: str) -> Checkpoint:
    """Show the node's checkpoint to the witness at `url`, and keep its signature in `cosigned`.

    Raises Refusal usage, upstream_unavailable, and data_damaged when the witness saw another log.
    """
    current = _current(folder)
    answer = _post(url, request(folder, 0, current))
    if answer.status == 409 and answer.body.strip().isdigit():
        seen = int(answer.body)
        if seen > current.size:
            raise Refusal("data_damaged", reason=f"The witness saw {seen} entries of this node, but there are fewer.")
        answer = _post(url, request(folder, seen, current))
    if answer.status == 422:
        raise Refusal("data_damaged", reason="The witness saw another log of this node: its past was changed.")
    if answer.status != 200:
        raise Refusal("usage", reason=f"The witness does not take this node's checkpoints (status {answer.status}).")
    with (folder / "cosigned").open("ab") as out:
        out.write(current.note + answer.body)
    return current


def request(folder: Path, old: int, current: Checkpoint) -> bytes:
    """The body of POST /add-checkpoint for a witness that saw `old` entries."""
    path = proof.continues(folder, old, current.size) if 0 < old < current.size else ()
    lines = [f"old {old}", *(b64encode(bytes.fromhex(each)).decode() for each in path), ""]
    return "\n".join(lines).encode() + b"\n" + current.note


def _current(folder: Path) -> Checkpoint:
    path = folder / "CHECKPOINT"
    if not path.exists():
        raise Refusal("usage", reason="This ledger has no checkpoint yet.")
    try:
        return checkpoint.read(path.read_bytes())
    except BadCheckpointError:
        reason = "The file CHECKPOINT is damaged. `isthmus ledger verify` names every place."
        raise Refusal("data_damaged", reason=reason) from None


def _compare(folder: Path, kept: Checkpoint, current: Checkpoint) -> None:
    if kept.size <= current.size and kept.origin == current.origin:
        root = tree.root_of(Finder(folder / "node"), 0, kept.size) if kept.size < current.size else current.root
        if root == kept.root:
            return
    reason = f"The ledger does not continue the checkpoint of {kept.size} entries that was kept."
    raise Refusal("data_damaged", reason=reason)


def _parse(body: bytes) -> tuple[int, list[bytes], Checkpoint]:
    """Old size, proof and checkpoint of a request. Raises ValueError."""
    if len(body) > _LIMIT:
        raise ValueError("too long")
    head, _, note = body.partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    word, _, old = first.partition(" ")
    if word != "old" or not (old.isascii() and old.isdigit()) or len(lines) > 63:
        raise ValueError("no old size")
    path = [b64decode(line, validate=True) for line in lines]
    if any(len(each) != 32 for each in path):
        raise ValueError("a hash has 32 bytes")
    return int(old), path, checkpoint.read(note)


def _post(url: str, body: bytes) -> Answer:
    parts = urlsplit(url)
    kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
    if parts.scheme not in kinds or parts.hostname is None:
        raise Refusal("usage", reason="A witness is a file, or a URL that begins with https:// or http://.")
    connection = kinds[parts.scheme](parts.hostname, parts.port, timeout=10)
    try:
        connection.request("POST", f"{parts.path.rstrip('/')}/add-checkpoint", body, {"content-type": _TEXT})
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("content-type", ""), answer.read(_LIMIT))
    except (OSError, http.client.HTTPException):
        raise Refusal("upstream_unavailable", route=f"The witness {parts.hostname}", retry_after=60) from None
    finally:
        connection.close()
