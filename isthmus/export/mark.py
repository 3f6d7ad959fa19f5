"""Marks: what is written into a file for machines to read, as JSON under a key.

GB 45438-2025, annex E: one object under the key AIGC with exactly seven keys. Other regions name their own fields; they
stand under PROVENANCE. A mark that a partner wrote is kept: only its empty fields are filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from isthmus.core.errors import Refusal

AIGC = "AIGC"
PROVENANCE = "Provenance"
KNOWN = (AIGC, PROVENANCE)
KEYS = (
    "Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2",
)  # fmt: skip
LABELS = ("1", "2", "3")  # is, may be, is suspected to be made by AI
LIMIT = 32 << 10  # bytes of one mark; ours have some 500

_json = msgspec.json.Decoder(dict[str, Any])

Marks = Mapping[str, str]


class Found(NamedTuple):
    """What stands in a file: marks by key, as JSON text, and the names of marks that others put there."""

    marks: dict[str, str]
    others: tuple[str, ...] = ()


def bad_file(container: str, reason: str) -> Refusal:
    """The refusal of a file that is not what it says. `reason` never quotes the file."""
    return Refusal("bad_file", container=container, reason=reason)


def encode(fields: Mapping[str, str]) -> str:
    """The fields as one JSON object, in their order."""
    return msgspec.json.encode(dict(fields)).decode()


def decode(text: str) -> dict[str, str]:
    """The fields of a mark; {} when it is not one flat JSON object of texts. The object may stand under its own key."""
    if len(text) > LIMIT:
        return {}
    try:
        fields = _json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}
    if len(fields) == 1 and isinstance(inner := fields.get(AIGC), dict):
        fields = inner
    return fields if all(isinstance(value, str) for value in fields.values()) else {}


def joined(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """`new` with everything that `old` already says; the order is that of `new`, what only `old` knows follows."""
    return {key: old.get(key) or new.get(key, "") for key in (*new, *(key for key in old if key not in new))}


def faults(fields: Mapping[str, str]) -> list[str]:
    """What an AIGC object lacks of annex E, in words; empty when it is exact."""
    wrong = [f"key {key} is missing" for key in KEYS if key not in fields]
    wrong += [f"key {key} is not one of the seven" for key in fields if key not in KEYS]
    wrong += [f"{key} is empty" for key in KEYS if key in fields and not fields[key]]
    if fields.get("Label") and fields["Label"] not in LABELS:
        wrong.append('Label is not "1", "2" or "3"')
    return wrong
