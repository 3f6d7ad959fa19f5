"""Which container formats exist: every module of this folder that can `recognise` one.

A container module has
    NAME, MODALITY               its name, and text | image | audio | video
    recognise(data) -> bool      by its first bytes, never by the file's name
    read(data) -> Found          marks in it, and marks of others
    write(data, marks) -> bytes  with these marks; everything else stays
    essence(data) -> bytes       what a signature covers: the same before and after `write`
    show(data, text) -> bytes    with a label for people
    shown(data, text) -> bool    whether that label is there; missing where only an eye could tell
    words(data) -> str           what a reader reads; missing where there is nothing to read
All raise Refusal bad_file over what they cannot read, and usage where an extra is not installed.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Protocol, cast

from isthmus import export
from isthmus.core.errors import Refusal
from isthmus.export.mark import Found, Marks

LIMIT = 1 << 30  # bytes of a file
_LAST = ("mp3", "html", "markdown")  # recognised by little, so asked after the others


class Container(Protocol):
    """What a container module offers."""

    NAME: str
    MODALITY: str

    def recognise(self, data: bytes) -> bool: ...
    def read(self, data: bytes) -> Found: ...
    def write(self, data: bytes, marks: Marks) -> bytes: ...
    def essence(self, data: bytes) -> bytes: ...
    def show(self, data: bytes, text: str) -> bytes: ...


@cache
def known() -> tuple[Container, ...]:
    """Every container, in the order in which they are asked."""
    rooms = [
        importlib.import_module(f"{export.__name__}.{each.name}") for each in pkgutil.iter_modules(export.__path__)
    ]
    found = [cast("Container", room) for room in rooms if hasattr(room, "recognise")]
    return tuple(sorted(found, key=lambda room: (_LAST.index(room.NAME) + 1 if room.NAME in _LAST else 0, room.NAME)))


def of(data: bytes) -> Container:
    """The container of a file. Raises Refusal bad_file."""
    if len(data) > LIMIT:
        raise Refusal("bad_file", container="file", reason=f"it is larger than {LIMIT} bytes")
    for container in known():
        if data and container.recognise(data):
            return container
    names = ", ".join(container.NAME for container in known())
    raise Refusal("bad_file", container="file", reason=f"it is none of {names}")
