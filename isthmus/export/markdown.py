"""Markdown: marks in the front matter (YAML), one line each; the label as the last paragraph.

A mark is written as a JSON object, which YAML reads as it is. The block form, one field a line, is read too.
"""

from __future__ import annotations

import re

import msgspec

from isthmus.export.mark import KNOWN, LIMIT, Found, Marks, encode
from isthmus.export.text import decoded

NAME = "markdown"
MODALITY = "text"
_FENCE = "---"
_FIELD = re.compile(
    r"""^[ \t]+([A-Za-z0-9]+):[ \t]*(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^"'\s#][^#\n]*?))[ \t]*$"""
)


def recognise(data: bytes) -> bool:
    """Whatever is text and nothing else; so this container is asked last."""
    return b"\0" not in data[:4096]


def read(data: bytes) -> Found:
    """Marks in the front matter."""
    front, _ = _split(decoded(data, NAME))
    marks = {}
    for key, lines in _blocks(front).items():
        said = lines[0].partition(":")[2].strip()
        text = said or encode(dict(_fields(lines[1:])))
        if key in KNOWN and len(text) <= LIMIT and text != "{}":
            marks[key] = text
    return Found(marks)


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other line stays."""
    front, body = _split(decoded(data, NAME))
    kept = [line for key, lines in _blocks(front).items() if key not in marks for line in lines]
    lines = [_FENCE, *kept, *(f"{key}: {text}" for key, text in marks.items()), _FENCE]
    return ("\n".join(lines) + "\n" + body).encode()


def essence(data: bytes) -> bytes:
    """What is read: all after the front matter."""
    return _split(decoded(data, NAME))[1].encode()


def show(data: bytes, text: str) -> bytes:
    """`data` with `text` as its last paragraph."""
    return decoded(data, NAME).rstrip("\n").encode() + f"\n\n{text}\n".encode()


def shown(data: bytes, text: str) -> bool:
    """Whether the text itself says `text`."""
    return text in words(data)


def words(data: bytes) -> str:
    """What a reader reads."""
    return _split(decoded(data, NAME))[1]


def _split(text: str) -> tuple[list[str], str]:
    """Lines of the front matter, and the rest. A line of dashes opens it only at the very beginning."""
    first, _, rest = text.partition("\n")
    if first.rstrip() != _FENCE:
        return [], text
    lines: list[str] = []
    while rest:
        line, _, rest = rest.partition("\n")
        if line.rstrip() in (_FENCE, "..."):
            return lines, rest
        lines.append(line.rstrip("\r"))
    return [], text


def _blocks(front: list[str]) -> dict[str, list[str]]:
    """Lines by the top-level key they belong to; lines before any key stand under ""."""
    blocks: dict[str, list[str]] = {}
    key = ""
    for line in front:
        if line and line[0] not in " \t#-" and ":" in line:
            key = line.partition(":")[0].strip()
            blocks.pop(key, None)
        blocks.setdefault(key, []).append(line)
    return blocks


def _fields(lines: list[str]) -> list[tuple[str, str]]:
    found = []
    for line in lines:
        match = _FIELD.match(line)
        if match is None:
            continue
        name, double, single, plain = match.groups()
        if double is not None:
            try:
                plain = msgspec.json.decode(f'"{double}"', type=str)
            except msgspec.DecodeError:
                continue
        elif single is not None:
            plain = single.replace("''", "'")
        found.append((name, plain))
    return found
