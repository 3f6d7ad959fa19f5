"""The fields that may pass to a partner, each with its range where a number could harm an engine.

Everything else a caller sends stays here: a client never reaches an engine's own switches (negative n_discard, slot
ids, cache files), and never names an upstream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from isthmus.core.errors import Refusal

_number = msgspec.json.Decoder(float)
_integer = msgspec.json.Decoder(int)


def _between(low: float, high: float, decoder: msgspec.json.Decoder[Any] = _number) -> Callable[[msgspec.Raw], bool]:
    def check(raw: msgspec.Raw) -> bool:
        return bool(low <= decoder.decode(raw) <= high)

    check.__doc__ = f"a number from {low:g} to {high:g}"
    return check


def _flag(raw: msgspec.Raw) -> bool:
    """Either true or false."""
    return bytes(raw) in (b"true", b"false")


def _effort(raw: msgspec.Raw) -> bool:
    """One of none, minimal, low, medium, high, xhigh."""
    return bytes(raw) in (b'"none"', b'"minimal"', b'"low"', b'"medium"', b'"high"', b'"xhigh"')


_MANY = 1 << 20
_whole = _between(1, _MANY, _integer)

FIELDS: dict[str, Callable[[msgspec.Raw], bool] | None] = {
    "max_tokens": _whole,
    "max_completion_tokens": _whole,
    "temperature": _between(0, 2),
    "top_p": _between(0, 1),
    "presence_penalty": _between(-2, 2),
    "frequency_penalty": _between(-2, 2),
    "seed": _between(-(2**63), 2**63 - 1, _integer),
    "top_logprobs": _between(0, 20, _integer),
    "logprobs": _flag,
    "stop": None,
    "tools": None,
    "tool_choice": None,
    "parallel_tool_calls": _flag,
    "response_format": None,
    "reasoning_effort": _effort,
}
# Read by the corridor itself and written anew, so never passed on as they came.
OWN = frozenset(
    ("model", "messages", "stream", "stream_options", "n", "user", "store", "metadata", "safety_identifier")
)


def require(raw: msgspec.Raw, name: str) -> None:
    """Check one field, if it is listed. Raises Refusal bad_field when it is out of range."""
    check = FIELDS.get(name)
    if check is None:
        return
    try:
        fits = check(raw)
    except msgspec.MsgspecError:
        fits = False
    if not fits:
        raise Refusal("bad_field", field=name, reason=f"it must be {str(check.__doc__).rstrip('.').lower()}")
