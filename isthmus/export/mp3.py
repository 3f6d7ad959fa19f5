"""MP3: marks in ID3v2 user text frames (TXXX), read and written with mutagen (`pip install isthmus[label]`)."""

from __future__ import annotations

import importlib
from io import BytesIO
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.export import ffmpeg
from isthmus.export.mark import KNOWN, LIMIT, Found, Marks, bad_file

NAME = "mp3"
MODALITY = "audio"
_TAG = 16 << 20  # bytes of a tag, pictures and all


def recognise(data: bytes) -> bool:
    """An ID3v2 tag, or the header of an MPEG audio frame of layer III (ISO 11172-3, 2.4.1.3)."""
    return data[:3] == b"ID3" or (len(data) > 3 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2)


def read(data: bytes) -> Found:
    """Marks in TXXX frames; C2PA's object (GEOB)."""
    tag = _tag(data)
    if tag is None:
        return Found({})
    marks = {}
    for frame in tag.getall("TXXX"):
        if frame.desc in KNOWN and frame.text and len(str(frame.text[0])) <= LIMIT:
            marks[frame.desc] = str(frame.text[0])
    others = ["C2PA" for frame in tag.getall("GEOB") if "c2pa" in str(getattr(frame, "mime", "")).lower()]
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other frame of the tag stays."""
    id3 = _id3()
    tag = _tag(data)
    essence(data)
    if tag is None:
        tag = id3.ID3()
    for key, text in marks.items():
        tag.delall(f"TXXX:{key}")
        tag.add(id3.TXXX(encoding=3, desc=key, text=[text]))
    out = BytesIO(data)
    try:
        tag.save(out, v2_version=4)
    except (id3.error, ValueError, OSError):
        raise bad_file(NAME, "its tag cannot be written") from None
    return out.getvalue()


def essence(data: bytes) -> bytes:
    """What is the sound itself: everything after the tag, without the old tag at the end."""
    at = _tag_end(data)
    end = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
    if end - at < 4 or data[at] != 0xFF:
        # Some writers pad with zeros between the tag and the first frame.
        at = data.find(b"\xff", at, at + 65_536)
        if at < 0 or end - at < 4:
            raise bad_file(NAME, "it holds no sound")
    return data[at:end]


def show(data: bytes, text: str) -> bytes:
    """`data` with the rhythm before its sound. Needs ffmpeg, because the sound is encoded anew."""
    del text
    return ffmpeg.heard(data, NAME)


def _tag_end(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = (data[6] & 127) << 21 | (data[7] & 127) << 14 | (data[8] & 127) << 7 | data[9] & 127
    if size > _TAG:
        raise bad_file(NAME, f"its tag claims more than {_TAG} bytes")
    if 10 + size > len(data):
        raise bad_file(NAME, "its tag is longer than the file")
    return 10 + size + (10 if data[5] & 0x10 else 0)


def _tag(data: bytes) -> Any:
    """The tag as mutagen reads it; None when there is none."""
    id3 = _id3()
    if not _tag_end(data):
        return None
    try:
        return id3.ID3(BytesIO(data))
    except id3.ID3NoHeaderError:
        return None
    except (id3.error, ValueError, EOFError, OSError, KeyError, IndexError, TypeError, MemoryError):
        raise bad_file(NAME, "its tag cannot be read") from None


def _id3() -> Any:
    try:
        return importlib.import_module("mutagen.id3")
    except ImportError:
        raise Refusal("usage", reason="Marks in MP3 need mutagen: pip install 'isthmus[label]'") from None
