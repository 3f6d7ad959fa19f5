"""Fields of an answer that no stage reads, taken out before anybody sees them.

Rules of this room:
1. What passes is listed; a partner's new field for text passes only once somebody reads it.
2. `reasoning` (vLLM, OpenRouter) is the same text as `reasoning_content`, and gets its name.
3. `encrypted_content` can be read by its maker alone (partners/sealed), so it passes.
4. An answer with listed fields alone keeps its bytes: telling so costs one strict reading.
Source: OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from __future__ import annotations

from typing import Any

import msgspec

Raw = msgspec.Raw
NOTHING = Raw()


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """A message or delta; a field typed None or as an empty list passes only as that."""

    role: str | None = None
    content: Raw = NOTHING
    reasoning_content: Raw = NOTHING
    refusal: Raw = NOTHING
    tool_calls: Raw = NOTHING
    encrypted_content: Raw = NOTHING
    name: None = None
    function_call: None = None
    audio: None = None
    annotations: tuple[()] | None = None


class _Choice(msgspec.Struct, forbid_unknown_fields=True):
    index: int = 0
    message: _Said | None = None
    delta: _Said | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    moderation_hit_type: str | None = None
    logprobs: Raw = NOTHING


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[_Choice] = []
    usage: Raw = NOTHING
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: Raw = NOTHING


_strict = msgspec.json.Decoder(_Answer)
_generic = msgspec.json.Decoder()
_SAID = frozenset(("role", "content", "reasoning_content", "refusal", "tool_calls", "encrypted_content"))
_CHOICE = frozenset(_Choice.__struct_fields__)
_ANSWER = frozenset(_Answer.__struct_fields__)


def strip(body: bytes) -> bytes:
    """`body`, an answer or an event of a stream as JSON, without the fields that no stage reads.

    The same object when there are none, or when it is no such answer at all (its reader will object).
    """
    try:
        _strict.decode(body)
    except msgspec.ValidationError:
        try:
            found = _generic.decode(body)
        except UnicodeDecodeError:
            return body
        return msgspec.json.encode(_listed(found)) if isinstance(found, dict) else body
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return body


def _listed(found: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if name in _ANSWER}
    choices = kept.get("choices")
    if isinstance(choices, list):
        kept["choices"] = [_choice(choice) if isinstance(choice, dict) else choice for choice in choices]
    return kept


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in choice.items() if name in _CHOICE}
    for place in ("message", "delta"):
        said = kept.get(place)
        if isinstance(said, dict):
            if said.get("reasoning") and not said.get("reasoning_content"):
                said = {**said, "reasoning_content": said["reasoning"]}
            kept[place] = {name: value for name, value in said.items() if name in _SAID}
    return kept
