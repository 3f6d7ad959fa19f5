"""The quality gate: is the small model's answer good enough to be shown as it is?

Rules of this file. A check is a plain function (task, value) -> "" or the reason it failed, in words that hold names
of facts and never content. Features list their own checks; what holds for every answer stands in `EVERY`.
Thresholds were set on the development split of benchmarks/features.
"""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from isthmus.device import facts, language
from isthmus.device.chunks import tokens
from isthmus.device.task import Task
from isthmus.device.voice import Said

Check = Callable[[Task, Any], str]

_REFUSALS = re.compile(
    r"^\W*(?:i'?m sorry|sorry,? (?:but )?i|i (?:cannot|can'?t|am unable|am not able)|as an ai|as a language model|"
    r"unfortunately,? i (?:cannot|can'?t)|抱歉，?(?:但)?我|对不起，我(?:不能|无法)|作为一?个?(?:ai|人工智能|语言模型)|"
    r"我(?:无法|不能)(?:提供|回答|协助|帮助|处理|完成))",
    re.IGNORECASE,
)
_LATIN_WORD = re.compile(r"(?<![A-Za-z@./-])[a-z]{4,}(?![A-Za-z@/])")
_NO_TEXT = re.compile(r"\S+@\S+|https?://\S+|www\.\S+")
# Below this an answer counts as unsure. Measured with the 1.5B model (docs/device-measured.md): between 0.35 and 1 the
# probabilities do not tell right answers from wrong ones, so only what the model itself hardly believes is refused.
LEAST = 0.25
TORN = "the model hesitated over a word"


def confidence(said: Said) -> float | None:
    """What the model gave its own words, 0 to 1: their geometric mean, pulled down by the worst stretch.

    None when the voice gave no probabilities. A stretch is eight tokens.
    """
    seen = said.logprobs
    if not seen:
        return None
    mean = sum(seen) / len(seen)
    width = min(8, len(seen))
    worst = min(sum(seen[at : at + width]) / width for at in range(len(seen) - width + 1))
    return round(math.exp(0.6 * mean + 0.4 * worst), 4)


def least_word(said: Said) -> float | None:
    """What the model gave the word it was least sure of, 0 to 1; None when the voice gave no probabilities."""
    return round(math.exp(min(said.logprobs)), 4) if said.logprobs else None


def examine(task: Task, value: Any, said: Said, least: float = LEAST) -> list[str]:
    """Every reason why the answer is not good enough; empty when it passes."""
    found = [check(task, value) for check in task.feature.checks]
    if said.finish == "length":
        found.append("it was cut off at its longest length")
    sure = confidence(said)
    if sure is not None and sure < least:
        found.append(f"the model was not sure of its words ({sure:.2f} of 1)")
    torn = least_word(said)
    if torn is not None and torn < task.feature.least_word:
        found.append(f"{TORN} ({torn:.2f} of 1)")
    return [reason for reason in found if reason]


def words(task: Task, value: Any) -> str:
    """The value as the text that a person would read."""
    return value if isinstance(value, str) else task.feature.show(task, value)


def not_empty(task: Task, value: Any) -> str:
    return "" if words(task, value).strip() else "it is empty"


def no_refusal(task: Task, value: Any) -> str:
    said = words(task, value)
    return "the model declined" if _REFUSALS.match(said) and not _REFUSALS.match(task.text) else ""


def no_loop(task: Task, value: Any) -> str:
    """Repetition: a sentence said three times, or a text that compresses far better than its source."""
    said = words(task, value)
    if _most_said(said) > max(2, _most_said(task.text)):
        return "it repeats itself"
    raw = said.encode()
    if len(raw) < 200:
        return ""
    return "it repeats itself" if len(raw) / len(zlib.compress(raw)) > max(4.0, 1.6 * _density(task.text)) else ""


def _most_said(text: str) -> int:
    """How often the sentence that comes most often comes."""
    lines = [line.strip() for line in re.split(r"[\n。！？.!?]+", text) if len(line.strip()) > 5]
    return max((lines.count(line) for line in set(lines)), default=0)


def _density(text: str) -> float:
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 1.0


