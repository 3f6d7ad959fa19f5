"""MP4 (ISO 14496-12): marks as an XMP box at the end and, for the AIGC object, as a QuickTime key, where players look.

The key lies in moov/meta; chunk offsets behind it are moved by as much as it grows. A fragmented file gets the XMP box
only: its fragments may be addressed from outside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from isthmus.export import ffmpeg, xmp
from isthmus.export.mark import AIGC, Found, Marks, bad_file

NAME = "mp4"
MODALITY = "video"
LIMIT = 100_000  # boxes
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PATH = (b"trak", b"mdia", b"minf", b"stbl")
_KEY = b"mdta" + AIGC.encode()


class Box(NamedTuple):
    """One box: its type, where its content begins and ends in the file, and where it begins itself."""

    kind: bytes
    at: int
    start: int
    stop: int


def recognise(data: bytes) -> bool:
    return data[4:8] == b"ftyp"


def read(data: bytes) -> Found:
    """Marks in XMP, else under the key; C2PA's box."""
    marks: dict[str, str] = {}
    others: list[str] = []
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"moov":
            for key, value in _keyed(data, box):
                if key == _KEY:
                    marks.setdefault(AIGC, value.decode("utf-8", "replace"))
        elif box.kind == b"uuid" and data[box.start : box.start + 16] == _C2PA:
            others.append("C2PA")
        elif _is_xmp(data, box):
            found = xmp.read(data[box.start + 16 : box.stop])
            marks |= found.marks
            others += found.others
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other box keeps its bytes, but for offsets of what moved."""
    boxes = list(_boxes(data, 0, len(data)))
    moov = next((box for box in boxes if box.kind == b"moov"), None)
    if moov is None:
        raise bad_file(NAME, "it has no moov box")
    packets = [data[box.start + 16 : box.stop] for box in boxes if _is_xmp(data, box)]
    packet = _box(b"uuid", _XMP + xmp.write(packets[0] if packets else None, marks))
    stay = [box for box in boxes if not _is_xmp(data, box)]
    fragmented = any(box.kind in (b"moof", b"sidx", b"mfra") for box in boxes)
    head = data[moov.at : moov.stop]
    if AIGC in marks and not fragmented:
        head = _box(b"moov", _with_key(data, moov, marks[AIGC].encode()))
    out, moved, made = [], [], 0
    for box in stay:
        if box.kind == b"mfra":
            out.append(packet)
        new = head if box is moov else data[box.at : box.stop]
        moved.append((box.at, box.stop, made - box.at))
        out.append(new)
        made += len(new)
    if not any(box.kind == b"mfra" for box in stay):
        out.append(packet)
    place = stay.index(moov)
    out[place] = _moved(head, moved)
    return b"".join(out)


def essence(data: bytes) -> bytes:
    """What is seen and heard: the media data."""
    return b"".join(data[box.start : box.stop] for box in _boxes(data, 0, len(data)) if box.kind == b"mdat")


def _boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    count = 0
    while at < end:
        if end - at < 8:
            raise bad_file(NAME, "a box is cut in its head")
        size, kind, start = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], at + 8
        if size == 1 and end - at >= 16:
            size, start = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
        elif size == 0:
            size = end - at
        if size < start - at or at + size > end:
            raise bad_file(NAME, "a box is longer than what holds it")
        yield Box(kind, at, start, at + size)
        at += size
        count += 1
        if count > LIMIT:
            raise bad_file(NAME, f"it has more than {LIMIT} boxes")


def _is_xmp(data: bytes, box: Box) -> bool:
    return box.kind == b"uuid" and data[box.start : box.start + 16] == _XMP


def _box(kind: bytes, body: bytes) -> bytes:
    if len(body) + 8 >= 1 << 32:
        raise bad_file(NAME, "a box would be too long")
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def _keyed(data: bytes, moov: Box) -> Iterator[tuple[bytes, bytes]]:
    """Keys (namespace and name) and values of moov/meta, as QuickTime has them, or of moov/udta/meta, as ffmpeg has."""
    inside = list(_boxes(data, moov.start, moov.stop))
    inside += [box for udta in inside if udta.kind == b"udta" for box in _boxes(data, udta.start, udta.stop)]
    for meta in inside:
        if meta.kind != b"meta":
            continue
        inner = {box.kind: box for box in _boxes(data, _meta_start(data, meta), meta.stop)}
        if b"keys" not in inner or b"ilst" not in inner:
            continue
        keys = _keys(data[inner[b"keys"].start : inner[b"keys"].stop])
        for item in _boxes(data, inner[b"ilst"].start, inner[b"ilst"].stop):
            number = int.from_bytes(item.kind, "big")
            for value in _boxes(data, item.start, item.stop):
                if value.kind == b"data" and 0 < number <= len(keys):
                    yield keys[number - 1], data[value.start + 8 : value.stop]


def _keys(body: bytes) -> list[bytes]:
    keys, at = [], 8
    while at + 8 <= len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        if size < 8 or at + size > len(body):
            raise bad_file(NAME, "a key is longer than what holds it")
        keys.append(body[at + 4 : at + size])
        at += size
    return keys


def _meta_start(data: bytes, meta: Box) -> int:
    """Where the boxes in meta begin: QuickTime has no version and flags before them, ISO has."""
    return meta.start if data[meta.start + 4 : meta.start + 8] == b"hdlr" else meta.start + 4


def _with_key(data: bytes, moov: Box, value: bytes) -> bytes:
    """The content of moov with the AIGC key in its meta box; keys that were there stay."""
    rest, keyed = [], []
    for box in _boxes(data, moov.start, moov.stop):
        if box.kind == b"meta" and b"mdta" in data[box.start : box.start + 64]:
            keyed = [(key, old) for key, old in _raw_items(data, box) if key != _KEY]
        else:
            rest.append(data[box.at : box.stop])
    item = _box(b"data", struct.pack(">II", 1, 0) + value)  # type 1: UTF-8
    keyed.append((_KEY, item))
    keys = b"".join((len(key) + 4).to_bytes(4, "big") + key for key, _ in keyed)
    ilst = b"".join(_box(number.to_bytes(4, "big"), body) for number, (_, body) in enumerate(keyed, 1))
    handler = _box(b"hdlr", bytes(8) + b"mdta" + bytes(13))
    table = _box(b"keys", struct.pack(">II", 0, len(keyed)) + keys)
    return b"".join(rest) + _box(b"meta", handler + table + _box(b"ilst", ilst))


def _raw_items(data: bytes, meta: Box) -> Iterator[tuple[bytes, bytes]]:
    inner = {box.kind: box for box in _boxes(data, _meta_start(data, meta), meta.stop)}
    if b"keys" not in inner or b"ilst" not in inner:
        return
    keys = _keys(data[inner[b"keys"].start : inner[b"keys"].stop])
    for item in _boxes(data, inner[b"ilst"].start, inner[b"ilst"].stop):
        number = int.from_bytes(item.kind, "big")
        if 0 < number <= len(keys):
            yield keys[number - 1], data[item.start : item.stop]


def _moved(moov: bytes, moved: list[tuple[int, int, int]]) -> bytes:
    """`moov` (a whole box) with every chunk offset moved as far as the box it points into."""
    out = bytearray(moov)
    for table, wide in _tables(moov, 8, len(moov), 0):
        count = int.from_bytes(moov[table.start + 4 : table.start + 8], "big")
        step = 8 if wide else 4
        if table.start + 8 + count * step > table.stop:
            raise bad_file(NAME, "a table of offsets is cut")
        for at in range(table.start + 8, table.start + 8 + count * step, step):
            old = int.from_bytes(moov[at : at + step], "big")
            new = old + next((by for start, stop, by in moved if start <= old < stop), 0)
            if new >= 1 << 8 * step:
                raise bad_file(NAME, "an offset would be too large")
            out[at : at + step] = new.to_bytes(step, "big")
    return bytes(out)


def _tables(data: bytes, start: int, stop: int, depth: int) -> Iterator[tuple[Box, bool]]:
    for box in _boxes(data, start, stop):
        if depth < len(_PATH) and box.kind == _PATH[depth]:
            yield from _tables(data, box.start, box.stop, depth + 1)
        elif depth == len(_PATH) and box.kind in (b"stco", b"co64"):
            yield box, box.kind == b"co64"


def show(data: bytes, text: str) -> bytes:
    """`data` with the label in the picture at its start (sound alone: the rhythm); XMP and C2PA boxes stay.

    Needs ffmpeg, because the picture is encoded anew.
    """
    if data[8:12] == b"M4A ":
        return ffmpeg.heard(data, "m4a")
    others = [data[box.at : box.stop] for box in _boxes(data, 0, len(data)) if box.kind == b"uuid"]
    return ffmpeg.seen(data, text) + b"".join(others)
