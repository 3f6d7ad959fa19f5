"""PNG (W3C PNG, third edition): marks in an iTXt chunk with an XMP packet, before the first image data."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from isthmus.export import picture, xmp
from isthmus.export.mark import AIGC, Found, Marks, bad_file

NAME = "png"
MODALITY = "image"
_MAGIC = b"\x89PNG\r\n\x1a\n"
_XMP = b"XML:com.adobe.xmp\0"
_HEAD, _FOOT = 8, 4  # length and type; CRC
# What describes the picture and not how it is coded: it is carried over when the picture is drawn anew.
_BESIDE = (b"iTXt", b"tEXt", b"zTXt", b"eXIf", b"pHYs", b"tIME", b"caBX")


class Chunk(NamedTuple):
    """One chunk: its type, its data, and all its bytes."""

    kind: bytes
    data: bytes
    whole: bytes


def recognise(data: bytes) -> bool:
    return data.startswith(_MAGIC)


def read(data: bytes) -> Found:
    """Marks in XMP; an AIGC text chunk of another tool; C2PA's box."""
    marks: dict[str, str] = {}
    others: list[str] = []
    for chunk in _chunks(data):
        if chunk.kind == b"caBX":
            others.append("C2PA")
        elif chunk.kind in (b"tEXt", b"iTXt") and chunk.data.startswith(AIGC.encode() + b"\0"):
            marks.setdefault(AIGC, _text(chunk).decode("utf-8", "replace"))
        elif _is_xmp(chunk):
            found = xmp.read(_text(chunk))
            marks |= found.marks
            others += found.others
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other chunk keeps its bytes."""
    chunks = list(_chunks(data))
    packets = [_text(chunk) for chunk in chunks if _is_xmp(chunk)]
    packet = xmp.write(packets[0] if packets else None, marks)
    made = _chunk(b"iTXt", _XMP + b"\0\0\0\0" + packet)
    stay = [chunk for chunk in chunks if not _is_xmp(chunk)]
    at = next(place for place, chunk in enumerate(stay) if chunk.kind == b"IDAT")
    body = b"".join(chunk.whole for chunk in stay[:at]) + made + b"".join(chunk.whole for chunk in stay[at:])
    return _MAGIC + body + data[_end(chunks) :]


def show(data: bytes, text: str) -> bytes:
    """`data` with the label in the picture; what stood beside the picture stays."""
    old = [chunk for chunk in _chunks(data) if chunk.kind in _BESIDE]
    new = list(_chunks(picture.drawn(data, text, NAME)))
    fresh = [chunk for chunk in new if chunk.kind not in _BESIDE]
    return _MAGIC + b"".join(chunk.whole for chunk in (fresh[0], *old, *fresh[1:]))


def essence(data: bytes) -> bytes:
    """What is the picture itself: critical chunks and the frames of an animation."""
    return b"".join(
        chunk.whole for chunk in _chunks(data) if chunk.kind[:1].isupper() or chunk.kind in (b"fdAT", b"fcTL", b"acTL")
    )


def _chunks(data: bytes) -> Iterator[Chunk]:
    at = len(_MAGIC)
    seen: set[bytes] = set()
    while True:
        if at + _HEAD + _FOOT > len(data):
            raise bad_file(NAME, "it is cut before its end")
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        stop = at + _HEAD + length + _FOOT
        if stop > len(data):
            raise bad_file(NAME, "a chunk is longer than the file")
        if not seen and kind != b"IHDR":
            raise bad_file(NAME, "it does not begin with its header")
        if zlib.crc32(data[at + 4 : stop - 4]) != int.from_bytes(data[stop - 4 : stop], "big"):
            raise bad_file(NAME, "a chunk does not match its checksum")
        seen.add(kind)
        yield Chunk(kind, data[at + _HEAD : stop - _FOOT], data[at:stop])
        at = stop
        if kind == b"IEND":
            break
    if b"IDAT" not in seen:
        raise bad_file(NAME, "it holds no picture")


def _end(chunks: list[Chunk]) -> int:
    return len(_MAGIC) + sum(len(chunk.whole) for chunk in chunks)


def _is_xmp(chunk: Chunk) -> bool:
    return chunk.kind == b"iTXt" and chunk.data.startswith(_XMP)


def _text(chunk: Chunk) -> bytes:
    """The text of an iTXt or tEXt chunk, inflated at most to the limit of a packet."""
    _keyword, _, rest = chunk.data.partition(b"\0")
    if chunk.kind == b"tEXt":
        return rest
    parts = rest[2:].split(b"\0", 2)
    if len(rest) < 2 or len(parts) < 3:
        raise bad_file(NAME, "a text chunk is cut")
    if not rest[0]:
        return parts[2]
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(parts[2], xmp.LIMIT)
    except zlib.error:
        raise bad_file(NAME, "a text chunk cannot be inflated") from None
    if inflate.unconsumed_tail:
        raise bad_file(NAME, "a text chunk inflates beyond all measure")
    return text


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
