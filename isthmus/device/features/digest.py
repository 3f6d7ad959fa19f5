"""Digest: many notifications, each with a priority and one line, the pressing ones first.

What a rule can tell is told by a rule: codes and alarms are pressing, offers and newsletters are not. The model judges
the rest and writes the lines; where it invents a number, the notification's own words stand. The line comes before the
priority, so that the model has said what a notification is about when it judges it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.device import facts, gate, schema
from isthmus.device.chunks import tokens
from isthmus.device.features._words import by_tongue, in_language, messages
from isthmus.device.task import Feature, Options, Prompt, Task

Priority = Literal["now", "later"]
AT_ONCE = 6


class Notification(Withheld, msgspec.Struct, forbid_unknown_fields=True):
    """One notification: the app it came from, its title (often a person) and its text."""

    text: str
    app: str = ""
    title: str = ""

    def line(self) -> str:
        return " · ".join(part for part in (self.app, self.title, " ".join(self.text.split())) if part)


class Entry(Withheld, msgspec.Struct):
    """One line of the digest; `index` is the notification's place in what was given."""

    index: int
    priority: Priority
    line: str


_SAY = {
    "en": "Sort phone notifications. For each one write a line of at most 10 words that keeps names, numbers and "
    "times, and then its priority. 'now': a person waits or needs help, an alarm or a warning, a ride, a flight, a "
    "door, a meeting about to begin, a code. 'later': news, offers, games, memories, recommendations. Answer as JSON, "
    "one entry for each notification, in order.",
    "zh": "整理手机通知。为每条通知写一行不超过20字的摘要，保留人名、数字和时间，再写优先级。“now”：有人在等或需要"
    "帮助、警报或预警、车到了、航班变动、会议即将开始、验证码。“later”：新闻、优惠、游戏、回忆、推荐。以JSON作答，按顺序每条通知一项。",
}
_EXAMPLES = {
    "en": (
        (
            (
                "1. Messages · Anna · I'm at the station, where are you?\n2. ShopNow · 30% off all shoes this week\n"
                "3. Daily · Team wins the cup\n4. Calendar · Dentist in 15 minutes"
            ),
            (
                '[{"line":"Anna is at the station, waiting","priority":"now"},'
                '{"line":"ShopNow: 30% off all shoes","priority":"later"},'
                '{"line":"Team wins the cup","priority":"later"},'
                '{"line":"Dentist in 15 minutes","priority":"now"}]'
            ),
        ),
    ),
    "zh": (
        (
            (
                "1. 微信 · 安娜 · 我到车站了，你在哪儿？\n2. 购物网 · 本周鞋子全场7折\n"
                "3. 日报 · 球队夺冠\n4. 日历 · 15分钟后看牙医"
            ),
            (
                '[{"line":"安娜已到车站，在等你","priority":"now"},{"line":"购物网鞋子7折","priority":"later"},'
                '{"line":"球队夺冠","priority":"later"},{"line":"15分钟后看牙医","priority":"now"}]'
            ),
        ),
    ),
}
_PRESSING = re.compile(
    r"verification code|security alert|one-time|\botp\b|urgent|asap|emergency|right now|overdue|waiting for you|"
    r"\bin \d+ min|boarding|gate (?:has )?changed|delayed|cancell?ed|"
    r"验证码|紧急|立即|马上|尽快|预警|警报|逾期|异常登录|在等你|\d+分钟后|登机|延误",
    re.IGNORECASE,
)
_IDLE = re.compile(
    r"% off|sale\b|coupon|newsletter|promo|discount|recommended for you|weekly digest|liked your|"
    r"优惠|打折|折扣|促销|红包雨|推荐给你|周报|点赞|满减|会员日",
    re.IGNORECASE,
)


def read(given: Any) -> list[Notification]:
    """Notifications from structs, dicts or plain lines. Raises Refusal bad_field."""
    if isinstance(given, str):
        given = [line for line in given.splitlines() if line.strip()]
    try:
        return [
            item if isinstance(item, Notification)
            else Notification(item) if isinstance(item, str)
            else msgspec.convert(item, Notification)
            for item in given
        ]  # fmt: skip
    except (TypeError, msgspec.ValidationError) as error:
        raise Refusal("bad_field", field="notifications", reason=f"a list of texts or objects: {error}") from None


def as_text(items: Sequence[Notification]) -> str:
    return "\n".join(f"{place}. {item.line()}" for place, item in enumerate(items, 1))


def _shape(count: int) -> dict[str, Any]:
    entry = {
        "type": "object",
        "properties": {
            "line": {"type": "string", "minLength": 1, "maxLength": 80},
            "priority": {"type": "string", "enum": ["now", "later"]},
        },
        "required": ["line", "priority"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": entry, "minItems": count, "maxItems": count}


def render(task: Task) -> Prompt:
    told = messages(task, by_tongue(task, _SAY) + in_language(task), by_tongue(task, _EXAMPLES), task.text)
    room = 45 * len(task.given) + tokens(task.text)
    return Prompt(messages=told, max_tokens=room, schema=_shape(len(task.given)))


def parse(task: Task, text: str) -> list[Entry]:
    """One entry a notification, in the order given. Raises ValueError."""
    found = schema.value(_shape(len(task.given)), text)
    return [_entry(place, item, said) for place, (item, said) in enumerate(zip(task.given, found, strict=True))]


def _entry(place: int, item: Notification, said: dict[str, Any]) -> Entry:
    own = item.line()
    priority: Priority = said["priority"]
    if _PRESSING.search(own):
        priority = "now"
    elif _IDLE.search(own):
        priority = "later"
    line = said["line"].strip()
    if facts.invented(own, line) or len(line) > len(own) + 10 or len(line) < 2:
        line = own[:80]
    return Entry(place, priority, line)


def batches(task: Task) -> list[Task]:
    """The notifications in groups that a small model can hold."""
    groups = [task.given[at : at + AT_ONCE] for at in range(0, len(task.given), AT_ONCE)]
    return [msgspec.structs.replace(task, given=group, text=as_text(group)) for group in groups]


def merge(task: Task, values: Sequence[list[Entry]]) -> list[Entry]:
    """All entries, the pressing first, each kind in the order given."""
    found: list[Entry] = []
    for part in values:
        shift = len(found)
        found += [Entry(each.index + shift, each.priority, each.line) for each in part]
    return sorted(found, key=_pressing_first)


def _pressing_first(entry: Entry) -> tuple[bool, int]:
    return entry.priority == "later", entry.index


def show(task: Task, value: Sequence[Entry]) -> str:
    return "\n".join(f"{'!' if each.priority == 'now' else '-'} {each.line}" for each in value)


FEATURE = Feature(
    name="digest",
    word="digest",
    options=Options,
    render=render,
    parse=parse,
    show=show,
    checks=(*gate.EVERY, gate.nothing_invented),
    long="merge",
    merge=merge,
    batches=batches,
)
