"""Who answers: this device, or a larger model in the cloud? And is the answer good enough?

Rules of this file. The mode decides what may be asked at all; within it, the device answers first when it can, its
answer passes the quality gate, and only what fails goes further. A refusal by law or moderation ends the task; it is
never tried elsewhere. Without leave to go further, the best answer of the device is returned and says that it may be
off. Each step leaves its reason in `why`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.device import chunks, gate, schema
from isthmus.device.calibration import likely
from isthmus.device.cloud import Cloud
from isthmus.device.law import Law
from isthmus.device.result import MAYBE, Draft, Result
from isthmus.device.task import Abort, Monitor, Prompt, Task
from isthmus.device.voice import Said, Voice

Mode = Literal["prefer_on_device", "only_on_device", "prefer_in_cloud", "only_in_cloud"]
MODES: tuple[str, ...] = ("prefer_on_device", "only_on_device", "prefer_in_cloud", "only_in_cloud")
# What ends a task wherever it is heard: the question itself is the matter, not who answers it.
FINAL = frozenset(("content_blocked", "suspended", "feature_forbidden", "age_required", "bad_field", "unknown_region"))
LOW_BATTERY = 0.15
MANY_PIECES = 12
SECOND_TRY = 0.6  # temperature


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What the device knows of itself: battery 0 to 1 (None: plugged in), and how long the person will wait, in s."""

    battery: float | None = None
    patience_s: float | None = None
    tokens_per_s: float = 10.0


class Answer(Withheld, msgspec.Struct):
    """One whole answer before it is a result: what was said, what it means, what the gate found."""

    text: str
    value: Any
    said: Said
    misses: list[str]
    label: str = ""
    notices: list[str] = []
    receipt: str = ""
    region: str = ""

    @property
    def rank(self) -> tuple[int, float]:
        """Fewest misses first, then the surest."""
        return len(self.misses), -(gate.confidence(self.said) or 0.0)


Work = Generator[Draft[Any], None, Answer]


