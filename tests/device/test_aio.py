"""The device for asyncio: the same results, and a cancelled task stops the model."""

from __future__ import annotations

import asyncio
import threading

import pytest

from isthmus.device.aio import AsyncDevice
from isthmus.device.task import Abort, Aborted


def test_features_sessions_and_streams_are_awaited(home, scripted) -> None:
    async def use() -> list[str]:
        async with AsyncDevice(voice=scripted("Please send it."), config=home) as device:
            session = device.session(system="Be short.")
            session.append("Hi")
            texts = [
                (await device.rewrite("Send it now.")).text,
                [draft.text async for draft in device.stream("rewrite", "Send it now.")][-1],
                (await session.prompt("Ask me for it.")).text,
                [draft.text async for draft in session.clone().stream("Again.")][-1],
                (await device.detect_language("会议改到周一。"))[0].detected_language,
            ]
            assert await session.measure_context_usage("x") == 10
            return texts

    assert asyncio.run(use()) == ["Please send it."] * 4 + ["zh"]


@pytest.mark.parametrize(("feature", "given"), [
    ("proofread", "It is."), ("summarize", "It is."), ("write", "It is."), ("smart_reply", "It is."), ("digest", ["It is."]),
    ("translate", "It is."), ("extract", "It is."),
])  # fmt: skip
def test_every_feature_has_its_method(home, scripted, feature: str, given: object) -> None:
    options = {"translate": {"target_language": "zh"}, "extract": {"response_constraint": {"type": "object"}}}

    async def use() -> object:
        async with AsyncDevice(voice=scripted("x"), config=home, retry=False) as device:
            return (await getattr(device, feature)(given, **options.get(feature, {}))).source

    assert asyncio.run(use()) == "on_device"


def test_options_are_given_by_name(home, scripted) -> None:
    async def use() -> tuple[object, object]:
        async with AsyncDevice(voice=scripted('"Late"'), config=home, retry=False) as device:
            text = "The train was late and then the bus broke down again."
            short = await device.summarize(text, type="headline")
            return short.value, (await device.extract("Late.", response_constraint={"type": "string"})).value

    assert asyncio.run(use()) == ("Late", "Late")


def test_one_signal_serves_many_pieces_of_work_and_stops_them_all(home, scripted) -> None:
    async def use() -> list[str]:
        signal = Abort()
        async with AsyncDevice(voice=scripted("Please send it."), config=home) as device:
            texts = [(await device.rewrite("Send it now.", signal=signal)).text for _ in range(2)]
            texts += [draft.text async for draft in device.stream("rewrite", "Send it now.", signal=signal)][-1:]
            signal.abort()
            with pytest.raises(Aborted):
                await device.rewrite("Send it now.", signal=signal)
            return texts

    assert asyncio.run(use()) == ["Please send it."] * 3


def test_a_cancelled_task_aborts_the_work(home, scripted) -> None:
    began, ended = threading.Event(), threading.Event()
    voice = scripted("x")

    def speak(prompt, *, headers=None, abort=None):
        yield from ()  # pieces come from a generator, here none
        began.set()
        stopped = threading.Event()
        abort.listen(stopped.set)
        stopped.wait()
        ended.set()
        raise Aborted

    voice.speak = speak

    async def use() -> None:
        async with AsyncDevice(voice=voice, config=home) as device:
            task = asyncio.create_task(device.rewrite("Send it now."))
            await asyncio.to_thread(began.wait)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(ended.wait)

    asyncio.run(use())
    assert ended.is_set()
