"""Detect the language of a text, on the device and without a model (device/language.py).

Source: W3C Language Detector API (draft): a list of detectedLanguage and confidence, likeliest first, "und" last.
"""

from __future__ import annotations

import msgspec

from isthmus.core.secret import Withheld
from isthmus.device import language
from isthmus.device.task import Feature, Options, Prompt, Task


class Detected(Withheld, msgspec.Struct, rename="camel"):
    """One candidate: a BCP 47 tag and how likely it is, 0 to 1."""

    detected_language: str
    confidence: float


def detect(text: str) -> list[Detected]:
    """Candidates for the language of `text`, likeliest first, "und" last."""
    return [Detected(guess.language, guess.confidence) for guess in language.detect(text)]


def render(task: Task) -> Prompt:
    """No model is asked."""
    raise NotImplementedError


def parse(task: Task, text: str) -> list[Detected]:
    return detect(task.text)


def show(task: Task, value: list[Detected]) -> str:
    return value[0].detected_language


FEATURE = Feature(
    name="detect_language",
    word="detect_language",
    options=Options,
    render=render,
    parse=parse,
    show=show,
    checks=(),
)
