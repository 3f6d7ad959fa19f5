r"""Text inside JSON, as a reader will have it: `\u8d4c` is a character, and inside a string `\n` is a new line.

Tool arguments and JSON answers arrive as text in which characters may be written as escapes (RFC 8259, section 7);
whoever looks for words there must look at what the escapes say. `plain` reads them and knows where each came from;
`open_end` says how much of a piece's end may be half an escape.
"""

from __future__ import annotations

import re

_CODE = r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})"
_CODES = re.compile(_CODE)
_JSON = re.compile(_CODE + r'|\\([bfnrt"\\/])')
_OPEN = re.compile(r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?\Z")
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
LONGEST = 11  # characters of half an escape


def _means(match: re.Match[str]) -> str:
    high, low, code = match[1], match[2], match[3]
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
    if code:
        return chr(int(code, 16))
    return _SHORT.get(match[4], match[4])


def plain(text: str, *, json: bool) -> tuple[str, list[int]]:
    r"""`text` with its escapes read, and for each character of that, and for its end, the place in `text`.

    With `json` all escapes of a JSON string are read, else `\uXXXX` alone. Half a surrogate pair stays as it is.
    """
    out: list[str] = []
    places: list[int] = []
    at = 0
    for match in (_JSON if json else _CODES).finditer(text):
        start, end = match.span()
        said = _means(match)
        if "\ud800" <= said <= "\udfff":
            continue
        out.append(text[at:start])
        places.extend(range(at, start))
        out.append(said)
        places.append(start)
        at = end
    out.append(text[at:])
    places.extend(range(at, len(text) + 1))
    return "".join(out), places


def open_end(text: str, *, json: bool) -> int:
    """How many characters at the end of `text` may be the beginning of an escape that is not whole yet."""
    match = _OPEN.search(text, max(0, len(text) - LONGEST))
    if match is None:
        return 0
    start = match.start()
    before = text[:start]
    if json and (len(before) - len(before.rstrip("\\"))) % 2:
        return 0  # the backslash is itself escaped
    return len(text) - start
