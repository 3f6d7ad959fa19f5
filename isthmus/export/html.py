"""HTML: marks as <meta name> in the head; the label as the last paragraph of the body."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

from isthmus.export.mark import KNOWN, LIMIT, Found, Marks
from isthmus.export.text import decoded

NAME = "html"
MODALITY = "text"
_START = re.compile(
    r"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_META = re.compile(rf"""<meta\b[^>]*\bname\s*=\s*["']?({"|".join(KNOWN)})["'\s][^>]*>\n?""", re.IGNORECASE)
_HEAD = re.compile(r"<head\b[^>]*>\n?", re.IGNORECASE)
_HTML = re.compile(r"<html\b[^>]*>\n?", re.IGNORECASE)
_DOCTYPE = re.compile(r"^\s*<!doctype[^>]*>\n?", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)


def recognise(data: bytes) -> bool:
    return bool(_START.match(data[:4096].decode("utf-8-sig", "replace")))


def read(data: bytes) -> Found:
    """Marks in <meta>, wherever a parser finds them."""
    reader = _Reader()
    reader.feed(decoded(data, NAME))
    reader.close()
    return Found(reader.marks)


def write(data: bytes, marks: Marks) -> bytes:
    """`data` with the marks; everything else stays."""
    text = _META.sub(lambda found: "" if found[1] in marks else found[0], decoded(data, NAME))
    made = "".join(f'<meta name="{key}" content="{escape(value)}">\n' for key, value in marks.items())
    found = _HEAD.search(text) or _HTML.search(text) or _DOCTYPE.match(text)
    at = found.end() if found else 0
    return (text[:at] + made + text[at:]).encode()


def essence(data: bytes) -> bytes:
    """The document without the marks."""
    return _META.sub("", decoded(data, NAME)).encode()


def show(data: bytes, text: str) -> bytes:
    """`data` with `text` as the last paragraph of its body."""
    document = decoded(data, NAME)
    ends = list(_BODY_END.finditer(document))
    at = ends[-1].start() if ends else len(document)
    return (document[:at] + f'<p class="ai-label">{escape(text)}</p>\n' + document[at:]).encode()


def shown(data: bytes, text: str) -> bool:
    """Whether the words of the body say `text`."""
    return text in words(data)


def words(data: bytes) -> str:
    """What a reader reads."""
    reader = _Reader()
    reader.feed(decoded(data, NAME))
    reader.close()
    return "".join(reader.said)


class _Reader(HTMLParser):
    """Marks, and what a browser would show as text."""

    _UNSEEN = frozenset(("script", "style", "template", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.marks: dict[str, str] = {}
        self.said: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        name, value = known.get("name") or "", known.get("content") or ""
        if tag == "meta" and name in KNOWN and len(value) <= LIMIT:
            self.marks[name] = value
        self._unseen += tag in self._UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in self._UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.said.append(data)