class Orchestrator:
    """`local` starts or finds the model of this device when it is first needed; `cloud` is None without a gateway."""

    def __init__(
        self,
        local: Callable[[], Voice],
        cloud: Cloud | None,
        law: Law,
        hints: Hints | None = None,
        *,
        retry: bool = True,
    ) -> None:
        self._local = local
        self._cloud = cloud
        self._law = law
        self._hints = hints or Hints()
        self._retry = retry

    def solve(self, task: Task, mode: str, abort: Abort, monitor: Monitor) -> Generator[Draft[Any], None, Result[Any]]:
        """Work on `task`; yields drafts and returns the result. Raises Refusal and Aborted."""
        why: list[str] = []
        best: Answer | None = None
        voice: Voice | None = None
        failure: Refusal | None = None
        order = self._order(task, mode, why)
        for place in order:
            try:
                if place == "cloud":
                    assert self._cloud is not None
                    answer = yield from self._whole(task, _Ask(self, None, abort, monitor))
                    why.append("the gateway answered")
                    return self._result(task, answer, self._cloud.voice, why)
                voice = self._local()
                answer = yield from self._on_device(task, voice, _Ask(self, voice, abort, monitor), why, order)
            except Refusal as refusal:
                if refusal.code in FINAL or (place == "cloud" and best is None and order[-1] == "cloud"):
                    raise
                failure = failure or refusal
                why.append(f"{place}: {refusal.code}")
                continue
            if not answer.misses:
                return self._result(task, answer, voice, why)
            best = answer
        if best is None or voice is None:
            assert failure is not None
            raise failure
        why.append(MAYBE)
        return self._result(task, best, voice, why)

    def _order(self, task: Task, mode: str, why: list[str]) -> tuple[str, ...]:
        """Which of "device" and "cloud" are asked, in order. Raises Refusal bad_field or usage."""
        if mode not in MODES:
            raise Refusal("bad_field", field="mode", reason="one of " + ", ".join(MODES))
        if mode == "only_on_device" or (self._cloud is None and mode != "only_in_cloud"):
            why.append("mode only_on_device" if mode == "only_on_device" else f"mode {mode}; no gateway is set")
            return ("device",)
        if self._cloud is None:
            raise Refusal("usage", reason="Mode only_in_cloud needs a gateway: name its url and key.")
        if mode == "only_in_cloud":
            why.append("mode only_in_cloud")
            return ("cloud",)
        better = self._better_in_cloud(task)
        why.append(f"mode {mode}" + (f"; {better}" if better else ""))
        cloud_first = mode == "prefer_in_cloud" or bool(better)
        return ("cloud", "device") if cloud_first else ("device", "cloud")

    def _better_in_cloud(self, task: Task) -> str:
        """Why the device should not try first: a very long text, a low battery, too little patience."""
        size = chunks.tokens(task.text)
        if size > MANY_PIECES * task.feature.at_once:
            return "the text is very long for this device"
        if getattr(task.options, "preference", "") == "capability":
            return "capability is preferred"
        hints = self._hints
        if hints.battery is not None and hints.battery < LOW_BATTERY:
            return "the battery is low"
        seconds = 1.5 * size / max(hints.tokens_per_s, 0.1)
        if hints.patience_s is not None and seconds > hints.patience_s:
            return f"the device would need about {seconds:.0f} s"
        return ""

    def _on_device(self, task: Task, voice: Voice, ask: _Ask, why: list[str], order: Sequence[str]) -> Work:
        """The device's answer; where nobody else may be asked, a second try when the first fails the gate."""
        answer = yield from self._whole(task, ask)
        why.append(_told(answer, "gate"))
        if self._retry and answer.misses and order[-1] == "device" and task.feature.name != "assistant":
            second = yield from self._whole(task, ask.warmer())
            why.append(_told(second, "gate, second try"))
            answer = min(answer, second, key=_rank)
        return answer

    def _whole(self, task: Task, ask: _Ask) -> Work:
        """The answer to the whole task, in pieces where it is too long for the model."""
        feature = task.feature
        if feature.batches is not None:
            return (yield from _merged(task, feature.batches(task), ask))
        size = chunks.tokens(task.text)
        if feature.long == "end" and size > feature.at_once:
            task = msgspec.structs.replace(task, text=chunks.end(task.text, feature.at_once))
        elif size > feature.at_once and feature.long != "whole":
            pieces = chunks.split(task.text, feature.at_once)
            parts = [msgspec.structs.replace(task, text=piece.text) for piece in pieces]
            if feature.long == "merge":
                return (yield from _merged(task, parts, ask))
            if feature.long == "reduce":
                return (yield from self._reduced(task, parts, ask))
            return (yield from _joined(task, parts, pieces, ask))
        return (yield from ask.once(task))

    def _reduced(self, task: Task, parts: Sequence[Task], ask: _Ask) -> Work:
        """Each piece in short, and then all of that in short."""
        short: list[str] = []
        for number, part in enumerate(parts):
            ask.tell(number / (len(parts) + 1), f"part {number + 1} of {len(parts)}")
            answer = yield from _quiet(ask.once(part))
            short.append(answer.text)
        ask.tell(len(parts) / (len(parts) + 1), "the whole")
        joined = msgspec.structs.replace(task, text="\n".join(short))
        answer = yield from self._whole(joined, ask) if len(joined.text) < len(task.text) else ask.once(joined)
        answer.misses = gate.examine(task, answer.value, answer.said)
        return answer

    def _result(self, task: Task, answer: Answer, voice: Voice, why: list[str]) -> Result[Any]:
        about = answer.said.about
        sure = not answer.misses
        belief = gate.confidence(answer.said)
        badge = about.get("badge", voice.badge)
        return Result(
            value=answer.value,
            text=answer.text,
            source=voice.source,
            tier=about.get("source", voice.tier),
            badge=badge if sure or voice.source == "in_cloud" else f"{badge}: {MAYBE}",
            label=answer.label or about.get("label", ""),
            notices=answer.notices or about.get("notices", []),
            receipt=answer.receipt or about.get("receipt", ""),
            region=answer.region or about.get("region", ""),
            rehearsal=bool(about.get("rehearsal", False)),
            why=why,
            sure=sure,
            confidence=likely(belief, about.get("model") or voice.model),
            belief=belief,
            misses=answer.misses,
            usage=answer.said.usage,
        )


