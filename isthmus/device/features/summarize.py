"""Summarize: the gist, a teaser, the key points or a headline.

Source: W3C Summarizer API (draft): type tldr, teaser, key-points, headline; format plain-text, markdown; length
short, medium, long (sentences for tldr and teaser 1, 3, 5; points 3, 5, 7; headline words 12, 17, 22); preference.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from isthmus.device import gate
from isthmus.device.chunks import tokens
from isthmus.device.features._words import by_tongue, in_language, messages, show_text, tidy, unmarked
from isthmus.device.task import Feature, Options, Prompt, Task

SENTENCES = {"short": 1, "medium": 3, "long": 5}
POINTS = {"short": 3, "medium": 5, "long": 7}
HEADLINE_WORDS = {"short": 12, "medium": 17, "long": 22}


class Summary(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    type: Literal["tldr", "teaser", "key-points", "headline"] = "key-points"
    format: Literal["plain-text", "markdown"] = "markdown"
    length: Literal["short", "medium", "long"] = "short"
    preference: Literal["auto", "speed", "capability"] = "auto"


# Worked examples made small models copy the example's own facts in Chinese summaries, so only the instruction stands.
_SAY = {
    "en": {
        "tldr": "Summarize the text in {n} short sentence{s}. Keep the names, numbers and dates that matter. "
        "Write only the summary.",
        "teaser": "Write {n} short sentence{s} that make a reader want to read this text, without adding facts. "
        "Write only these sentences.",
        "key-points": "List the {n} most important points of the text, one short line each, beginning with '- '. "
        "Keep names, numbers and dates. Write only the list.",
        "headline": "Write one headline for the text, at most {n} words, without a full stop. Write only the headline.",
    },
    "zh": {
        "tldr": "用{n}句简短的话总结下文，保留重要的人名、数字和日期。只输出总结。",
        "teaser": "用{n}句简短的话吸引读者阅读下文，不添加原文没有的事实。只输出这些话。",
        "key-points": "列出下文最重要的{n}个要点，每行一个，以“- ”开头，保留人名、数字和日期。只输出列表。",
        "headline": "为下文写一个标题，不超过{n}个字，不用句号。只输出标题。",
    },
}
_POINT = re.compile(r"^\s*(?:[-*•·]|\d+[.)、．])\s*")
_SENTENCE = re.compile(r"(?<=[。！？])|(?<=[.!?])\s+(?=[A-Z\"“])")


def _count(options: Summary, language: str) -> int:
    if options.type == "headline":
        return HEADLINE_WORDS[options.length] * (2 if language == "zh" else 1)
    return (POINTS if options.type == "key-points" else SENTENCES)[options.length]


def render(task: Task) -> Prompt:
    options: Summary = task.options
    n = _count(options, task.language)
    say = by_tongue(task, _SAY)[options.type].format(n=n, s="" if n == 1 else "s") + in_language(task)
    room = {"headline": 48, "key-points": 40 * n, "tldr": 60 * n, "teaser": 60 * n}[options.type]
    return Prompt(messages=messages(task, say, (), task.text), max_tokens=min(room, tokens(task.text) + 24) + 8)


def parse(task: Task, text: str) -> str:
    """The answer in the asked form: at most as many points or sentences as wanted. Raises ValueError when empty."""
    options: Summary = task.options
    n = _count(options, task.language)
    said = tidy(task, text)
    if options.type == "headline":
        said = said.splitlines()[0].strip().lstrip("# ").strip('*"“”《》').rstrip("。.") if said else ""
    elif options.type == "key-points":
        lines = [line for line in said.splitlines() if line.strip()]
        points = [_POINT.sub("", line) for line in lines if _POINT.match(line)] or lines
        mark = "- " if options.format == "markdown" else ""
        said = "\n".join(mark + point.strip() for point in points[:n])
    else:
        sentences = [part for part in _SENTENCE.split(" ".join(said.split())) if part.strip()]
        joiner = "" if task.target == "zh" else " "
        said = joiner.join(part.strip() for part in sentences[:n])
    if options.format == "plain-text":
        said = unmarked(said)
    if not said.strip():
        raise ValueError("the answer is empty")
    return said


def _fits(task: Task, value: Any) -> str:
    options: Summary = task.options
    if options.type == "headline":
        words = len(value) / 2 if task.target == "zh" else len(value.split())
        return "it is too long" if words > HEADLINE_WORDS[options.length] + 3 else ""
    if options.type == "key-points" and len(value.splitlines()) < 2 and tokens(task.text) > 50:
        return "it has too few points"
    if options.type in {"tldr", "key-points"} and (lost := gate.some_facts_kept(task, value)):
        return lost
    return gate.shorter_than(0.85, at_least=16)(task, value)


FEATURE = Feature(
    name="summarize",
    word="summarize",
    options=Summary,
    render=render,
    parse=parse,
    show=show_text,
    checks=(*gate.EVERY, gate.not_a_copy, gate.nothing_invented, gate.no_new_names, _fits),
    at_once=900,
    long="reduce",
)
