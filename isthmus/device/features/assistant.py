"""Assistant: free conversation, with tools and answers of a given shape (device/session.py holds the conversation).

A small model knows little of the world. What it says of facts that stand nowhere in the conversation is not trusted:
an answer with names or numbers of its own making fails the gate, and goes to a larger model where one may be asked.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from isthmus.core.secret import Withheld
from isthmus.device import gate, schema
from isthmus.device.task import Feature, Options, Prompt, Task
from isthmus.device.voice import Called, Said

_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL)
_TEMPERATURE = {"most-predictable": 0.0, "predictable": 0.0, "balanced": 0.4, "creative": 0.8, "most-creative": 1.1}


class _Wanted(Withheld, msgspec.Struct):
    name: str
    arguments: dict[str, Any]


class Conversation(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """`response_constraint` is a shape for the answer (see extract); `max_tokens` the longest answer.

    `tools` are descriptions of tools on the chat wire; `sampling_mode` is the W3C's word for how free the choice of
    words is.
    """

    response_constraint: Any = None
    tools: tuple[dict[str, Any], ...] = ()
    sampling_mode: Literal["most-predictable", "predictable", "balanced", "creative", "most-creative"] = "predictable"
    max_tokens: int = 512


def render(task: Task) -> Prompt:
    """`task.given` is the whole conversation on the chat wire."""
    shape = task.options.response_constraint
    constraint = None if shape is None else schema.of(shape)
    options: Conversation = task.options
    return Prompt(
        messages=list(task.given),
        max_tokens=options.max_tokens,
        schema=constraint,
        temperature=_TEMPERATURE[options.sampling_mode],
        tools=list(options.tools) or None,
    )


def calls(task: Task, said: Said) -> list[Called]:
    """The tools that the answer wants: on the wire, or as one JSON object, which small models write instead."""
    found = [call for call in said.calls if call.name]
    if found or not task.options.tools:
        return found
    fence = _FENCE.match(said.text.strip())
    try:
        wanted = msgspec.json.decode(fence[1] if fence else said.text, type=_Wanted)
    except msgspec.DecodeError:
        return []
    if wanted.name not in {tool["function"]["name"] for tool in task.options.tools}:
        return []
    return [Called("call_1", wanted.name, msgspec.json.encode(wanted.arguments).decode())]


def parse(task: Task, text: str) -> Any:
    """The answer's text, or the object where a shape was asked for. Raises ValueError."""
    shape = task.options.response_constraint
    if shape is not None:
        return schema.value(shape, text)
    if not text.strip():
        raise ValueError("the answer is empty")
    return text.strip()


def show(task: Task, value: Any) -> str:
    return value if isinstance(value, str) else schema.text(value)


FEATURE = Feature(
    name="assistant",
    word="assistant",
    options=Conversation,
    render=render,
    parse=parse,
    show=show,
    checks=(gate.not_empty, gate.no_refusal, gate.no_loop, gate.nothing_invented, gate.no_new_names),
    calls=calls,
)
