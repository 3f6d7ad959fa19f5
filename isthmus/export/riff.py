"""RIFF: chunks of four letters, a length and data, padded to even length. WAV and WebP are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from isthmus.export.mark import bad_file

LIMIT = 100_000  # chunks of one file


class Chunk(NamedTuple):
    kind: bytes
    data: bytes


def chunks(data: bytes, container: str) -> Iterator[Chunk]:
    """The chunks of a whole RIFF file. Raises Refusal bad_file."""
    if len(data) < 12 or int.from_bytes(data[4:8], "little") + 8 > len(data) + (len(data) & 1):
        raise bad_file(container, "it is cut before its end")
    yield from inside(data[12 : int.from_bytes(data[4:8], "little") + 8], container)


def inside(body: bytes, container: str) -> Iterator[Chunk]:
    """The chunks of a body, as a LIST has them."""
    at, count = 0, 0
    while at + 8 <= len(body):
        length = int.from_bytes(body[at + 4 : at + 8], "little")
        if at + 8 + length > len(body):
            raise bad_file(container, "a chunk is longer than the file")
        yield Chunk(body[at : at + 4], body[at + 8 : at + 8 + length])
        at += 8 + length + (length & 1)
        count += 1
        if count > LIMIT:
            raise bad_file(container, f"it has more than {LIMIT} chunks")


def join(parts: Iterable[Chunk]) -> bytes:
    """Chunks as bytes, each padded to even length."""
    return b"".join(kind + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) & 1) for kind, data in parts)


def build(form: bytes, parts: Iterable[Chunk], container: str) -> bytes:
    """A whole RIFF file. Raises Refusal bad_file when it would be longer than RIFF can say."""
    body = form + join(parts)
    if len(body) >= 1 << 32:
        raise bad_file(container, "it would be longer than 4 GB")
    return b"RIFF" + len(body).to_bytes(4, "little") + body