class _Ask:
    """One way to ask: a voice of this device, or the cloud where it is None; how warm; who listens."""

    def __init__(
        self, house: Orchestrator, voice: Voice | None, abort: Abort, monitor: Monitor, temperature: float = 0.0
    ) -> None:
        self._house, self._voice, self._abort, self._monitor = house, voice, abort, monitor
        self._temperature = temperature

    def warmer(self) -> _Ask:
        return _Ask(self._house, self._voice, self._abort, self._monitor, SECOND_TRY)

    def tell(self, done: float, what: str) -> None:
        self._monitor(done, what)

    def once(self, task: Task) -> Work:
        """One prompt, one answer: parsed, and examined by the gate."""
        prompt = task.feature.render(task)
        if self._temperature and not prompt.temperature:
            prompt.temperature = self._temperature
        voice, law = self._voice, self._house._law  # noqa: SLF001 - the orchestrator's own hand
        if voice is not None and voice.own:
            admission = law.admit(task.feature.word, prompt.messages)
            shown = ""
            try:
                said = yield from self._hear(
                    voice.speak(prompt, abort=self._abort), prompt, "on_device", admission.release
                )
                shown = said.text
                admission.answered(said.usage, said.finish)
            finally:
                admission.close("answered" if shown else "failed")
            ex = admission.ex
            return _examined(task, said, ex.label, list(ex.notices), ex.id, law.region)
        said = yield from self._elsewhere(task, prompt)
        return _examined(task, said)

    def _elsewhere(self, task: Task, prompt: Prompt) -> Generator[Draft[Any], None, Said]:
        """Through a gateway, which applies the law itself: this machine's node, or the cloud."""
        if self._voice is not None:
            headers = {"isthmus-feature": task.feature.word, "isthmus-label": "metadata"}
            heard = self._voice.speak(prompt, headers=headers, abort=self._abort)
            return (yield from self._hear(heard, prompt, "on_device", _as_is))
        cloud = self._house._cloud  # noqa: SLF001
        assert cloud is not None
        return (yield from self._hear(cloud.speak(prompt, task.feature.word, self._abort), prompt, "in_cloud", _as_is))

    def _hear(
        self, heard: Generator[str, None, Said], prompt: Prompt, source: Any, release: Callable[..., str]
    ) -> Generator[Draft[Any], None, Said]:
        """The words as they come, as far as they may be shown, as drafts."""
        text = ""
        with contextlib.closing(heard):
            while True:
                try:
                    piece = next(heard)
                except StopIteration as end:
                    said: Said = end.value
                    said.text = text + release("", last=True)
                    return said
                text += release(piece, last=False)
                yield Draft(text=text, value=schema.snapshot(text) if prompt.schema else text, source=source)


def _as_is(piece: str, *, last: bool) -> str:
    return piece


def _examined(task: Task, said: Said, label: str = "", notices: Sequence[str] = (), *proof: str) -> Answer:
    receipt, region = proof or ("", "")
    calls = task.feature.calls(task, said) if task.feature.calls is not None else []
    if calls:
        return Answer("", calls, said, [], label, list(notices), receipt, region)
    try:
        value = task.feature.parse(task, said.text)
    except ValueError:
        return Answer(said.text, None, said, ["the answer cannot be read"], label, list(notices), receipt, region)
    misses = gate.examine(task, value, said)
    return Answer(task.feature.show(task, value), value, said, misses, label, list(notices), receipt, region)


def _joined(task: Task, parts: Sequence[Task], pieces: list[chunks.Piece], ask: _Ask) -> Work:
    """Pieces answered one by one and put together with the gaps that stood between them."""
    answers: list[Answer] = []
    for number, part in enumerate(parts):
        ask.tell(number / len(parts), f"part {number + 1} of {len(parts)}")
        before = chunks.join([answer.text for answer in answers], pieces[:number])
        answers.append((yield from _after(before, ask.once(part))))
    whole = _together(answers)
    whole.text = chunks.join([answer.text for answer in answers], pieces)
    try:
        whole.value = task.feature.parse(task, whole.text)
    except ValueError:
        whole.misses = ["the answer cannot be read"]
        return whole
    whole.misses = list(dict.fromkeys(miss for answer in answers for miss in answer.misses))
    return whole


def _merged(task: Task, parts: Sequence[Task], ask: _Ask) -> Work:
    """Pieces answered one by one, their values merged by the feature."""
    assert task.feature.merge is not None
    answers: list[Answer] = []
    for number, part in enumerate(parts):
        ask.tell(number / len(parts), f"part {number + 1} of {len(parts)}")
        answers.append((yield from ask.once(part)))
    whole = _together(answers)
    if any(answer.value is None for answer in answers):
        whole.misses = ["the answer cannot be read"]
        return whole
    whole.value = task.feature.merge(task, [answer.value for answer in answers])
    whole.text = task.feature.show(task, whole.value)
    whole.misses = gate.examine(task, whole.value, whole.said)
    return whole


def _together(answers: Sequence[Answer]) -> Answer:
    """What several answers share: probabilities one after another, usage added up, the last one's label and proof."""
    last = answers[-1]
    said = Said(
        finish=next((each.said.finish for each in answers if each.said.finish == "length"), last.said.finish),
        logprobs=[number for each in answers for number in each.said.logprobs],
        about=last.said.about,
    )
    for each in answers:
        for name, number in each.said.usage.items():
            said.usage[name] = said.usage.get(name, 0) + number
    notices = list(dict.fromkeys(notice for each in answers for notice in each.notices))
    return Answer("", None, said, [], last.label, notices, last.receipt, last.region)


def _after(before: str, work: Work) -> Work:
    """The same work, its drafts shown after what stands already."""
    while True:
        try:
            draft = next(work)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        text = before + draft.text
        yield Draft(text=text, value=text if isinstance(draft.value, str) else draft.value, source=draft.source)


def _quiet(work: Work) -> Work:
    """The same work without its drafts: they are not the answer."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        yield from ()


def _rank(answer: Answer) -> tuple[int, float]:
    return answer.rank


def _told(answer: Answer, what: str) -> str:
    return f"{what}: {'; '.join(answer.misses) or 'passed'}"
