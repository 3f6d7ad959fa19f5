"""An upload's body, cut into its fields. Strict: whatever two readers could cut differently is refused.

Source: RFC 7578 (multipart/form-data), RFC 2046 section 5.1.1 (boundaries).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from isthmus.core.errors import Refusal

FIELDS = 8
_BOUNDARY = re.compile(r'multipart/form-data;\s*boundary="?([0-9A-Za-z\'()+_,./:=?-]{1,70})"?\s*\Z', re.IGNORECASE)
_NAME = re.compile(rb'(?:\A|;)\s*name="([^"\r\n]*)"')
_FILENAME = re.compile(rb';\s*filename="([^"\r\n]*)"')


class Field(NamedTuple):
    """One field's file name (empty where it is none) and its bytes."""

    filename: str
    value: bytes


def parse(content_type: str, body: bytes) -> dict[str, Field]:
    """Fields by name. Raises Refusal unsupported_media or bad_field."""
    found = _BOUNDARY.match(content_type)
    if found is None:
        raise Refusal("bad_field", field="content-type", reason="an upload is multipart/form-data with a boundary")
    mark = b"\r\n--" + found[1].encode()
    first, *pieces = (b"\r\n" + body).split(mark)
    if first.strip() or not pieces or not pieces[-1].startswith(b"--") or len(pieces) > FIELDS + 1:
        raise Refusal("bad_field", field="body", reason=f"it is not 1 to {FIELDS} whole parts")
    fields: dict[str, Field] = {}
    for piece in pieces[:-1]:
        head, blank, value = piece.partition(b"\r\n\r\n")
        name, field = _field(head, value)
        if not blank or not name or name in fields:
            raise Refusal("bad_field", field="body", reason="each part has a head and a name of its own")
        fields[name] = field
    return fields


def _field(head: bytes, value: bytes) -> tuple[str, Field]:
    for line in head.split(b"\r\n"):
        key, _, rest = line.partition(b":")
        if key.strip().lower() == b"content-disposition" and rest.strip().lower().startswith(b"form-data"):
            said = rest.strip()[len(b"form-data") :]
            name, filename = _NAME.search(said), _FILENAME.search(said)
            shown = filename[1].decode("utf-8", "replace") if filename else ""
            return (name[1].decode("utf-8", "replace") if name else ""), Field(shown, value)
    return "", Field("", b"")
