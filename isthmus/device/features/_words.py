"""How features speak to a model: instructions and worked examples in the language of the text, answers tidied."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from isthmus.device.task import Message, Task

Pair = tuple[str, str]
LANGUAGES = {
    "zh": ("中文", "Chinese"), "en": ("英文", "English"), "ja": ("日文", "Japanese"), "ko": ("韩文", "Korean"),
    "fr": ("法文", "French"), "de": ("德文", "German"), "es": ("西班牙文", "Spanish"),
    "pt": ("葡萄牙文", "Portuguese"), "it": ("意大利文", "Italian"), "ru": ("俄文", "Russian"),
    "ar": ("阿拉伯文", "Arabic"), "nl": ("荷兰文", "Dutch"),
    "id": ("印尼文", "Indonesian"), "vi": ("越南文", "Vietnamese"), "tr": ("土耳其文", "Turkish"),
    "th": ("泰文", "Thai"), "hi": ("印地文", "Hindi"), "pl": ("波兰文", "Polish"), "uk": ("乌克兰文", "Ukrainian"),
    "he": ("希伯来文", "Hebrew"),
    "el": ("希腊文", "Greek"), "fa": ("波斯文", "Persian"),
}  # fmt: skip
_CHATTER = re.compile(
    r"^(?:(?:sure|certainly|of course|okay|ok)[,!.:]?\s*)?(?:here(?:'s| is| are)[^\n:]{0,60}:|"
    r"(?:corrected|rewritten|revised|summary|translation|headline|answer)(?: (?:text|version))?\s*:|"
    r"(?:好的[，。！]?)?(?:以下是|这是)[^\n：]{0,30}：|(?:修改后|改写后?|改写|摘要|总结|译文|翻译|标题|答案)(?:的?文本|如下)?：)\s*",
    re.IGNORECASE,
)
_LINE_MARK = re.compile(r"^[ \t]*(?:#{1,6}|[-*+]|>)[ \t]+", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1")
_FENCE = re.compile(r"^```[a-z]*\n(.*?)\n?```$", re.DOTALL)
_QUOTES = (('"', '"'), ("“", "”"), ("「", "」"), ("'", "'"))


def tongue(task: Task) -> str:
    """Which of the two languages of instructions fits the text: "zh" or "en"."""
    return "zh" if task.language == "zh" else "en"


def messages(task: Task, instruction: str, examples: Sequence[Pair], last: str) -> list[Message]:
    """The conversation: instruction and the caller's contexts, worked examples as turns, then the text itself."""
    given = [text for text in (task.options.shared_context, task.options.context) if text]
    head = {"zh": "背景：", "en": "Background: "}[tongue(task)]
    system = "\n".join([instruction, *(head + text for text in given)])
    told = [{"role": "system", "content": system}]
    for asked, answered in examples:
        told += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*told, {"role": "user", "content": last}]


def in_language(task: Task) -> str:
    """A sentence that names the language of the answer where it is not that of the text, "" otherwise."""
    if task.target == task.language or task.target not in LANGUAGES:
        return ""
    chinese, english = LANGUAGES[task.target]
    return f"用{chinese}回答。" if tongue(task) == "zh" else f" Answer in {english}."


def tidy(task: Task, text: str) -> str:
    """The answer without what small models add around it: an opening, a fence, quotes that the source has not."""
    said = text.strip()
    fence = _FENCE.match(said)
    if fence and "```" not in task.text:
        said = fence[1].strip()
    opening = _CHATTER.match(said)
    if opening and not _CHATTER.match(task.text) and len(said) > opening.end():
        said = said[opening.end() :].strip()
    for left, right in _QUOTES:
        if said.startswith(left) and said.endswith(right) and len(said) > 2 and not task.text.strip().startswith(left):
            said = said[1:-1].strip()
    return said


def parse_text(task: Task, text: str) -> str:
    """An answer that is a text, without Markdown where plain text was asked for. Raises ValueError when it is empty."""
    said = tidy(task, text)
    if getattr(task.options, "format", "") == "plain-text":
        said = unmarked(said)
    if not said:
        raise ValueError("the answer is empty")
    return said


def unmarked(text: str) -> str:
    """`text` without the marks of Markdown: headings, emphasis, code, list signs."""
    return _EMPHASIS.sub(r"\2", _LINE_MARK.sub("", text)).strip()


def show_text(task: Task, value: Any) -> str:
    return str(value)


def by_tongue(task: Task, table: Mapping[str, Any]) -> Any:
    """The entry of `table` for this task's language of instructions."""
    return table[tongue(task)]
