"""Decode a caller's body into the shape its wire promises; what does not fit is refused without quoting it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from isthmus.core.errors import Refusal

T = TypeVar("T")
_PLACE = re.compile(r" - at `\$\.?([a-z_]*)[^`]*`\Z")
_MISSING = re.compile(r"missing required field `([a-z_]+)`")
_generic = msgspec.json.Decoder()


def decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """`body` in the decoder's shape. Raises Refusal bad_json or bad_field."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        words = str(error)
        place, missing = _PLACE.search(words), _MISSING.search(words)
        if missing is not None and " - at " not in words:
            raise Refusal("bad_field", field=missing[1], reason="it is required") from None
        if place is None or not place[1]:
            raise Refusal("bad_json", reason="the top level must be an object") from None
        reason = "it does not have the shape of the API reference"
        raise Refusal("bad_field", field=place[1], reason=reason) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refusal("bad_json", reason="it is malformed, not UTF-8 or nested too deeply") from None


NOTHING = msgspec.Raw(b"")  # a raw field that was not given


def given(raw: msgspec.Raw) -> msgspec.Raw | None:
    """A raw field's value as it came; None when it was not given, or null."""
    return raw if bytes(raw) not in (b"", b"null") else None


def generic(raw: bytes | msgspec.Raw) -> Any:
    """Any JSON that this house wrote or has read before."""
    return _generic.decode(raw)


def origin(document: dict[str, Any]) -> dict[str, Any]:
    """The `isthmus` object of an answer or event; empty where there is none yet."""
    found = document.get("isthmus")
    return found if isinstance(found, dict) else {}