def right_language(task: Task, value: Any) -> str:
    """The answer is in the language asked for; where that is unknown, or the answer is too short to tell, it passes."""
    if task.target == language.UNKNOWN:
        return ""
    said = words(task, value)
    ranked = [guess for guess in language.detect(said) if guess.language != language.UNKNOWN]
    if not ranked or tokens(said) < 4:
        return ""
    wide = {"zh", "ja", "ko"}
    mine = sum(guess.confidence for guess in ranked if guess.language.partition("-")[0] == task.target)
    best = ranked[0].language.partition("-")[0]
    if best == task.target or (mine >= 0.3 and best not in wide):
        return ""
    latin_mix = best not in wide and task.target not in wide and ranked[0].confidence < 0.6
    return "" if latin_mix else f"it is not in the language asked for ({task.target})"


def facts_kept(task: Task, value: Any) -> str:
    """Every number, day, month and address of the source is still there."""
    lost = facts.missing(task.text, words(task, value))
    return f"{len(lost)} numbers, days or addresses are missing" if lost else ""


def nothing_invented(task: Task, value: Any) -> str:
    """No number, day, month or address that the source does not hold."""
    new = facts.invented(_known(task), words(task, value))
    return f"{len(new)} numbers, days or addresses are not in the source" if new else ""


def some_facts_kept(task: Task, value: Any) -> str:
    """Of the numbers, days and addresses of the source, at least one is left: a summary without any says too little."""
    source = facts.demanded(task.text)
    lost = not source & facts.admitted(words(task, value))
    return "no number, day or address of the source is left" if source and lost else ""


def names_kept(task: Task, value: Any) -> str:
    """Names inside the source's sentences are still there (texts in Latin letters)."""
    said = words(task, value).lower()
    lost = [name for name in facts.names(task.text) if name.lower() not in said]
    return f"{len(lost)} names are missing" if lost else ""


def no_new_names(task: Task, value: Any) -> str:
    known = _known(task).lower()
    new = [name for name in facts.names(words(task, value)) if name.lower() not in known]
    return f"{len(new)} names are not in the source" if new else ""


def all_translated(task: Task, value: Any) -> str:
    """Into another script no ordinary word (small letters, four or more) of the source is carried over."""
    if task.target not in {"zh", "ja", "ko", "ru", "ar", "th", "hi"}:
        return ""
    left = set(_LATIN_WORD.findall(words(task, value))) & set(_LATIN_WORD.findall(_NO_TEXT.sub(" ", task.text)))
    return f"{len(left)} words are not translated" if left else ""


def not_a_copy(task: Task, value: Any) -> str:
    return "it is a copy of the source" if _plain(words(task, value)) == _plain(task.text) else ""


def shorter_than(share: float, at_least: int = 12) -> Check:
    """The answer is at most `share` of the source's length; answers of up to `at_least` tokens always fit."""

    def shorter(task: Task, value: Any) -> str:
        size = tokens(words(task, value))
        return "it is too long" if size > max(at_least, share * tokens(task.text)) else ""

    return shorter


def length_between(low: float, high: float, slack: int = 10) -> Check:
    """The answer's length is `low` to `high` times the source's, give or take `slack` tokens."""

    def between(task: Task, value: Any) -> str:
        size, source = tokens(words(task, value)), tokens(task.text)
        if size < low * source - slack:
            return "it is too short"
        return "it is too long" if size > high * source + slack else ""

    return between


def close_to_source(least: float) -> Check:
    """At least `least` of the source's characters stay where they are: a correction, not a new text."""

    def close(task: Task, value: Any) -> str:
        same = difflib.SequenceMatcher(None, task.text, words(task, value), autojunk=False).ratio()
        return "" if same >= least else "it changes more than mistakes"

    return close


def _known(task: Task) -> str:
    options = task.options
    return f"{task.text}\n{options.context}\n{options.shared_context}"


def _plain(text: str) -> str:
    kept = (sign for sign in unicodedata.normalize("NFKC", text).lower() if sign.isalnum())
    return "".join(kept)


EVERY: Sequence[Check] = (not_empty, no_refusal, no_loop, right_language)
