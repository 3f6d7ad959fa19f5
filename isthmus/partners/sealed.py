"""What a partner wants back unread: signatures of its own reasoning, as one `encrypted_content` string of a message.

Ark and Responses return an encrypted text, Anthropic a signature per thinking block, Gemini a signature per part. A
caller keeps the string and sends it again; only the dialect that made it opens it, every other one leaves it out.
The string never holds readable reasoning: that stays in `reasoning_content`, where it is moderated and masked.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

_END = ":"
_parts = msgspec.json.Decoder(list[dict[str, str | int]])


def seal(dialect: str, parts: list[dict[str, Any]]) -> str:
    """`parts` (flat objects of strings and numbers) as one printable string that names its dialect.

    Several of them, one behind the other, are as good as one: a stream seals each part when it is whole.
    """
    return f"{dialect}.{base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode()}{_END}"


def unseal(dialect: str, text: object) -> list[dict[str, Any]]:
    """The parts that `seal` was given; empty when `text` is another's, or not whole."""
    found: list[dict[str, Any]] = []
    for piece in text.split(_END) if isinstance(text, str) else ():
        made, _, raw = piece.partition(".")
        if made == dialect:
            try:
                found += _parts.decode(base64.urlsafe_b64decode(raw))
            except (ValueError, msgspec.MsgspecError):
                return []
    return found
