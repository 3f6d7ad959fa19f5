"""A stream is read in sips, and what it says is the same."""

import asyncio

import uvloop

from isthmus.gateway.sips import SIP, SMALL, Sips, sip

SAID = bytes(range(256)) * 400


class Listener(asyncio.Protocol):
    """Remembers every read, and how the connection ended."""

    def __init__(self):
        self.reads = []
        self.ended = asyncio.get_running_loop().create_future()
        self.finished = False

    def connection_made(self, transport):
        sip(transport, self, memoryview(bytearray(SIP)))

    def data_received(self, data):
        self.reads.append(data)

    def eof_received(self):
        self.finished = True

    def connection_lost(self, exc):
        self.ended.set_result(exc)


def test_a_connection_that_sips_hears_everything_a_little_at_a_time():
    async def says(reader, writer):
        writer.write(SAID)
        writer.close()
        await writer.wait_closed()

    async def live():
        server = await asyncio.start_server(says, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _, heard = await asyncio.get_running_loop().create_connection(Listener, "127.0.0.1", port)
        assert await heard.ended is None
        server.close()
        return heard

    heard = uvloop.run(live())
    assert b"".join(heard.reads) == SAID
    assert max(map(len, heard.reads)) <= SIP
    assert heard.finished


def test_after_a_full_sip_the_next_ones_of_the_answer_are_small():
    class Hears:
        def __init__(self):
            self.reads = []
            self.data_received = self.reads.append

    heard = Hears()
    sips = Sips(heard, memoryview(bytearray(SIP)))

    def takes(said):
        room = sips.get_buffer(-1)
        read = said[: len(room)]
        room[: len(read)] = read
        sips.buffer_updated(len(read))
        return len(room)

    assert [takes(SAID[:each]) for each in (9, SIP - 1, SIP, SMALL, 5, SMALL)] == [SIP, SIP, SIP, SMALL, SMALL, SMALL]
    assert heard.reads == [SAID[:each] for each in (9, SIP - 1, SIP, SMALL, 5, SMALL)]
    sips.begin()
    assert takes(SAID) == SIP
