"""Translate: from one language into another.

Source: W3C Translator API (draft): sourceLanguage, targetLanguage. Without a source language it is detected.
"""

from __future__ import annotations

from isthmus.device import gate
from isthmus.device.chunks import tokens
from isthmus.device.features._words import LANGUAGES, messages, parse_text, show_text
from isthmus.device.task import Feature, Options, Prompt, Task


class Translation(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Languages are BCP 47 tags; `target_language` must be given."""

    source_language: str = ""
    target_language: str = ""


_EXAMPLES = {
    ("en", "zh"): (
        ("The train leaves on Friday at eight in the evening.", "火车星期五晚上八点出发。"),
        ("Please bring 2 copies of the contract.", "请带两份合同来。"),
        ("The dinner was moved to Saturday at six.", "晚餐改到星期六六点了。"),
    ),
    ("zh", "en"): (
        ("火车星期五晚上八点出发。", "The train leaves on Friday at 8 pm."),
        ("请带两份合同来。", "Please bring two copies of the contract."),
        ("晚餐改到星期六六点了。", "The dinner was moved to Saturday at six."),
    ),
}  # fmt: skip


def render(task: Task) -> Prompt:
    source, target = (LANGUAGES.get(tag, (tag, tag))[1] for tag in (task.language, task.target))
    origin = "" if task.language == "und" else f" from {source}"
    say = (
        f"You are a translator. Translate each message{origin} into {target}. Keep names, numbers, days and times. "
        "Do not answer the message. Write only the translation."
    )
    told = messages(task, say, _EXAMPLES.get((task.language, task.target), ()), task.text)
    return Prompt(messages=told, max_tokens=tokens(task.text) * 2 + 24)


FEATURE = Feature(
    name="translate",
    word="translate",
    options=Translation,
    render=render,
    parse=parse_text,
    show=show_text,
    checks=(
        *gate.EVERY,
        gate.not_a_copy,
        gate.all_translated,
        gate.facts_kept,
        gate.nothing_invented,
        gate.length_between(0.35, 2.6),
    ),
    at_once=200,
    long="join",
)
