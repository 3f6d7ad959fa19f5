"""XML out of untrusted files: no document type, so no entities; no nesting that a recursive reader could fall into."""

from __future__ import annotations

from xml.dom import minidom
from xml.parsers.expat import ExpatError

from isthmus.export.mark import bad_file

DEPTH = 100


def parsed(data: bytes, container: str) -> minidom.Document:
    """The document in `data`. Raises Refusal bad_file."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise bad_file(container, "an XML part declares a document type, or is not UTF-8")
    try:
        document = minidom.parseString(data)  # noqa: S318  # no document type, so no entities
    except (ExpatError, ValueError, LookupError, RecursionError, AttributeError):
        raise bad_file(container, "an XML part is not well-formed") from None
    level: list[minidom.Node] = [document]
    for _ in range(DEPTH):
        level = [child for node in level for child in node.childNodes]
    if level:
        raise bad_file(container, f"an XML part is nested more than {DEPTH} deep")
    return document
