"""XMP packets (ISO 16684-1): our marks beside everything that was there before.

The AIGC object is the text of the property TC260:AIGC, the form in which files from China carry it; ours beside it
 is isthmus:Provenance; Iptc4xmpExt:DigitalSourceType says the same in the words that picture agencies read.
A packet with a document type is refused: nobody needs one, and entities are how XML parsers are made to explode.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.dom import minidom

from isthmus.export import markup
from isthmus.export.mark import AIGC, PROVENANCE, Found, Marks, bad_file

LIMIT = 1 << 20  # bytes of one packet
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    AIGC: ("TC260", "http://www.tc260.org.cn/ns/AIGC/1.0/"),
    PROVENANCE: ("isthmus", "urn:isthmus:mark:1"),
}
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_SOURCE = "DigitalSourceType"
_MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def read(packet: bytes) -> Found:
    """The marks in a packet. Raises Refusal bad_file."""
    document = _parse(packet)
    marks = {}
    for key, (_, space) in NAMESPACES.items():
        for _, text in _said(document, space, key):
            marks[key] = text
    others = [f"IPTC {_SOURCE}" for _ in _said(document, _IPTC, _SOURCE)]
    return Found(marks, tuple(dict.fromkeys(others)))


def write(packet: bytes | None, marks: Marks) -> bytes:
    """`packet` (None: a new one) with the marks in it, each once; all else in it stays. Raises Refusal bad_file."""
    document = _parse(packet or _EMPTY)
    roots = document.getElementsByTagNameNS(RDF, "RDF")
    if not roots:
        raise bad_file("XMP", "it has no rdf:RDF")
    for key in marks:
        for holder, _ in list(_said(document, NAMESPACES[key][1], key)):
            _remove(holder, NAMESPACES[key][1], key)
    about = document.createElementNS(RDF, "rdf:Description")
    about.setAttribute("xmlns:rdf", RDF)
    about.setAttribute("rdf:about", "")
    for key, text in marks.items():
        _add(document, about, *NAMESPACES[key], key, text)
    if not list(_said(document, _IPTC, _SOURCE)):
        _add(document, about, "Iptc4xmpExt", _IPTC, _SOURCE, _MADE)
    roots[0].appendChild(about)
    return "".join(node.toxml() for node in document.childNodes).encode()


def _parse(packet: bytes) -> minidom.Document:
    if len(packet) > LIMIT:
        raise bad_file("XMP", f"the packet is larger than {LIMIT} bytes")
    return markup.parsed(packet.strip(b"\0 \r\n\t"), "XMP")


def _said(document: minidom.Document, space: str, name: str) -> Iterator[tuple[minidom.Element, str]]:
    """Every place where a property stands, as an element or as an attribute of a description, with its text."""
    for each in document.getElementsByTagNameNS(space, name):
        yield each, "".join(child.data for child in each.childNodes if isinstance(child, minidom.Text))
    for each in document.getElementsByTagNameNS(RDF, "Description"):
        if each.hasAttributeNS(space, name):
            yield each, each.getAttributeNS(space, name)


def _remove(holder: minidom.Element, space: str, name: str) -> None:
    if holder.namespaceURI != space or holder.localName != name:
        holder.removeAttributeNS(space, name)
        return
    parent = holder.parentNode
    assert parent is not None
    parent.removeChild(holder)
    above = parent.parentNode
    if parent.namespaceURI == RDF and parent.localName == "Description" and not parent.childNodes and above is not None:
        above.removeChild(parent)


def _add(document: minidom.Document, about: minidom.Element, prefix: str, space: str, name: str, text: str) -> None:
    element = document.createElementNS(space, f"{prefix}:{name}")
    element.setAttribute(f"xmlns:{prefix}", space)
    element.appendChild(document.createTextNode(text))
    about.appendChild(element)
