"""`ledger.ack = durable`: no answer is whole before its receipt is on disk."""

import asyncio

import pytest
from scripted import Wire, request_bytes

from isthmus.core.errors import Refusal
from isthmus.gateway.door import Doors
from isthmus.gateway.serve import body_limit


class Slow:
    """A ledger whose disk answers when it is told to."""

    def __init__(self, book):
        self.book = book
        self.asked = []

    def __getattr__(self, name):
        return getattr(self.book, name)

    def committed(self, entry):
        self.book.append(entry)
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]


@pytest.fixture
def durable(house):
    house.fresh(["ok"])
    house.corridor.durable = True
    house.corridor.ledger = Slow(house.book)
    return house


def heard(house, *, stream, refused=None):
    """What the caller has before and after the disk answers."""

    async def talk():
        doors = Doors(house.loop, house.serve, body_limit)
        door, wire = doors(), Wire()
        door.connection_made(wire)
        body = {"model": "private", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        door.data_received(request_bytes(body, house.key, {}))
        task = door.task
        for _ in iter(lambda: bool(house.corridor.ledger.asked), True):
            await asyncio.sleep(0)
        before = wire.out
        (waiting,) = house.corridor.ledger.asked
        waiting.set_result(None) if refused is None else waiting.set_exception(refused)
        await task.over()
        return before, wire

    return house.loop.run_until_complete(talk())


def test_a_whole_answer_waits_for_its_receipt(durable):
    before, wire = heard(durable, stream=False)
    assert before == b""
    assert wire.out.startswith(b"HTTP/1.1 200 OK")
    assert durable.receipt.outcome == "answered"


def test_of_a_stream_only_the_last_chunk_waits(durable):
    before, wire = heard(durable, stream=True)
    assert before.endswith(b"data: [DONE]\n\n\r\n")
    assert wire.out == before + b"0\r\n\r\n"


def test_when_the_disk_refuses_a_whole_answer_is_the_refusal(durable):
    _, wire = heard(durable, stream=False, refused=Refusal("ledger_failed", reason="no space"))
    assert wire.out.startswith(b"HTTP/1.1 503")
    assert b"Hello" not in wire.out


def test_when_the_disk_refuses_a_stream_never_ends_well(durable):
    before, wire = heard(durable, stream=True, refused=Refusal("ledger_failed", reason="no space"))
    assert wire.out == before
    assert wire.aborted


def test_a_refusal_waits_for_its_receipt_too(durable):
    durable.fresh([])
    durable.corridor.durable = True
    durable.corridor.ledger = Slow(durable.book)

    async def talk():
        doors = Doors(durable.loop, durable.serve, body_limit)
        door, wire = doors(), Wire()
        door.connection_made(wire)
        door.data_received(request_bytes({"model": "nobody", "messages": []}, durable.key, {}))
        task = door.task
        for _ in iter(lambda: bool(durable.corridor.ledger.asked), True):
            await asyncio.sleep(0)
        before = wire.out
        durable.corridor.ledger.asked[0].set_result(None)
        await task.over()
        return before, wire.out

    before, after = durable.loop.run_until_complete(talk())
    assert before == b""
    assert after.startswith(b"HTTP/1.1 400")
