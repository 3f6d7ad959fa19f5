"""PDF (ISO 32000-2): marks in the catalog's XMP and in the Info dictionary, as an incremental update.

Every byte that was there stays; the update is appended with pypdf (`pip install isthmus[label]`). An encrypted or
signed file is refused: it could not be marked without its owner's password, or without breaking the signature.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from isthmus.core.errors import Refusal
from isthmus.export import picture, xmp
from isthmus.export.mark import AIGC, LIMIT, Found, Marks, bad_file

NAME = "pdf"
MODALITY = "text"
_END = b"%%EOF"
_OURS = b"/IsthmusMark"
_FONT = "/IsthmusLabel"
_OBJECTS = 2_000_000
_SIZE = 10  # points
_MARGIN = 24


def recognise(data: bytes) -> bool:
    return b"%PDF-" in data[:1024]


def read(data: bytes) -> Found:
    """Marks in XMP, else in the Info dictionary."""
    reader = _reader(data)
    marks: dict[str, str] = {}
    others: tuple[str, ...] = ()
    with _named():
        packet = _packet(reader.trailer["/Root"])
        if packet is not None:
            marks, others = xmp.read(packet)
        said = (reader.metadata or {}).get(f"/{AIGC}")
        if isinstance(said, str) and len(said) <= LIMIT:
            marks = {AIGC: str(said), **marks}
    return Found(marks, others)


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks in an update of its own; an update that we made before is replaced."""
    data = essence(data)
    writer, out = _writer(data), BytesIO()
    generic = importlib.import_module("pypdf.generic")
    with _named():
        root = writer.root_object
        stream = generic.StreamObject()
        stream.set_data(xmp.write(_packet(root), marks))
        stream.update({_name("/Type"): _name("/Metadata"), _name("/Subtype"): _name("/XML")})
        root[_name("/Metadata")] = writer._add_object(stream)  # noqa: SLF001  # pypdf's way to add any object
        info = {f"/{AIGC}": marks[AIGC]} if AIGC in marks else {}
        writer.add_metadata({**info, _OURS.decode(): "1"})
        writer.write(out)
    return out.getvalue().rstrip() + b"\n"


def essence(data: bytes) -> bytes:
    """The file as it was before our update, up to its last end-of-file mark."""
    end = data.rfind(_END)
    if end < 0:
        raise bad_file(NAME, "it has no end-of-file mark")
    before = data.rfind(_END, 0, end)
    if before >= 0 and _OURS in data[before:end]:
        end = before
    return data[: end + len(_END)] + b"\n"


def show(data: bytes, text: str) -> bytes:
    """`data` with the label at the foot of its last page, in letters that the file carries with it."""
    picture.check_letters(text)
    writer, out = _writer(data), BytesIO()
    generic = importlib.import_module("pypdf.generic")
    with _named():
        page = writer.pages[-1]
        known = picture.letters()
        resources = generic.DictionaryObject(page.get("/Resources", generic.DictionaryObject()).get_object())
        fonts = generic.DictionaryObject(resources.get("/Font", generic.DictionaryObject()).get_object())
        font = _FONT
        while font in fonts:
            font += "0"
        string = "".join(f"{known[char][0]:04x}" for char in text)
        box = page.mediabox
        at = f"{float(box.left) + _MARGIN:.1f} {float(box.bottom) + _MARGIN / 2:.1f}"
        said = f"\nQ q BT {font} {_SIZE} Tf 0 g {at} Td <{string}> Tj ET Q\n"
        first, last = generic.StreamObject(), generic.StreamObject()
        first.set_data(b"q\n")
        last.set_data(said.encode())
        add = writer._add_object  # noqa: SLF001
        old = page.get("/Contents")
        inner = old.get_object() if old is not None else generic.ArrayObject()
        parts = list(inner) if isinstance(inner, generic.ArrayObject) else [old]
        page[_name("/Contents")] = generic.ArrayObject([add(first), *parts, add(last)])
        fonts[_name(font)] = _font(generic, add, text)
        resources[_name("/Font")] = fonts
        page[_name("/Resources")] = resources
        writer.write(out)
    return out.getvalue().rstrip() + b"\n"


def shown(data: bytes, text: str) -> bool:
    """Whether the last or first page says `text`."""
    reader = _reader(data)
    with _named():
        return any(text in page.extract_text() for page in (reader.pages[0], reader.pages[-1]))


def words(data: bytes) -> str:
    """What a reader reads, as far as the file's fonts tell."""
    reader = _reader(data)
    with _named():
        return "\n".join(page.extract_text() for page in reader.pages)


