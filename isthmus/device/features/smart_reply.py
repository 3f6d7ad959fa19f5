"""Smart reply: three short answers to a message, each of another kind: yes, no, and a question or later.

The last part of a long conversation is read. Kinds are asked for by name, because three free answers of a small model
are three times the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.device import facts, gate, schema
from isthmus.device.features._words import by_tongue, in_language, messages
from isthmus.device.task import Feature, Options, Prompt, Task

KINDS = ("agree", "decline", "ask")
LONGEST = 120
_SHAPE = {
    "type": "object",
    "properties": {kind: {"type": "string", "minLength": 1, "maxLength": LONGEST} for kind in KINDS},
    "required": list(KINDS),
    "additionalProperties": False,
}
_SAY = {
    "en": "The user got a message. Write three short replies that the user could send back: one that agrees, one that "
    "declines politely, one that asks back. Each is one sentence. Answer as JSON.",
    "zh": "用户收到一条消息。写三条用户可以发回的简短回复：一条同意，一条礼貌拒绝，一条反问。每条一句话。以JSON作答。",
}
_EXAMPLES = {
    "en": (
        ("Are you free for lunch tomorrow?",
         ('{"agree":"Yes, lunch tomorrow sounds great.","decline":"Sorry, I can\'t make it tomorrow.",'
         '"ask":"What time were you thinking?"}')),
        ("Your order #812 is delayed. Do you want to keep it?",
         '{"agree":"Yes, please keep my order.","decline":"No, please cancel it.","ask":"When will it arrive?"}'),
    ),
    "zh": (
        ("明天中午一起吃饭吗？", '{"agree":"好啊，明天见。","decline":"抱歉，明天没空。","ask":"几点，在哪里？"}'),
        ("您的订单812延迟了，还要保留吗？",
         '{"agree":"好的，请保留订单。","decline":"不用了，请取消吧。","ask":"大概什么时候能到？"}'),
    ),
}  # fmt: skip


def render(task: Task) -> Prompt:
    told = messages(task, by_tongue(task, _SAY) + in_language(task), by_tongue(task, _EXAMPLES), task.text)
    return Prompt(messages=told, max_tokens=140, schema=_SHAPE)


def parse(task: Task, text: str) -> list[str]:
    """Three replies, in the order of KINDS. Raises ValueError."""
    found = schema.value(_SHAPE, text)
    return [found[kind].strip() for kind in KINDS]


def _three_different(task: Task, value: Sequence[str]) -> str:
    plain = {reply.casefold().strip(" .!?。！？") for reply in value}
    return "" if len(plain) == len(KINDS) and all(plain) else "the replies are alike"


def _none_refuses(task: Task, value: Sequence[str]) -> str:
    said = " ".join(value).casefold()
    return (
        "the model declined"
        if any(word in said for word in ("as an ai", "assist with that", "人工智能", "语言模型"))
        else ""
    )


def _none_echoes(task: Task, value: Sequence[str]) -> str:
    source = task.text.casefold().strip(" .!?。！？")
    return (
        "a reply repeats the message" if any(reply.casefold().strip(" .!?。！？") == source for reply in value) else ""
    )


def _no_new_numbers(task: Task, value: Sequence[str]) -> str:
    """Days may be proposed freely in a reply; numbers and addresses may not."""
    new = [fact for fact in facts.invented(task.text, "\n".join(value)) if fact[0] == "@" or fact[0].isdigit()]
    return f"{len(new)} numbers or addresses are not in the message" if new else ""


def show(task: Task, value: Any) -> str:
    return "\n".join(value)


FEATURE = Feature(
    name="smart_reply",
    word="smart_reply",
    options=Options,
    render=render,
    parse=parse,
    show=show,
    checks=(*gate.EVERY, _three_different, _none_refuses, _none_echoes, _no_new_numbers, gate.no_new_names),
    at_once=300,
    long="end",
)
