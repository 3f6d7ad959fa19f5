import asyncio
import errno
import os
import threading

import pytest

from isthmus.core.clock import SystemClock
from isthmus.core.errors import Refusal
from isthmus.ledger import disk, prints, read, segments
from isthmus.ledger.prints import Printed
from isthmus.ledger.segments import Ledger


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "ledger"


@pytest.fixture
def broken_disk(monkeypatch):
    """A function that breaks the disk from now on: every durable write fails with EIO."""

    def refuse(descriptor, data):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    return lambda: monkeypatch.setattr(disk, "write_durably", refuse)


def ids(folder):
    return [entry.id for entry in read.iterate(folder)]


def test_what_is_flushed_is_on_disk(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)
    for _ in range(3):
        ledger.append(make(ledger.next_id()))
    ledger.flush()
    assert ids(folder) == ["w0-1-1", "w0-1-2", "w0-1-3"]
    ledger.close()


def test_closing_writes_what_is_queued_and_signs_it(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)
    names = [ledger.next_id() for _ in range(50)]
    for name in names:
        ledger.append(make(name))
    ledger.close()
    ledger.close()
    assert ids(folder) == names
    assert (folder / "CHECKPOINT").exists()


def test_ids_are_never_given_twice(folder, clock):
    given = []
    for _ in range(3):
        ledger = Ledger.open(folder, "w0", clock)
        given += [ledger.next_id() for _ in range(4)]
        ledger.close()
    assert len(set(given)) == 12
    assert all(name.startswith("w0-") for name in given)


def test_a_future_is_done_when_its_entry_is_on_disk(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)

    async def answer(name):
        ledger.append(make(name))
        await ledger.durable()
        return name in ids(folder)

    async def many():
        return await asyncio.gather(*(answer(f"id-{number}") for number in range(20)))

    assert all(asyncio.run(many()))
    ledger.close()


def test_an_entry_can_be_queued_and_waited_for_in_one(folder, clock, make, broken_disk):
    ledger = Ledger.open(folder, "w0", clock)

    async def answer(name):
        await ledger.committed(make(name))
        return name in ids(folder)

    assert asyncio.run(answer("one"))
    broken_disk()
    with pytest.raises(Refusal, match="ledger_failed"):
        asyncio.run(answer("two"))
    with pytest.raises(Refusal, match="ledger_failed"):
        asyncio.run(answer("three"))
    assert "three" not in ids(folder)
    ledger.close()


def test_a_fingerprint_is_drawn_after_its_receipt_is_on_disk(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)
    seen = []

    def draw():
        seen.append(ids(folder))
        return list(range(64))

    ledger.append(Printed(make("w0-1-1", route="r"), draw))
    ledger.close()
    assert seen == [["w0-1-1"]]
    assert prints.find(folder, [list(range(64))]).receipt == "w0-1-1"


def test_no_fingerprint_is_drawn_of_what_could_not_be_written(folder, clock, make, broken_disk):
    ledger = Ledger.open(folder, "w0", clock)
    broken_disk()
    ledger.append(Printed(make("w0-1-1"), pytest.fail))
    ledger.close()
    assert ledger.failed == "Input/output error"


def test_nothing_is_acknowledged_after_the_disk_failed(folder, clock, make, broken_disk):
    ledger = Ledger.open(folder, "w0", clock)
    ledger.append(make("before"))
    ledger.flush()
    broken_disk()
    ledger.append(make("during"))
    with pytest.raises(Refusal) as refusal:
        ledger.flush()
    assert refusal.value.code == "ledger_failed"
    assert "Input/output error" in refusal.value.sentence()
    assert ledger.failed == "Input/output error"
    ledger.append(make("after"))
    with pytest.raises(Refusal, match="ledger_failed"):
        ledger.check()
    with pytest.raises(Refusal, match="ledger_failed"):
        ledger.flush()
    ledger.close()


def test_those_who_wait_hear_of_the_failure(folder, clock, make, broken_disk):
    ledger = Ledger.open(folder, "w0", clock)
    broken_disk()

    async def answer():
        ledger.append(make("during"))
        waiting = ledger.durable()
        with pytest.raises(Refusal, match="ledger_failed"):
            await waiting
        with pytest.raises(Refusal, match="ledger_failed"):
            await ledger.durable()

    asyncio.run(answer())
    ledger.close()


def test_a_log_that_turns_out_damaged_later_fails_the_ledger(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)
    place = folder / "shards" / "w0_0_30"
    place.mkdir()
    (place / "checkpoints").write_bytes(b"no checkpoint\n\nat all\n")
    ledger.append(make("a", keep_max=30))
    with pytest.raises(Refusal, match="ledger_failed"):
        ledger.flush()
    assert "damaged" in ledger.failed
    ledger.close()


def test_who_stopped_waiting_disturbs_nobody(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)

    async def leave():
        ledger.append(make("a"))
        ledger.durable().cancel()
        ledger.append(make("b"))
        await ledger.durable()

    asyncio.run(leave())
    ledger.close()
    assert ids(folder) == ["a", "b"]


def test_a_loop_that_ended_is_not_called(folder, clock):
    loop = asyncio.new_event_loop()
    waiter = segments._Waiter(loop)
    loop.close()
    waiter.settle(None)
    assert not waiter.future.done()


def test_a_closed_ledger_takes_nothing(folder, clock, make):
    ledger = Ledger.open(folder, "w0", clock)
    ledger.check()
    ledger.close()
    ledger.append(make("late"))
    with pytest.raises(Refusal, match="ledger_failed"):
        ledger.check()
    assert ids(folder) == []


def test_a_second_writer_of_the_same_shard_is_refused_and_another_shard_is_not(folder, clock):
    ledger = Ledger.open(folder, "w0", clock)
    with pytest.raises(Refusal, match="ledger_busy"):
        Ledger.open(folder, "w0", clock)
    Ledger.open(folder, "w1", clock).close()
    ledger.close()


@pytest.mark.parametrize("name", ["", "w_0", "../w", "w-0", "é"])
def test_a_shards_name_cannot_leave_its_folder(folder, clock, name):
    with pytest.raises(ValueError, match="letters and digits"):
        Ledger.open(folder, name, clock)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, clock):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Refusal, match="ledger_failed"):
        Ledger.open(tmp_path / "file" / "ledger", "w0", clock)


def test_a_running_ledger_signs_on_its_own(folder, make):
    ledger = Ledger.open(folder, "w0", SystemClock())
    signed = threading.Event()
    sign = ledger._logs.sign

    def told(**how):
        sign(**how)
        if (folder / "heads" / "w0").exists():
            signed.set()

    ledger._logs.sign = told
    ledger.append(make("a"))
    assert signed.wait(30)
    ledger.close()


def test_a_ledger_whose_disk_is_slow_says_that_it_is_behind(folder, clock, make, monkeypatch):
    monkeypatch.setattr(segments, "QUEUE", 3)
    ledger = Ledger.open(folder, "w0", clock)
    slow, write = threading.Event(), disk.write_durably
    monkeypatch.setattr(disk, "write_durably", lambda descriptor, data: (slow.wait(30), write(descriptor, data)))
    for number in range(3):
        ledger.append(make(f"w0-1-{number}"))
    while ledger._queue:
        threading.Event().wait(0.001)
    assert not ledger.behind
    for number in range(3, 7):
        ledger.append(make(f"w0-1-{number}"))
    assert ledger.behind
    slow.set()
    ledger.flush()
    assert not ledger.behind
    ledger.close()
