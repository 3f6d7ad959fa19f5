"""Rewrite: the same message in another tone or length.

Source: W3C Rewriter API (draft): tone as-is, more-formal, more-casual; length as-is, shorter, longer; format.
"""

from __future__ import annotations

from typing import Any, Literal

from isthmus.device import gate
from isthmus.device.chunks import tokens
from isthmus.device.features._words import by_tongue, in_language, messages, parse_text, show_text
from isthmus.device.task import Feature, Options, Prompt, Task


class Rewriting(Options, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    tone: Literal["as-is", "more-formal", "more-casual"] = "as-is"
    format: Literal["as-is", "markdown", "plain-text"] = "as-is"
    length: Literal["as-is", "shorter", "longer"] = "as-is"


_HEAD = {
    "en": "You rewrite messages. Keep every fact, name, number and date. Add nothing that is not there and keep it as "
    "short. Write only the rewritten message. {wish}",
    "zh": "你改写消息。保留所有事实、人名、数字和日期，不添加原文没有的内容。只输出改写后的消息。{wish}",
}
_TONE = {
    "en": {"as-is": "Say it more clearly.", "more-formal": "Make it polite and formal.",
           "more-casual": "Make it friendly and casual."},
    "zh": {"as-is": "把话说得更清楚。", "more-formal": "语气要礼貌、正式。", "more-casual": "语气要轻松、口语化。"},
}  # fmt: skip
_LENGTH = {
    "en": {"as-is": "", "shorter": " Make it shorter.", "longer": " Make it a little longer."},
    "zh": {"as-is": "", "shorter": "写得更短。", "longer": "写得稍长一些。"},
}
_EXAMPLES: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "en": {
        "more-formal": (
            ("This is the second time I ask. Refund me the $20!",
             "This is the second time I am asking. Please refund the $20."),
            ("Send me the 3 invoices by Friday or we got a problem.",
             "Please send me the 3 invoices by Friday to avoid any difficulty."),
            ("Hey Tom, can't make it Tuesday, stuck with work. Same time next week?",
             "Dear Tom, I am unable to attend on Tuesday because of work. Would the same time next week suit you?"),
        ),
        "more-casual": (
            ("I would like to inform you that the 2 parcels have arrived.",
             "Hey, just so you know, the 2 parcels are here!"),
            ("Please confirm your attendance at the dinner on Tuesday at 7 pm.",
             "Can you make it to dinner on Tuesday at 7 pm?"),
        ),
        "as-is": (
            ("The thing with the printer on floor 4 is that it is again not working since Monday.",
             "The printer on floor 4 has been out of order again since Monday."),
        ),
        "shorter": (
            ("I am writing in order to let you know that the meeting of Tuesday was moved to 4 pm on Thursday.",
             "Tuesday's meeting has moved to Thursday at 4 pm."),
        ),
    },
    "zh": {
        "more-formal": (
            ("我都问第二次了，赶紧把20元退给我！", "这是我第二次询问，请尽快将20元退还给我。"),
            ("周五之前把3张发票给我，不然麻烦了。", "请您在周五之前将3张发票发送给我，以免造成不便。"),
            ("老王，周二我来不了，活儿太多，下周同一时间行不？",
             "王先生您好，因工作繁忙，我周二无法前来，下周同一时间是否方便？"),
        ),
        "more-casual": (
            ("兹通知您，2件包裹已送达。", "跟你说一声，2个包裹到啦！"),
            ("请您确认是否出席周二晚上7点的晚宴。", "周二晚上7点的饭局，你来不来呀？"),
        ),
        "as-is": (("4楼的那个打印机，它从周一开始又是不能用的状态。", "4楼的打印机从周一起又坏了。"),),
        "shorter": (("特此写信告知您，原定于周二召开的会议现已改到周四下午4点召开。", "周二的会改到周四下午4点。"),),
    },
}  # fmt: skip


def render(task: Task) -> Prompt:
    options: Rewriting = task.options
    wish = by_tongue(task, _TONE)[options.tone] if options.tone != "as-is" or options.length == "as-is" else ""
    wish += by_tongue(task, _LENGTH)[options.length] + in_language(task)
    examples = by_tongue(task, _EXAMPLES)
    chosen = examples["shorter"] if (options.tone, options.length) == ("as-is", "shorter") else examples[options.tone]
    told = messages(task, by_tongue(task, _HEAD).format(wish=wish.strip()), chosen, task.text)
    factor = {"shorter": 1.1, "as-is": 1.8, "longer": 3.0}[options.length]
    return Prompt(messages=told, max_tokens=int(tokens(task.text) * factor) + 40)


def _fits(task: Task, value: Any) -> str:
    low, high = {"shorter": (0.1, 0.95), "as-is": (0.35, 1.9), "longer": (1.0, 3.5)}[task.options.length]
    slack = 0 if task.options.length == "shorter" else 10
    return gate.length_between(low, high, slack)(task, value)


FEATURE = Feature(
    name="rewrite",
    word="rewrite",
    options=Rewriting,
    render=render,
    parse=parse_text,
    show=show_text,
    checks=(
        *gate.EVERY,
        gate.not_a_copy,
        gate.facts_kept,
        gate.nothing_invented,
        gate.names_kept,
        gate.no_new_names,
        _fits,
    ),
    at_once=300,
    long="join",
)
