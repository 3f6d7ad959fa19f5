"""The device: generative features for a person, on this machine first, beyond it only with leave.

    from isthmus import Device

    with Device(region="EU") as device:
        print(device.summarize(text, type="tldr").text)

Rules of this file. Names and options are those of the web's task APIs. The local model starts when it is first needed.
Every result says where it was made, how it must be labelled, and why it is trusted or not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from isthmus.core import config as settings
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.device import features, language
from isthmus.device.cloud import Agree, Cloud
from isthmus.device.engine import CONTEXT, LocalEngine
from isthmus.device.features import detect_language as detector
from isthmus.device.features import digest as digests
from isthmus.device.law import Law
from isthmus.device.orchestrator import Hints, Orchestrator
from isthmus.device.result import Draft, Result
from isthmus.device.session import Session, Tool
from isthmus.device.store import ready_model
from isthmus.device.task import Abort, Message, Monitor, Options, Task, read_options
from isthmus.device.voice import Voice

SLOTS = 2
Say = Callable[[str], None]


def _quiet(*_: object) -> None:
    """Nobody listens."""


class Settings(msgspec.Struct, kw_only=True):
    """What a Device is made with; every field may be left out.

    `region`: whose law applies, e.g. "CN" ("EU,US-CA": the strictest binds). `mode`: one of orchestrator.MODES.
    `url`, `key`: a gateway to go to, with `model` as the way there (auto, partner, a name). `age`, `language`: of the
    person. `consent`: ids of consents given; `agree`: asks the person, see cloud.Agree. `hints`: battery and patience.
    `voice`: a model that runs already. `config`: paths. `monitor`: hears of downloads and long work.
    `retry`: with nobody else to ask, try again when the gate refuses.
    """

    region: str = ""
    mode: str = "prefer_on_device"
    url: str = ""
    key: str = ""
    model: str = "auto"
    age: str = ""
    language: str = ""
    consent: str = ""
    agree: Agree | None = None
    hints: Hints = Hints()
    voice: Voice | None = None
    config: Config | None = None
    say: Say = _quiet
    monitor: Monitor = _quiet
    retry: bool = True


class Device:
    """All features of this device. Takes the fields of Settings by name; a context manager that ends its engine."""

    context_window = CONTEXT

    def __init__(self, **given: Any) -> None:
        try:
            self._settings = Settings(**given)
        except TypeError:
            known = ", ".join(Settings.__struct_fields__)
            raise Refusal("bad_field", field="settings", reason=f"known are {known}") from None
        chosen = self._settings
        self._config = chosen.config or settings.load()
        self._lock = threading.Lock()
        self._engine: LocalEngine | None = None
        self._voice = chosen.voice
        self._law = Law(self._config, chosen.region, age=chosen.age, language=chosen.language, consent=chosen.consent)
        self._orchestrator = Orchestrator(self.voice, self._cloud(), self._law, chosen.hints, retry=chosen.retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the local model, and write what is queued. Safe to call twice."""
        with self._lock:
            engine, self._engine = self._engine, None
            if engine is not None:
                self._voice = None
        if engine is not None:
            engine.stop()
        self._law.close()

    def voice(self) -> Voice:
        """The model of this device, started when it does not run. Raises Refusal model_unavailable and others."""
        with self._lock:
            if self._voice is None:
                self._voice = self._start()
            return self._voice

    def availability(self) -> str:
        """The W3C's word: "available" when the model runs, "downloadable" when it must first be started or fetched."""
        return "available" if self._voice is not None else "downloadable"

    def count(self, messages: Sequence[Message]) -> int:
        """Tokens that `messages` take of the model's context."""
        return self.voice().count(list(messages))

    # The features, by the names of the web's task APIs.

    def proofread(self, text: str, /, **options: Any) -> Result[Any]:
        """Correct `text`; the value is a Proofread. Options: includeCorrectionTypes, includeCorrectionExplanations."""
        return self.run("proofread", text, **options)

    def rewrite(self, text: str, /, **options: Any) -> Result[str]:
        """Say `text` in another way. Options: tone, format, length."""
        return self.run("rewrite", text, **options)

    def summarize(self, text: str, /, **options: Any) -> Result[str]:
        """The gist of `text`. Options: type, format, length, preference."""
        return self.run("summarize", text, **options)

    def write(self, text: str, /, **options: Any) -> Result[str]:
        """Write what `text` describes. Options: tone, format, length."""
        return self.run("write", text, **options)

    def translate(self, text: str, /, **options: Any) -> Result[str]:
        """Translate `text`. Options: sourceLanguage, targetLanguage."""
        return self.run("translate", text, **options)

    def detect_language(self, text: str, /) -> list[detector.Detected]:
        """Languages of `text`, likeliest first; no model is needed."""
        return detector.detect(text)

    def smart_reply(self, text: str, /, **options: Any) -> Result[list[str]]:
        """Three short replies to the message `text`."""
        return self.run("smart_reply", text, **options)

    def digest(self, notifications: Any, /, **options: Any) -> Result[list[digests.Entry]]:
        """Notifications (texts, dicts or digest.Notification) with priorities, the pressing ones first."""
        return self.run("digest", notifications, **options)

    def extract(self, text: str, /, **options: Any) -> Result[Any]:
        """An object from `text`. Options: responseConstraint (a JSON schema, or a type), which must be given."""
        return self.run("extract", text, **options)

    def session(
        self, *, system: str = "", initial_prompts: Sequence[Mapping[str, Any]] = (), tools: Sequence[Tool] = ()
    ) -> Session:
        """A conversation. `system` says what the model is to be; `initial_prompts` are messages of the chat wire."""
        messages = [{"role": "system", "content": system}] if system else []
        return Session(self, [*messages, *(dict(message) for message in initial_prompts)], tools)

    # What they share.

    def run(self, feature: str, given: Any, /, **options: Any) -> Result[Any]:
        """One feature by name. Besides its options: mode, signal (an Abort), monitor (hears of progress).

        Raises Refusal and task.Aborted.
        """
        *_, last = self.stream(feature, given, **options)
        assert last.result is not None
        return last.result

    def stream(self, feature: str, given: Any, /, **options: Any) -> Iterator[Draft[Any]]:
        """The same as snapshots while it is written; the last has `result`."""
        mode, signal = options.pop("mode", ""), options.pop("signal", None)
        monitor = options.pop("monitor", None)
        task = make_task(feature, given, options)
        work = self.solve(task, mode, signal or Abort(), monitor)
        while True:
            try:
                yield next(work)
            except StopIteration as end:
                result: Result[Any] = end.value
                yield Draft(text=result.text, value=result.value, source=result.source, result=result)
                return

    def solve(
        self, task: Task, mode: str, abort: Abort, monitor: Monitor | None = None
    ) -> Generator[Draft[Any], None, Result[Any]]:
        """Work on a task that was made already: drafts, then the result as the generator's value."""
        if task.feature.name == "detect_language":
            value = detector.detect(task.text)
            text = task.feature.show(task, value)
            yield from ()  # a generator like the others
            return Result(
                value=value, text=text, source="on_device", tier="device", badge="On device", why=["no model"]
            )
        heard = monitor or self._settings.monitor
        result = yield from self._orchestrator.solve(task, mode or self._settings.mode, abort, heard)
        heard(1.0, "done")
        return result

    def _start(self) -> Voice:
        chosen = self._settings
        model = ready_model(self._config, say=chosen.say, progress=self._fetched)
        engine = LocalEngine(
            model.path, log=self._config.run / "device.log", name=model.name, slots=SLOTS, context=CONTEXT
        )
        self._engine = engine
        try:
            engine.start().wait_ready()
        except Refusal:
            engine.stop()
            self._engine = None
            raise
        return Voice(f"http://{engine.host}:{engine.port}", engine.key, model=engine.name)

    def _fetched(self, here: int, whole: int) -> None:
        self._settings.monitor(here / max(whole, 1), "fetching the model")

    def _cloud(self) -> Cloud | None:
        chosen = self._settings
        if not chosen.url:
            return None
        headers = {
            "isthmus-region": chosen.region,
            "isthmus-age": chosen.age,
            "accept-language": chosen.language,
        }
        return Cloud(
            chosen.url, chosen.key, headers=headers, model=chosen.model, consent=chosen.consent, agree=chosen.agree
        )


def make_task(feature: str, given: Any, options: Mapping[str, Any]) -> Task:
    """The task for `given` (a text; for digest, notifications). Raises Refusal bad_field."""
    kind = features.named(feature)
    chosen = read_options(kind.options, options)
    if feature == "digest":
        items = digests.read(given)
        text, given = digests.as_text(items), items
    else:
        if not isinstance(given, str):
            raise Refusal("bad_field", field="input", reason="it must be a text")
        text = given
    if not text.strip():
        raise Refusal("bad_field", field="input", reason="it is empty")
    for name in ("target_language", "response_constraint"):
        if getattr(chosen, name, "given") in ("", None) and feature != "assistant":
            raise Refusal("bad_field", field=name, reason="it is required")
    source, target = _languages(text, chosen)
    return Task(kind, text, chosen, given=given, language=source, target=target)


def _languages(text: str, options: Options) -> tuple[str, str]:
    """Primary subtags of the text's language and of the answer's."""
    stated = getattr(options, "source_language", "") or next(iter(options.expected_input_languages[:1]), "")
    source = stated or language.primary(text)
    target = getattr(options, "target_language", "") or options.output_language or source
    return source.partition("-")[0].lower(), target.partition("-")[0].lower()
