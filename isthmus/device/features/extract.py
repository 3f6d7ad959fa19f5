"""Extract: an object of the caller's shape from a text. Grammar makes it valid; the gate asks if the text says so.

`response_constraint` is a JSON schema, or in Python any type that msgspec can decode (a Struct, a dataclass).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from isthmus.device import gate, schema
from isthmus.device.features._words import by_tongue, messages
from isthmus.device.task import Feature, Options, Prompt, Task


class Extraction(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`response_constraint` is the shape; it must be given."""

    response_constraint: Any = None


_SAY = {
    "en": "Copy facts from the text into JSON of this shape: {shape}\nUse only words and numbers of the text, written "
    "as they stand there. Where the text says nothing, use null or an empty value.",
    "zh": "从文本中提取信息，填入这个结构的JSON：{shape}\n"
    "只用文本中出现的词和数字，照原样写。文本没有提到的，用null或空值。",
}


def render(task: Task) -> Prompt:
    shape = schema.of(task.options.response_constraint)
    told = messages(task, by_tongue(task, _SAY).format(shape=msgspec.json.encode(shape).decode()), (), task.text)
    return Prompt(messages=told, max_tokens=400, schema=shape)


def parse(task: Task, text: str) -> Any:
    """The object, of the type that was asked for. Raises ValueError."""
    return schema.value(task.options.response_constraint, text)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _in_the_text(task: Task, value: Any) -> str:
    """Free strings of the object are words of the text; words that the schema itself names are not counted."""
    known = task.text.casefold()
    allowed = set(_strings(schema.of(task.options.response_constraint)))
    said = [each for each in _strings(msgspec.to_builtins(value)) if each.strip() and each not in allowed]
    strange = [each for each in said if each.casefold() not in known and not _words_in(each.casefold(), known)]
    return f"{len(strange)} values are not in the text" if strange else ""


def _words_in(said: str, known: str) -> bool:
    words = said.replace(",", " ").split()
    return len(words) > 1 and all(word in known for word in words)


def _something(task: Task, value: Any) -> str:
    found = msgspec.to_builtins(value)
    return (
        ""
        if not isinstance(found, dict) or any(each not in (None, "", [], {}) for each in found.values())
        else ("it found nothing")
    )


def merge(task: Task, values: Sequence[Any]) -> Any:
    """Pieces of a long text put together: lists are joined, of single values the first that says something counts."""
    plain = [msgspec.to_builtins(value) for value in values]
    if not all(isinstance(each, dict) for each in plain):
        return values[0]
    joined: dict[str, Any] = {}
    for part in plain:
        for name, inner in part.items():
            if isinstance(inner, list):
                old = joined.get(name) or []
                joined[name] = [*old, *(each for each in inner if each not in old)]
            elif joined.get(name) in (None, ""):
                joined[name] = inner
    return schema.value(task.options.response_constraint, msgspec.json.encode(joined).decode())


def show(task: Task, value: Any) -> str:
    return msgspec.json.encode(value).decode()


FEATURE = Feature(
    name="extract",
    word="extract",
    options=Extraction,
    render=render,
    parse=parse,
    show=show,
    checks=(gate.no_loop, gate.nothing_invented, _in_the_text, _something),
    at_once=700,
    long="merge",
    merge=merge,
)
