"""The device for asyncio: the same names, awaited. Work runs in threads; cancelling a task stops the model.

async with AsyncDevice(region="EU") as device:
    result = await device.summarize(text)
    async for draft in device.stream("rewrite", text): ...
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self

from isthmus.device.device import Device
from isthmus.device.features.detect_language import Detected
from isthmus.device.features.digest import Entry
from isthmus.device.result import Draft, Result
from isthmus.device.session import Said, Session
from isthmus.device.task import Abort


class AsyncDevice:
    """All features of this device, for asyncio. Takes what Device takes."""

    def __init__(self, **given: Any) -> None:
        self._device = Device(**given)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the local model, and write what is queued."""
        await asyncio.to_thread(self._device.close)

    async def proofread(self, text: str, /, **options: Any) -> Result[Any]:
        return await self.run("proofread", text, **options)

    async def rewrite(self, text: str, /, **options: Any) -> Result[str]:
        return await self.run("rewrite", text, **options)

    async def summarize(self, text: str, /, **options: Any) -> Result[str]:
        return await self.run("summarize", text, **options)

    async def write(self, text: str, /, **options: Any) -> Result[str]:
        return await self.run("write", text, **options)

    async def translate(self, text: str, /, **options: Any) -> Result[str]:
        return await self.run("translate", text, **options)

    async def detect_language(self, text: str, /) -> list[Detected]:
        return self._device.detect_language(text)

    async def smart_reply(self, text: str, /, **options: Any) -> Result[list[str]]:
        return await self.run("smart_reply", text, **options)

    async def digest(self, notifications: Any, /, **options: Any) -> Result[list[Entry]]:
        return await self.run("digest", notifications, **options)

    async def extract(self, text: str, /, **options: Any) -> Result[Any]:
        return await self.run("extract", text, **options)

    def session(self, **given: Any) -> AsyncSession:
        """A conversation; takes what Device.session takes."""
        return AsyncSession(self._device.session(**given))

    async def run(self, feature: str, given: Any, /, **options: Any) -> Result[Any]:
        """One feature by name; see Device.run."""
        return await _in_thread(self._device.run, feature, given, **options)

    def stream(self, feature: str, given: Any, /, **options: Any) -> AsyncIterator[Draft[Any]]:
        """Snapshots; see Device.stream."""
        return _drafts(self._device.stream, feature, given, **options)


class AsyncSession:
    """A conversation for asyncio; see session.Session."""

    def __init__(self, session: Session) -> None:
        self.held = session

    async def prompt(self, said: Said, **options: Any) -> Result[Any]:
        return await _in_thread(self.held.prompt, said, **options)

    def stream(self, said: Said, **options: Any) -> AsyncIterator[Draft[Any]]:
        return _drafts(self.held.stream, said, **options)

    async def measure_context_usage(self, said: Said) -> int:
        return await asyncio.to_thread(self.held.measure_context_usage, said)

    def append(self, said: Said) -> None:
        self.held.append(said)

    def clone(self) -> AsyncSession:
        return AsyncSession(self.held.clone())


@contextlib.contextmanager
def _following(given: Abort | None) -> Iterator[Abort]:
    """A signal for one piece of work: it follows the caller's, which other work may share, and ends with the block."""
    signal = Abort()
    if given is not None:
        given.listen(signal.abort)
    try:
        yield signal
    finally:
        if given is not None:
            given.forget(signal.abort)
        signal.abort()


async def _in_thread(work: Callable[..., Result[Any]], *given: Any, **options: Any) -> Result[Any]:
    """Run `work` in a thread; a cancelled task stops it."""
    with _following(options.pop("signal", None)) as signal:
        return await asyncio.to_thread(work, *given, signal=signal, **options)


async def _drafts(work: Callable[..., Iterator[Draft[Any]]], *given: Any, **options: Any) -> AsyncIterator[Draft[Any]]:
    """The drafts of `work`, each fetched in a thread; leaving the loop stops it."""
    with _following(options.pop("signal", None)) as signal:
        drafts = work(*given, signal=signal, **options)
        while (draft := await asyncio.to_thread(next, drafts, None)) is not None:
            yield draft
