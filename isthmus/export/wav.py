"""WAV: marks in an XMP chunk (_PMX) and, for the AIGC object, in LIST INFO, where media players look.

The label that is heard is the rhythm of GB 45438-2025: short, long, short, short, as tones before the sound.
"""

from __future__ import annotations

from isthmus.export import riff, tone, xmp
from isthmus.export.mark import AIGC, Found, Marks, bad_file
from isthmus.export.riff import Chunk

NAME = "wav"
MODALITY = "audio"
_XMP = b"_PMX"
_INFO = b"INFO"
_EXTENSIBLE, _PCM, _FLOAT = 0xFFFE, 1, 3


def recognise(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WAVE"


def read(data: bytes) -> Found:
    """Marks in XMP, else in LIST INFO; C2PA's chunk."""
    marks: dict[str, str] = {}
    others: list[str] = []
    for chunk in riff.chunks(data, NAME):
        if chunk.kind == b"C2PA":
            others.append("C2PA")
        elif chunk.kind == _XMP:
            found = xmp.read(chunk.data)
            marks |= found.marks
            others += found.others
        elif _is_info(chunk):
            for each in riff.inside(chunk.data[4:], NAME):
                if each.kind == AIGC.encode():
                    marks.setdefault(AIGC, each.data.rstrip(b"\0").decode("utf-8", "replace"))
    return Found(marks, tuple(others))


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other chunk keeps its data."""
    chunks = list(riff.chunks(data, NAME))
    if not {b"fmt ", b"data"} <= {chunk.kind for chunk in chunks}:
        raise bad_file(NAME, "it holds no sound")
    packets = [chunk.data for chunk in chunks if chunk.kind == _XMP]
    info = [each for chunk in chunks if _is_info(chunk) for each in riff.inside(chunk.data[4:], NAME)]
    stay = [chunk for chunk in chunks if chunk.kind != _XMP and not _is_info(chunk)]
    if AIGC in marks:
        info = [each for each in info if each.kind != AIGC.encode()]
        info.append(Chunk(AIGC.encode(), marks[AIGC].encode() + b"\0"))
    if info:
        stay.append(Chunk(b"LIST", _INFO + riff.join(info)))
    stay.append(Chunk(_XMP, xmp.write(packets[0] if packets else None, marks)))
    return riff.build(b"WAVE", stay, NAME)


def essence(data: bytes) -> bytes:
    """What is the sound itself: its format and samples."""
    return riff.join(chunk for chunk in riff.chunks(data, NAME) if chunk.kind in (b"fmt ", b"data"))


def show(data: bytes, text: str) -> bytes:
    """`data` with the rhythm before its sound. `text` is for eyes; what is heard says the same (GB 45438-2025)."""
    del text
    chunks = list(riff.chunks(data, NAME))
    form = next((chunk.data for chunk in chunks if chunk.kind == b"fmt "), b"")
    if len(form) < 16:
        raise bad_file(NAME, "it holds no sound")
    kind, channels = int.from_bytes(form[:2], "little"), int.from_bytes(form[2:4], "little")
    rate, bits = int.from_bytes(form[4:8], "little"), int.from_bytes(form[14:16], "little")
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = int.from_bytes(form[24:26], "little")
    heard = tone.pcm(rate, channels, bits, floating=kind == _FLOAT) if kind in (_PCM, _FLOAT) else b""
    if not heard:
        raise bad_file(NAME, "its samples are compressed, or of a kind that no tone can be put before")
    done = [Chunk(each.kind, heard + each.data) if each.kind == b"data" else each for each in chunks]
    return riff.build(b"WAVE", done, NAME)


def shown(data: bytes, text: str) -> bool:
    """Whether the sound begins with the rhythm."""
    before = essence(data)
    del text
    chunks = list(riff.inside(before, NAME))
    blank = riff.build(b"WAVE", [Chunk(each.kind, each.data if each.kind == b"fmt " else b"") for each in chunks], NAME)
    heard = next(each.data for each in riff.chunks(show(blank, ""), NAME) if each.kind == b"data")
    samples = next((each.data for each in chunks if each.kind == b"data"), b"")
    return samples.startswith(heard)


def _is_info(chunk: Chunk) -> bool:
    return chunk.kind == b"LIST" and chunk.data.startswith(_INFO)
