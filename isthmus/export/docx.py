"""DOCX (ISO 29500): marks as custom document properties, the label as a last paragraph."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from xml.dom import minidom

from isthmus.export import markup
from isthmus.export.mark import KNOWN, LIMIT, Found, Marks, bad_file

NAME = "docx"
MODALITY = "text"
_PART = "docProps/custom.xml"
_BODY = "word/document.xml"
_LARGEST = 64 << 20  # bytes of one part, inflated
_WHOLE = 512 << 20  # bytes of all parts, inflated
_ENTRIES = 10_000
_PROPERTIES = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"
_VALUES = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes"
_TYPE = "application/vnd.openxmlformats-officedocument.custom-properties+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties"
_FORMAT = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}"
_WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_EMPTY = f'<Properties xmlns="{_PROPERTIES}" xmlns:vt="{_VALUES}"/>'.encode()


def recognise(data: bytes) -> bool:
    return data[:4] == b"PK\x03\x04" and _BODY.encode() in data


def read(data: bytes) -> Found:
    """Marks in custom properties; a digital signature of the package."""
    parts = _parts(data)
    marks = {}
    for name, element in _named(_xml(parts.get(_PART, _EMPTY))):
        text = "".join(
            child.data for value in element.childNodes for child in value.childNodes if isinstance(child, minidom.Text)
        )
        if name in KNOWN and len(text) <= LIMIT:
            marks[name] = text
    return Found(marks, ("signature",) if any(name.startswith("_xmlsignatures/") for name in parts) else ())


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; every other part keeps its bytes."""
    parts = _parts(data)
    document = _xml(parts.get(_PART, _EMPTY))
    root = document.documentElement
    assert root is not None
    for name, element in list(_named(document)):
        if name in marks:
            root.removeChild(element)
    used = {element.getAttribute("pid") for _, element in _named(document)}
    for name, text in marks.items():
        number = next(str(each) for each in range(2, _ENTRIES) if str(each) not in used)
        used.add(number)
        element = document.createElementNS(_PROPERTIES, "property")
        for key, said in (("xmlns", _PROPERTIES), ("fmtid", _FORMAT), ("pid", number), ("name", name)):
            element.setAttribute(key, said)
        value = document.createElementNS(_VALUES, "vt:lpwstr")
        value.setAttribute("xmlns:vt", _VALUES)
        value.appendChild(document.createTextNode(text))
        element.appendChild(value)
        root.appendChild(element)
    changed = {_PART: document.toxml("UTF-8", standalone=True)}
    if _PART not in parts:
        changed |= _declared(parts)
    return _packed(data, parts, changed)


def essence(data: bytes) -> bytes:
    """What is read: the words of the document, so that a program that only saves it again breaks nothing."""
    return words(data).encode("utf-8", "surrogatepass")


def show(data: bytes, text: str) -> bytes:
    """`data` with `text` as its last paragraph."""
    parts = _parts(data)
    document = _xml(parts[_BODY])
    bodies = document.getElementsByTagNameNS(_WORDS, "body")
    if not bodies:
        raise bad_file(NAME, "it has no body")
    paragraph = document.createElementNS(_WORDS, "w:p")
    paragraph.setAttribute("xmlns:w", _WORDS)
    run = document.createElementNS(_WORDS, "w:r")
    words = document.createElementNS(_WORDS, "w:t")
    words.appendChild(document.createTextNode(text))
    run.appendChild(words)
    paragraph.appendChild(run)
    sections = [node for node in bodies[0].childNodes if getattr(node, "localName", "") == "sectPr"]
    bodies[0].insertBefore(paragraph, sections[-1] if sections else None)
    return _packed(data, parts, {_BODY: document.toxml("UTF-8", standalone=True)})


def shown(data: bytes, text: str) -> bool:
    """Whether some paragraph says `text`."""
    return text in words(data)


def words(data: bytes) -> str:
    """What a reader reads, a paragraph a line."""
    paragraphs = _xml(_parts(data)[_BODY]).getElementsByTagNameNS(_WORDS, "p")
    return "\n".join(_said(paragraph) for paragraph in paragraphs)


def _said(paragraph: minidom.Element) -> str:
    runs = paragraph.getElementsByTagNameNS(_WORDS, "t")
    return "".join(node.data for run in runs for node in run.childNodes if isinstance(node, minidom.Text))


def _parts(data: bytes) -> dict[str, bytes]:
    """Every part, inflated within bounds. Raises Refusal bad_file."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as package:
            entries = package.infolist()
            if len(entries) > _ENTRIES or sum(entry.file_size for entry in entries) > _WHOLE:
                raise bad_file(NAME, "it inflates beyond all measure")
            parts = {}
            for entry in entries:
                with package.open(entry) as file:
                    parts[entry.filename] = file.read(min(entry.file_size, _LARGEST) + 1)
                if len(parts[entry.filename]) > min(entry.file_size, _LARGEST):
                    raise bad_file(NAME, "a part is larger than it says, or than any may be")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        raise bad_file(NAME, "the package cannot be opened") from None
    if not {_BODY, "[Content_Types].xml", "_rels/.rels"} <= parts.keys():
        raise bad_file(NAME, "the package is not a document")
    return parts


def _xml(part: bytes) -> minidom.Document:
    return markup.parsed(part, NAME)


def _named(document: minidom.Document) -> list[tuple[str, minidom.Element]]:
    return [(each.getAttribute("name"), each) for each in document.getElementsByTagNameNS(_PROPERTIES, "property")]


def _declared(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Content types and relationships that name the new part."""
    types, relations = _xml(parts["[Content_Types].xml"]), _xml(parts["_rels/.rels"])
    kind = types.createElementNS("http://schemas.openxmlformats.org/package/2006/content-types", "Override")
    kind.setAttribute("PartName", f"/{_PART}")
    kind.setAttribute("ContentType", _TYPE)
    link = relations.createElementNS("http://schemas.openxmlformats.org/package/2006/relationships", "Relationship")
    for key, value in (("Id", "rIdIsthmusMark"), ("Type", _RELATION), ("Target", _PART)):
        link.setAttribute(key, value)
    for document, element in ((types, kind), (relations, link)):
        root = document.documentElement
        if root is None:
            raise bad_file(NAME, "a part is empty")
        root.appendChild(element)
    return {
        "[Content_Types].xml": types.toxml("UTF-8", standalone=True),
        "_rels/.rels": relations.toxml("UTF-8", standalone=True),
    }


def _packed(data: bytes, parts: dict[str, bytes], changed: dict[str, bytes]) -> bytes:
    """The package with some parts changed, in the old order and with the old dates, so that it is reproducible."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as package, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        entries = {entry.filename: entry for entry in package.infolist()}
        for name, part in {**parts, **changed}.items():
            entry = entries.get(name) or zipfile.ZipInfo(name)
            plain = zipfile.ZipInfo(name, entry.date_time)
            plain.external_attr = entry.external_attr
            made.writestr(plain, part, zipfile.ZIP_DEFLATED)
    return out.getvalue()
