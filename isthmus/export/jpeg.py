"""JPEG (ITU-T T.81): marks in an APP1 segment with an XMP packet, after JFIF and Exif."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from isthmus.export import picture, xmp
from isthmus.export.mark import Found, Marks, bad_file

NAME = "jpeg"
MODALITY = "image"
_START = b"\xff\xd8\xff"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_APP0, _APP1, _APP2, _APP11, _APP15, _COMMENT, _SCAN = 0xE0, 0xE1, 0xE2, 0xEB, 0xEF, 0xFE, 0xDA
_LARGEST = 65_533  # bytes in one segment
_APP14 = 0xEE  # Adobe's: it says how colours are coded
_QUALITY = 95


class Segment(NamedTuple):
    """One marker segment before the scan: its code, its data, all its bytes. Code 0: the scan and all after it."""

    code: int
    data: bytes
    whole: bytes


def recognise(data: bytes) -> bool:
    return data.startswith(_START)


def read(data: bytes) -> Found:
    """Marks in XMP; C2PA's boxes (JUMBF in APP11)."""
    marks: dict[str, str] = {}
    others: list[str] = []
    for segment in _segments(data):
        if segment.code == _APP11 and b"jumb" in segment.data[:32] and "C2PA" not in others:
            others.append("C2PA")
        elif _is_xmp(segment):
            found = xmp.read(segment.data[len(_XMP) :])
            marks |= found.marks
            others += found.others
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other segment keeps its bytes."""
    segments = list(_segments(data))
    packets = [segment.data[len(_XMP) :] for segment in segments if _is_xmp(segment)]
    body = _XMP + xmp.write(packets[0] if packets else None, marks)
    if len(body) > _LARGEST:
        raise bad_file(NAME, "its XMP has no room for more")
    made = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    stay = [segment for segment in segments if not _is_xmp(segment)]
    at = 0
    while stay[at].code == _APP0 or (stay[at].code == _APP1 and stay[at].data.startswith(b"Exif\0")):
        at += 1
    return data[:2] + b"".join(each.whole for each in stay[:at]) + made + b"".join(each.whole for each in stay[at:])


def show(data: bytes, text: str) -> bytes:
    """`data` with the label in the picture; what stood beside the picture stays."""
    new = list(_segments(picture.drawn(data, text, NAME, quality=_QUALITY, subsampling=0)))
    old = [each for each in _segments(data) if _is_beside(each)]
    fresh = [each for each in new if not _is_beside(each)]
    at = next((place for place, each in enumerate(fresh) if each.code != _APP0), 0)
    return data[:2] + b"".join(each.whole for each in (*fresh[:at], *old, *fresh[at:]))


def essence(data: bytes) -> bytes:
    """What is the picture itself: tables, frame header and scan, without APPn and comments."""
    return b"".join(
        each.whole for each in _segments(data) if not (_APP0 <= each.code <= _APP15 or each.code == _COMMENT)
    )


def _segments(data: bytes) -> Iterator[Segment]:
    at = 2
    while True:
        if at + 4 > len(data):
            raise bad_file(NAME, "it is cut before its picture")
        if data[at] != 0xFF:
            raise bad_file(NAME, "a segment has no marker")
        code = data[at + 1]
        if code == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if code == _SCAN:
            yield Segment(0, b"", data[at:])
            return
        if code in (0x00, 0xD9) or 0xD0 <= code <= 0xD8:
            raise bad_file(NAME, "a marker stands where none may be")
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            raise bad_file(NAME, "a segment is longer than the file")
        yield Segment(code, data[at + 4 : stop], data[at:stop])
        at = stop


def _is_beside(segment: Segment) -> bool:
    """What describes the picture and not how it is coded. The colour profile (APP2) comes with the new picture."""
    if segment.code == _APP2:
        return not segment.data.startswith(b"ICC_PROFILE")
    return segment.code == _COMMENT or (_APP0 < segment.code <= _APP15 and segment.code != _APP14)


def _is_xmp(segment: Segment) -> bool:
    return segment.code == _APP1 and segment.data.startswith(_XMP)