def _reader(data: bytes) -> Any:
    pypdf = _pypdf()
    with _named():
        reader = pypdf.PdfReader(BytesIO(data))
        if reader.is_encrypted:
            raise bad_file(NAME, "it is encrypted")
        if not len(reader.pages):
            raise bad_file(NAME, "it has no page")
    return reader


def _writer(data: bytes) -> Any:
    pypdf = _pypdf()
    reader = _reader(data)
    with _named():
        form = reader.trailer["/Root"].get("/AcroForm")
        if form is not None and int(form.get_object().get("/SigFlags", 0)) & 1:
            raise bad_file(NAME, "it is signed, and a mark would break the signature")
        writer = pypdf.PdfWriter(BytesIO(data), incremental=True)
        # A cross-reference stream is an object that no table lists; its number must not be given out a second time.
        size = int(reader.trailer.get("/Size", 0))
        if size > _OBJECTS:
            raise bad_file(NAME, f"it claims more than {_OBJECTS} objects")
        while len(writer._objects) < size:  # noqa: SLF001
            writer._add_object(importlib.import_module("pypdf.generic").NullObject())  # noqa: SLF001
        return writer


def _packet(root: Any) -> bytes | None:
    held = root.get("/Metadata")
    packet = held.get_object().get_data() if held is not None else None
    return packet if isinstance(packet, bytes) and packet.strip() else None


def _font(generic: Any, add: Any, text: str) -> Any:
    """The label's font, embedded whole: a composite font whose codes are glyph numbers, with the way back to text."""
    known = picture.letters()
    program = generic.StreamObject()
    program.set_data(picture.FONT.read_bytes())
    program = program.flate_encode()
    number, name, array, table = generic.NumberObject, generic.NameObject, generic.ArrayObject, generic.DictionaryObject
    described = table(
        {
            name("/Type"): name("/FontDescriptor"), name("/FontName"): name(_FONT), name("/Flags"): number(4),
            name("/FontBBox"): array([number(each) for each in (-200, -300, 1200, 1000)]),
            name("/ItalicAngle"): number(0), name("/Ascent"): number(880), name("/Descent"): number(-120),
            name("/CapHeight"): number(733), name("/StemV"): number(80), name("/FontFile2"): add(program),
        }
    )  # fmt: skip
    widths = array()
    for char in sorted(set(text)):
        widths.extend([number(known[char][0]), array([number(known[char][1])])])
    descendant = table(
        {
            name("/Type"): name("/Font"), name("/Subtype"): name("/CIDFontType2"), name("/BaseFont"): name(_FONT),
            name("/CIDSystemInfo"): table(
                {
                    name("/Registry"): generic.TextStringObject("Adobe"),
                    name("/Ordering"): generic.TextStringObject("Identity"), name("/Supplement"): number(0),
                }
            ),
            name("/FontDescriptor"): add(described), name("/W"): widths, name("/CIDToGIDMap"): name("/Identity"),
        }
    )  # fmt: skip
    back = generic.StreamObject()
    lines = "\n".join(f"<{known[char][0]:04x}> <{char.encode('utf-16-be').hex()}>" for char in sorted(set(text)))
    back.set_data(
        (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Isthmus def /CMapType 2 def\n"
            "1 begincodespacerange <0000> <ffff> endcodespacerange\n"
            f"{len(set(text))} beginbfchar\n{lines}\nendbfchar endcmap end end\n"
        ).encode()
    )
    return add(
        table(
            {
                name("/Type"): name("/Font"), name("/Subtype"): name("/Type0"), name("/BaseFont"): name(_FONT),
                name("/Encoding"): name("/Identity-H"), name("/DescendantFonts"): array([add(descendant)]),
                name("/ToUnicode"): add(back),
            }
        )
    )  # fmt: skip


@contextmanager
def _named() -> Generator[None]:
    """Whatever pypdf raises over a hostile file, as bad_file; a refusal passes."""
    broken = (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, RecursionError, MemoryError)
    try:
        yield
    except (*broken, AssertionError, ArithmeticError, NotImplementedError, _pypdf().errors.PyPdfError):
        raise bad_file(NAME, "its structure cannot be read") from None


def _name(text: str) -> Any:
    return importlib.import_module("pypdf.generic").NameObject(text)


def _pypdf() -> Any:
    try:
        return importlib.import_module("pypdf")
    except ImportError:
        raise Refusal("usage", reason="Marks in PDF need pypdf: pip install 'isthmus[label]'") from None
