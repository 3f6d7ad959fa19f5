"""The words of the device's side: a feature, the task one person sets it, and what a model is asked.

A feature is data and small functions, one file in features/ (the folder is the registry):

    FEATURE = Feature(name, options, render, parse, checks ...)

    options   a struct whose fields are the W3C task API's own names and defaults
    render    task -> Prompt        worked examples included, in the language of the text
    parse     task, text -> value   what the caller gets; raises ValueError when the text is no answer at all
    checks    the quality gate: each says "" or why the value is not good enough
Source: W3C Writing Assistance APIs, Proofreader API, Translator and Language Detector APIs, Prompt API (drafts).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld

Message = dict[str, Any]
Monitor = Callable[[float, str], None]
Long = Literal["join", "reduce", "end", "merge", "whole"]


class Options(Withheld, msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What every task API takes: words that hold for all texts, words for this one, and the languages.

    Languages are BCP 47 tags; `output_language` "" means the language of the text.
    """

    shared_context: str = ""
    context: str = ""
    expected_input_languages: tuple[str, ...] = ()
    expected_context_languages: tuple[str, ...] = ()
    output_language: str = ""


class Prompt(Withheld, msgspec.Struct, kw_only=True):
    """What a model is asked: messages of the chat wire, at most `max_tokens` of answer, a JSON schema or none.

    `temperature` 0 asks for the likeliest words. `tools` are descriptions on the chat wire.
    """

    messages: list[Message]
    max_tokens: int
    schema: dict[str, Any] | None = None
    temperature: float = 0.0
    tools: list[dict[str, Any]] | None = None


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """One feature (see the head of this file).

    `at_once` is the longest text in tokens that is given to a model in one piece; `long` says what becomes of a longer
    one: pieces are answered and joined, reduced once more, merged by `merge`, or only the end is read. `word` is the
    feature's name in a region's law (core.decision.FEATURES). `batches` divides what was given where it is no text;
    `calls` finds the tools that an answer wants to call. `least_word` is the probability below which one word alone
    makes the answer doubtful (0: none does); it is for answers that should follow from the text word by word.
    """

    name: str
    word: str
    options: type[Options]
    render: Callable[[Task], Prompt]
    parse: Callable[[Task, str], Any]
    checks: tuple[Callable[[Task, Any], str], ...]
    show: Callable[[Task, Any], str]
    at_once: int = 600
    long: Long = "whole"
    merge: Callable[[Task, Sequence[Any]], Any] | None = None
    batches: Callable[[Task], Sequence[Task]] | None = None
    calls: Callable[[Task, Any], Sequence[Any]] | None = None
    least_word: float = 0.0


class Task(Withheld, msgspec.Struct):
    """One task: `text` as a model reads it, `given` as the caller gave it, the language of the text and of the answer.

    Languages are primary subtags ("zh", "en"), "und" where unknown.
    """

    feature: Feature
    text: str
    options: Any
    given: Any = None
    language: str = "und"
    target: str = "und"


class Aborted(Exception):
    """The caller stopped the work."""


class Abort:
    """A signal that stops work from any thread: W3C's AbortController in one object."""

    __slots__ = ("_event", "_listeners", "_lock")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def aborted(self) -> bool:
        return self._event.is_set()

    def abort(self) -> None:
        """Stop the work. Safe to call twice."""
        with self._lock:
            self._event.set()
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the work is stopped, at once when it is already."""
        with self._lock:
            if not self.aborted:
                self._listeners.append(listener)
                return
        listener()

    def forget(self, listener: Callable[[], None]) -> None:
        """Call `listener` no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def check(self) -> None:
        """Raises Aborted when the work is stopped."""
        if self.aborted:
            raise Aborted


def read_options(kind: type[Options], given: Mapping[str, Any]) -> Options:
    """Options from names in Python's or the W3C's spelling. Raises Refusal bad_field; values are never quoted."""
    named = {_camel(name): value for name, value in given.items()}
    try:
        return msgspec.convert(named, kind)
    except msgspec.ValidationError as error:
        known = ", ".join(msgspec.structs.fields(kind)[n].encode_name for n in range(len(kind.__struct_fields__)))
        words = str(error)
        if "unknown field" in words or "`$." not in words:
            raise Refusal("bad_field", field="options", reason=f"{words}. Known: {known}") from None
        place = words.rpartition("`$.")[2].rstrip("`")
        raise Refusal("bad_field", field=place, reason=f"{words}. {_choices(kind, place)}".strip(" .")) from None


def _choices(kind: type[Options], place: str) -> str:
    for field in msgspec.structs.fields(kind):
        if field.encode_name == place and getattr(field.type, "__origin__", None) is Literal:
            return "One of " + ", ".join(map(str, field.type.__args__))
    return ""


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
