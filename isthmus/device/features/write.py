"""Write: a short text from a description of what it should say.

Source: W3C Writer API (draft): tone formal, neutral, casual; format plain-text, markdown; length short, medium, long.
"""

from __future__ import annotations

from typing import Any, Literal

from isthmus.device import gate
from isthmus.device.chunks import tokens
from isthmus.device.features._words import by_tongue, in_language, messages, parse_text, show_text
from isthmus.device.task import Feature, Options, Prompt, Task


class Writing(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    tone: Literal["formal", "neutral", "casual"] = "neutral"
    format: Literal["plain-text", "markdown"] = "markdown"
    length: Literal["short", "medium", "long"] = "short"


_SAY = {
    "en": "You write messages for the user, who describes what to say. Use every name, number and date given and "
    "invent no others. Tone: {tone}. Length: about {n} sentences. Write only the message itself.",
    "zh": "用户说明要写什么，你替用户写好。用上给出的每个人名、数字和日期，不要编造其他信息。"
    "语气：{tone}。篇幅：约{n}句。只输出正文。",
}
_TONE = {
    "en": {"formal": "formal and polite", "neutral": "plain and friendly", "casual": "casual"},
    "zh": {"formal": "正式、礼貌", "neutral": "平实、友好", "casual": "轻松、口语化"},
}
_EXAMPLES = {
    "en": (
        ("Tell Maria that her parcel is at desk 5 until Saturday.",
         "Hello Maria, your parcel is waiting for you at desk 5. You can pick it up until Saturday."),
        ("Thank the neighbours for watering the plants.",
         "Dear neighbours, thank you very much for watering our plants!"),
    ),
    "zh": (("告诉玛丽，她的包裹在5号台，周六之前可以取。", "玛丽你好，你的包裹在5号台，周六之前都可以来取。"),
        ("感谢邻居帮忙浇花。", "亲爱的邻居，非常感谢你们帮忙浇花！"),
    ),
}  # fmt: skip
_SENTENCES = {"short": 3, "medium": 6, "long": 10}


def render(task: Task) -> Prompt:
    options: Writing = task.options
    n = _SENTENCES[options.length]
    say = by_tongue(task, _SAY).format(tone=by_tongue(task, _TONE)[options.tone], n=n) + in_language(task)
    told = messages(task, say, by_tongue(task, _EXAMPLES), task.text)
    return Prompt(messages=told, max_tokens=40 * n)


def _fits(task: Task, value: Any) -> str:
    return "it is too long" if tokens(value) > 45 * _SENTENCES[task.options.length] else ""


FEATURE = Feature(
    name="write",
    word="write",
    options=Writing,
    render=render,
    parse=parse_text,
    show=show_text,
    checks=(*gate.EVERY, gate.not_a_copy, gate.facts_kept, gate.nothing_invented, gate.names_kept, _fits),
    at_once=600,
)
