"""Errand: a request is served from the read that completed it, and goes on from the read that brought its answer.

A task of asyncio's takes a turn of the loop to begin and another one each time it wakes. Nearly every request waits
only once, for a connection that is open already; so its coroutine is run at once, and the connection goes on with it
itself. As soon as it waits for anything else, it becomes a task like any other.

Rules of this room:
1. Code that runs in an errand is in no task: what needs one (asyncio.timeout, an ASGI app) waits for `sleep(0)` first.
2. What an errand raises is told to the loop, never to the connection that went on with it.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any


class Errand:
    """One coroutine on its way. `waits` is who goes on with it; None when it is running, over, or a task."""

    __slots__ = ("_coroutine", "_loop", "_task", "_turned", "waits")

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        self._loop = loop
        self._coroutine = coroutine
        self._task: asyncio.Task[None] | None = None
        self._turned: asyncio.Future[None] | None = None
        self.waits: object = None

    @property
    def light(self) -> bool:
        """Whether it is no task (yet)."""
        return self._task is None

    def go_on(self, value: object = None) -> None:
        """Run it until it waits, or to its end; `value` is what it waited for."""
        self._step(self._coroutine.send, value)

    def throw(self, error: BaseException) -> None:
        """The same; what it waited for has failed."""
        self._step(self._coroutine.throw, error)

    def _step(self, step: Callable[[Any], Any], value: object) -> None:
        self.waits = None
        try:
            waited = step(value)
        except StopIteration:
            self._tell()
        except BaseException as error:  # whatever it is: rule 2
            self._fail(error)
        else:
            if waited is None or self.waits is not waited:
                self._become_task(waited)

    def cancel(self) -> None:
        """End it early: it hears asyncio.CancelledError, now or, as a task, with the next turn of the loop."""
        if self._task is not None:
            self._task.cancel()
        elif self.waits is not None:
            self.throw(asyncio.CancelledError())

    async def over(self) -> None:
        """Wait for its end, whatever it was."""
        while self._task is None and self.waits is not None:
            self._turned = self._loop.create_future()
            await self._turned
        if self._task is not None:
            await asyncio.wait({self._task})

    def _become_task(self, waited: object) -> None:
        self._task = self._loop.create_task(_Rest(self._coroutine, waited))
        self._tell()

    def _tell(self) -> None:
        if self._turned is not None and not self._turned.done():
            self._turned.set_result(None)

    def _fail(self, error: BaseException) -> None:
        self._tell()
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error
        if not isinstance(error, asyncio.CancelledError):
            self._loop.call_exception_handler({"message": "a request broke off", "exception": error})


class _Rest(Coroutine[Any, Any, None]):
    """What is left of a coroutine that waits for something of asyncio's, as a task runs it: from the first step on,
    so that a task which is cancelled before it ever ran ends the coroutine all the same.
    """

    __slots__ = ("_coroutine", "_waited")

    def __init__(self, coroutine: Coroutine[Any, Any, None], waited: object) -> None:
        self._coroutine = coroutine
        self._waited = [waited]

    def send(self, value: Any) -> Any:
        return self._waited.pop() if self._waited else self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        self._waited.clear()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("it runs as a task alone")


@types.coroutine
def wait(errand: Errand, who: object) -> Generator[object, Any, Any]:
    """Wait, inside an errand, until `who` goes on with it. Returns what it brings, or raises it."""
    errand.waits = who
    return (yield who)
