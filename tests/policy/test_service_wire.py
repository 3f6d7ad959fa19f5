"""HTTP/1.1 to a service: connections that are kept, calls that are cancelled, and answers that are none."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest

from isthmus.policy import service_wire
from isthmus.policy.judge import JudgeError
from isthmus.policy.service_wire import LARGEST, Wire

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """A server that answers each request with the next bytes of `script`; None: nothing, and b"": it closes."""

    def __init__(self, *script):
        self.script = list(script)
        self.opened = self.closed = 0
        self.heard = []
        self.told = asyncio.Event()
        self._writers = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.wire = Wire(urlsplit(f"http://127.0.0.1:{port}/x"))
        return self

    async def __aexit__(self, *_):
        self.wire.close()
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self.opened += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(next(line.split(b": ")[1] for line in head.split(b"\r\n") if b"length" in line))
                self.heard.append((head, await reader.readexactly(length)))
                self.told.set()
                said = self.script.pop(0)
                if said is not None:
                    writer.write(said)
                    if not said or b"close" in said or b"200 OK\r\n\r\n" in said:
                        break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.closed += 1
        self.told.set()
        writer.close()

    def post(self, body=b"{}", **headers):
        return self.wire.post("/x", {"content-type": "application/json", **headers}, body)


def run(story):
    return asyncio.run(asyncio.wait_for(story, 20))


def test_a_request_is_what_the_service_reads_and_a_connection_is_used_again():
    async def story():
        async with Server(FINE, FINE) as server:
            said = [await server.post(b"one", authorization="Bearer k"), await server.post(b"two")]
            return said, server.opened, server.heard

    said, opened, heard = run(story())
    assert (said, opened) == ([b"{}", b"{}"], 1)
    assert [body for _, body in heard] == [b"one", b"two"]
    lines = heard[0][0].decode().split("\r\n")
    assert lines[0] == "POST /x HTTP/1.1"
    assert lines[1].startswith("host: 127.0.0.1:")
    assert "authorization: Bearer k" in lines
    assert "content-length: 3" in lines


def test_two_calls_at_once_have_two_connections():
    async def story():
        async with Server(FINE, FINE) as server:
            await asyncio.gather(server.post(), server.post())
            return server.opened

    assert run(story()) == 2


def test_a_connection_that_ends_after_an_answer_is_not_used_again():
    async def story():
        async with Server(FINE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), FINE) as server:
            return await server.post(), await server.post(), server.opened

    assert run(story()) == (b"{}", b"{}", 2)


def test_a_kept_connection_that_has_died_is_replaced_by_a_new_one_once():
    async def story():
        async with Server(FINE, b"", FINE) as server:
            first = await server.post()
            return first, await server.post(), server.opened

    assert run(story()) == (b"{}", b"{}", 2)


def test_a_new_connection_that_dies_is_a_failure():
    async def story():
        async with Server(b"") as server:
            with pytest.raises(JudgeError):
                await server.post()
            return server.opened

    assert run(story()) == 1


def test_a_cancelled_call_ends_its_connection_and_the_next_one_has_its_own():
    async def story():
        async with Server(None, FINE) as server:
            call = asyncio.ensure_future(server.post())
            await server.told.wait()
            server.told.clear()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await server.told.wait()
            closed = server.closed
            return closed, await server.post(), server.opened

    assert run(story()) == (1, b"{}", 2)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 429 No\r\nContent-Length: 2\r\n\r\n{}", b"<html>", b"HTTP/1.1 301 Moved\r\nLocation: /y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}",
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_with_200_is_a_failure(said):
    async def story():
        async with Server(said + (b"" if b"close" in said or b"429" in said else b"close")) as server:
            with pytest.raises(JudgeError):
                await server.post()

    run(story())


def test_an_answer_may_be_chunked_interim_or_end_with_its_connection():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    interim = b"HTTP/1.1 103 Hints\r\n\r\n" + FINE

    async def story():
        async with Server(chunked, interim, b"HTTP/1.1 200 OK\r\n\r\n{}") as server:
            return [await server.post() for _ in range(3)]

    assert run(story()) == [b"{}"] * 3


def test_an_answer_that_is_too_long_is_a_failure(monkeypatch):
    assert LARGEST == 1 << 20
    monkeypatch.setattr(service_wire, "LARGEST", 10)

    async def story():
        async with Server(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11) as server:
            with pytest.raises(JudgeError):
                await server.post()

    run(story())


def test_nobody_there_is_a_failure():
    async def story():
        async with Server() as server:
            wire = server.wire
        with pytest.raises(JudgeError):
            await wire.post("/x", {}, b"")

    run(story())


def test_more_calls_than_may_be_made_at_once_wait_for_their_turn(monkeypatch):
    monkeypatch.setattr(service_wire, "CALLS", 2)

    async def story():
        async with Server(None, None, FINE) as server:
            calls = [asyncio.ensure_future(server.post()) for _ in range(3)]
            while len(server.heard) < 2:
                server.told.clear()
                await server.told.wait()
            before = len(server.heard)
            calls[0].cancel()
            said = await calls[2]
            calls[1].cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            return before, said

    assert run(story()) == (2, b"{}")


def test_what_was_kept_for_another_loop_is_not_used():
    async def story():
        async with Server(FINE, FINE) as server:
            first = await server.post()
            server.wire._loop = None
            return first, await server.post(), server.opened

    assert run(story()) == (b"{}", b"{}", 2)
