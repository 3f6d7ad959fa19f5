"""WebP (RFC 9649): marks in the XMP chunk of an extended file; a simple file becomes an extended one."""

from __future__ import annotations

from isthmus.export import picture, riff, xmp
from isthmus.export.mark import Found, Marks, bad_file
from isthmus.export.riff import Chunk

NAME = "webp"
MODALITY = "image"
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10
_BESIDE_FLAGS = 0x0C  # Exif and XMP
_PICTURE = (b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF")
_BESIDE = (b"EXIF", b"XMP ", b"C2PA")
_QUALITY = 95


def recognise(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read(data: bytes) -> Found:
    """Marks in XMP; C2PA's chunk."""
    marks: dict[str, str] = {}
    others: list[str] = []
    for chunk in riff.chunks(data, NAME):
        if chunk.kind == b"C2PA":
            others.append("C2PA")
        elif chunk.kind == b"XMP ":
            found = xmp.read(chunk.data)
            marks |= found.marks
            others += found.others
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other chunk keeps its data."""
    chunks = list(riff.chunks(data, NAME))
    if not any(chunk.kind in _PICTURE for chunk in chunks):
        raise bad_file(NAME, "it holds no picture")
    if chunks[0].kind != b"VP8X":
        chunks.insert(0, _extended(chunks[0]))
    if not chunks[0].data:
        raise bad_file(NAME, "its header is cut")
    header = Chunk(b"VP8X", bytes([chunks[0].data[0] | _XMP_FLAG]) + chunks[0].data[1:])
    packets = [chunk.data for chunk in chunks if chunk.kind == b"XMP "]
    packet = Chunk(b"XMP ", xmp.write(packets[0] if packets else None, marks))
    stay = [chunk for chunk in chunks[1:] if chunk.kind != b"XMP "]
    return riff.build(b"WEBP", [header, *stay, packet], NAME)


def show(data: bytes, text: str) -> bytes:
    """`data` with the label in the picture; what stood beside the picture stays."""
    chunks = list(riff.chunks(data, NAME))
    old = [chunk for chunk in chunks if chunk.kind in _BESIDE]
    lossless = any(chunk.kind == b"VP8L" for chunk in chunks)
    fresh = list(riff.chunks(picture.drawn(data, text, NAME, quality=_QUALITY, lossless=lossless), NAME))
    if old and fresh[0].kind != b"VP8X":
        fresh.insert(0, _extended(fresh[0]))
    if old:
        flags = chunks[0].data[0] & _BESIDE_FLAGS | fresh[0].data[0] & ~_BESIDE_FLAGS
        fresh[0] = Chunk(b"VP8X", bytes([flags]) + fresh[0].data[1:])
    return riff.build(b"WEBP", [*(each for each in fresh if each.kind not in _BESIDE), *old], NAME)


def essence(data: bytes) -> bytes:
    """What is the picture itself: image, alpha and animation chunks."""
    return riff.join(chunk for chunk in riff.chunks(data, NAME) if chunk.kind in _PICTURE)


def _extended(first: Chunk) -> Chunk:
    """The header of an extended file for a simple one: canvas size and whether there is alpha (RFC 9649, 2.7)."""
    flags = 0
    if first.kind == b"VP8L" and len(first.data) >= 5 and first.data[0] == 0x2F:
        bits = int.from_bytes(first.data[1:5], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        flags = _ALPHA_FLAG if bits >> 28 & 1 else 0
    elif first.kind == b"VP8 " and len(first.data) >= 10 and first.data[3:6] == b"\x9d\x01\x2a":
        width = int.from_bytes(first.data[6:8], "little") & 0x3FFF
        height = int.from_bytes(first.data[8:10], "little") & 0x3FFF
    else:
        raise bad_file(NAME, "its picture has no size")
    if not width or not height:
        raise bad_file(NAME, "its picture has no size")
    return Chunk(
        b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )
