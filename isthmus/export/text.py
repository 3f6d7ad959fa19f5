"""What Markdown and HTML share: UTF-8 text, bounded, with or without a byte order mark."""

from __future__ import annotations

from isthmus.export.mark import bad_file

LIMIT = 64 << 20  # bytes


def decoded(data: bytes, container: str) -> str:
    """The text of a file. Raises Refusal bad_file."""
    if len(data) > LIMIT:
        raise bad_file(container, f"it is larger than {LIMIT} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise bad_file(container, "it is not UTF-8 text") from None
    if "\0" in text:
        raise bad_file(container, "it is not text")
    return text
