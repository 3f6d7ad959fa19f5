"""gateway/errand: run at once, gone on with by whom it waits for, a task as soon as it waits for anything else."""

from __future__ import annotations

import asyncio

import pytest

from isthmus.gateway.errand import Errand, wait


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Steps:
    """A coroutine that notes where it is."""

    def __init__(self):
        self.seen = []
        self.errand = None
        self.there = asyncio.Event()

    async def waits_for(self, who):
        try:
            self.seen.append(await wait(self.errand, who))
        except BaseException as error:
            self.seen.append(type(error))
            raise
        finally:
            self.seen.append("end")

    async def sleeps(self, first=None):
        try:
            if first is not None:
                self.seen.append(await wait(self.errand, first))
            await asyncio.sleep(0)
            async with asyncio.timeout(60):
                self.seen.append("in a task")
                self.there.set()
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.seen.append("cancelled")
            raise


def started(loop, steps, coroutine):
    steps.errand = Errand(loop, coroutine)
    steps.errand.go_on()
    return steps.errand


def test_it_runs_at_once_and_who_it_waits_for_goes_on_with_it(loop):
    steps, who = Steps(), object()
    errand = started(loop, steps, steps.waits_for(who))
    assert errand.waits is who
    assert errand.light
    errand.go_on("answer")
    assert steps.seen == ["answer", "end"]
    assert errand.waits is None


def test_what_it_waited_for_may_fail(loop):
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    steps = Steps()
    errand = started(loop, steps, steps.waits_for(errand_of := object()))
    assert errand.waits is errand_of
    errand.throw(OSError("gone"))
    assert steps.seen == [OSError, "end"]
    assert [str(error) for error in told] == ["gone"]


def test_an_end_from_outside_is_heard_at_once_and_told_to_nobody(loop):
    told = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    steps = Steps()
    errand = started(loop, steps, steps.waits_for(object()))
    errand.cancel()
    assert steps.seen == [asyncio.CancelledError, "end"]
    assert not told
    errand.cancel()  # it is over: nothing happens
    assert steps.seen == [asyncio.CancelledError, "end"]


@pytest.mark.parametrize("first", [None, "a connection"])
def test_it_becomes_a_task_where_it_waits_for_anything_else(loop, first):
    steps = Steps()
    errand = started(loop, steps, steps.sleeps(first))
    if first is not None:
        assert errand.light
        errand.go_on("answer")
    assert not errand.light

    async def until():
        await steps.there.wait()
        errand.cancel()
        await errand.over()

    loop.run_until_complete(until())
    assert steps.seen[-2:] == ["in a task", "cancelled"]


def test_a_task_that_is_cancelled_before_it_ran_ends_the_coroutine_all_the_same(loop):
    steps = Steps()
    errand = started(loop, steps, steps.sleeps())
    errand.cancel()
    loop.run_until_complete(errand.over())
    assert steps.seen == ["cancelled"]


def test_whoever_waits_for_its_end_hears_of_it_through_its_change_into_a_task(loop):
    steps = Steps()
    errand = started(loop, steps, steps.sleeps("a connection"))

    async def both():
        over = asyncio.ensure_future(errand.over())
        await asyncio.sleep(0)
        errand.go_on("answer")
        await asyncio.sleep(0)
        assert not over.done()
        errand.cancel()
        await over

    loop.run_until_complete(both())
    assert steps.seen == ["answer", "cancelled"]
