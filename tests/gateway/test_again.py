"""Streams that are taken up again: in their own worker, in another one, and never by anybody else."""

import asyncio
import copy
import json

import pytest
from corridor_parts import dechunked
from scripted import Wire, request_bytes

from isthmus.gateway import again
from isthmus.gateway.door import Doors
from isthmus.gateway.serve import Service, body_limit


@pytest.fixture
def service(house, tmp_path):
    house.fresh(["ok"])
    return Service(house.corridor, None, run=tmp_path)


def get(house, service, token, last=b"", key=None, version="1.1", method="GET"):
    lines = [f"{method} /v1/streams/{token} HTTP/{version}", "Host: h", f"Authorization: Bearer {key or house.key}"]
    if last:
        lines.append(f"Last-Event-ID: {last}")
    return house.say("\r\n".join([*lines, "", ""]).encode(), service.serve)


def streamed(house, service):
    """A whole stream that may be taken up: its token and its events."""
    body = {"model": "private", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    heard = house.say(request_bytes(body, house.key, {"isthmus-resume": "1"}), service.serve)
    return heard.head["isthmus-resume"], dechunked(heard.out.partition(b"\r\n\r\n")[2])


def test_a_stream_that_may_be_taken_up_numbers_its_events(house, service):
    token, events = streamed(house, service)
    assert token.startswith("w0.")
    numbers = [int(block.split(b"\n")[0][4:]) for block in events.split(b"\n\n") if block]
    assert numbers == list(range(1, len(numbers) + 1))


def test_nobody_who_did_not_ask_gets_numbers(house, service):
    body = {"model": "private", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    heard = house.say(request_bytes(body, house.key, {}), service.serve)
    assert "isthmus-resume" not in heard.head
    assert b"\nid: " not in heard.out


@pytest.mark.parametrize("last", [0, 1, 2])
def test_what_was_missed_is_told_from_the_number_on(house, service, last):
    token, events = streamed(house, service)
    heard = get(house, service, token, last=str(last) if last else "")
    assert heard.status == 200
    blocks = [block + b"\n\n" for block in events.split(b"\n\n") if block]
    assert dechunked(heard.out.partition(b"\r\n\r\n")[2]) == b"".join(blocks[last:])


@pytest.mark.parametrize("last", ["99", "x", "-1", "1234567890"])
def test_a_number_that_never_was_is_gone(house, service, last):
    token, _ = streamed(house, service)
    assert get(house, service, token, last=last).status == 404


@pytest.mark.parametrize("token", ["w0.unknown", "w0.", "w9.x", "../w0.x", "nothing"])
def test_a_name_that_nobody_gave_finds_nothing(house, service, token):
    assert get(house, service, token).status == 404


def test_another_tenant_finds_nothing(house, service):
    token, _ = streamed(house, service)
    _, other = house.accounts.create_key("other", ["CN"], "CN")
    house.corridor.ring.refresh(house.accounts)
    assert get(house, service, token, key=other).status == 404
    assert get(house, service, token, key="wrong").status == 401


def test_a_request_that_meets_another_worker_is_handed_on(house, service, tmp_path):
    token, events = streamed(house, service)
    elsewhere = copy.copy(house.corridor)
    elsewhere.shard = "w1"
    doors = Doors(house.loop, service.serve, body_limit)
    path = str(again.socket_path(tmp_path, "w0"))
    server = house.loop.run_until_complete(house.loop.create_unix_server(doors, path))
    heard = get(house, Service(elsewhere, None, run=tmp_path), token)
    server.close()
    assert heard.status == 200
    assert dechunked(heard.out.partition(b"\r\n\r\n")[2]) == events


def test_an_answer_goes_on_while_its_caller_is_away(house, service):
    """The caller leaves after the first word; the stream is made to its end, and told from the start."""
    body = {"model": "private", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    raw = request_bytes(body, house.key, {"isthmus-resume": "1"})

    async def leave():
        doors = Doors(house.loop, service.serve, body_limit)
        door, wire = doors(), Wire()
        door.connection_made(wire)
        door.data_received(raw)
        task = door.task
        for _ in iter(lambda: door.outlives, True):
            await asyncio.sleep(0)
        door.connection_lost(None)
        await task.over()
        return wire.out

    out = house.loop.run_until_complete(leave())
    token = out.split(b"isthmus-resume: ")[1].split(b"\r\n")[0].decode()
    told = dechunked(get(house, service, token).out.partition(b"\r\n\r\n")[2])
    assert told.endswith(b"data: [DONE]\n\n")
    last = [line for line in told.split(b"\n") if line.startswith(b"data: {")][-1]
    assert json.loads(last[6:])["isthmus"]["receipt"]
    assert house.receipt.outcome == "answered"


def test_a_stream_that_its_caller_stops_ends_its_partner_too(house, service):
    """The caller asks on another connection; the first hears a typed end, and the receipt says why."""
    body = {"model": "private", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    house.fresh(["open"])
    asked = Service(house.corridor, None, run=service.run)

    async def stop():
        doors = Doors(house.loop, asked.serve, body_limit)
        door, wire = doors(), Wire()
        door.connection_made(wire)
        door.data_received(request_bytes(body, house.key, {"isthmus-resume": "1"}))
        task = door.task
        for _ in iter(lambda: door.outlives, True):
            await asyncio.sleep(0)
        token = wire.out.split(b"isthmus-resume: ")[1].split(b"\r\n")[0].decode()
        other, heard = doors(), Wire()
        other.connection_made(heard)
        line = f"DELETE /v1/streams/{token} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {house.key}\r\n\r\n"
        other.data_received(line.encode())
        await asyncio.gather(*(each.over() for each in (task, other.task) if each is not None))
        return token, wire.out, heard.out

    token, told, said = house.loop.run_until_complete(stop())
    assert said.startswith(b"HTTP/1.1 204 ")
    assert b"its caller stopped it" in told
    assert (house.receipt.outcome, house.receipt.refusal) == ("interrupted", "stream_ended")
    assert get(house, asked, token).status == 404


def test_nobody_stops_another_tenants_stream(house, service):
    token, events = streamed(house, service)
    _, other = house.accounts.create_key("other", ["CN"], "CN")
    house.corridor.ring.refresh(house.accounts)
    assert get(house, service, token, key=other, method="DELETE").status == 404
    assert dechunked(get(house, service, token).out.partition(b"\r\n\r\n")[2]) == events


def test_stopping_a_stream_that_has_ended_forgets_it(house, service):
    token, _ = streamed(house, service)
    assert get(house, service, token, method="DELETE").status == 204
    assert get(house, service, token).status == 404


def test_a_stop_that_meets_another_worker_is_handed_on(house, service, tmp_path):
    token, _ = streamed(house, service)
    elsewhere = copy.copy(house.corridor)
    elsewhere.shard = "w1"
    doors = Doors(house.loop, service.serve, body_limit)
    server = house.loop.run_until_complete(house.loop.create_unix_server(doors, str(again.socket_path(tmp_path, "w0"))))
    assert get(house, Service(elsewhere, None, run=tmp_path), token, method="DELETE").status == 204
    server.close()
    assert get(house, service, token).status == 404
