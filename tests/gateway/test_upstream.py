"""Upstream connections against a real server on loopback: reuse, failure in four words, deadlines that never wait."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
from corridor_parts import route
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from isthmus.gateway import upstream
from isthmus.gateway.upstream import Pool, UpstreamError, is_local

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


class Ahead:
    """The running loop with a clock that can be set ahead."""

    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self.seconds = 0.0

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def time(self):
        return self._loop.time() + self.seconds


class Server:
    """Answers each request with the next of `answers`: bytes, or a coroutine function that is given the writer."""

    def __init__(self, *answers, tls=None):
        self.answers = list(answers)
        self.connections = 0
        self.writers = []
        self._tls = tls

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls)
        self.port = self.server.sockets[0].getsockname()[1]
        self.heard = asyncio.Event()
        self.loop = Ahead()
        self.pool = Pool(self.loop)
        return self

    async def __aexit__(self, *_):
        self.pool.close()
        self.server.close()
        for writer in self.writers:
            writer.close()
        await self.server.wait_closed()

    async def _talk(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                self.heard.set()
                answer = self.answers.pop(0)
                if isinstance(answer, bytes):
                    writer.write(answer)
                else:
                    await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def route(self, **more):
        return route(name="doubao/pro", **{"tier": "partner", "port": self.port, **more})

    async def ask(self, sink=None):
        """One exchange, from the pool and back to it."""
        where = self.route()
        connection = await self.pool.acquire(where)
        try:
            return await connection.exchange(REQUEST, sink)
        finally:
            self.pool.release(where, connection)

    async def word(self, sink=None):
        with pytest.raises(UpstreamError) as caught:
            await self.ask(sink)
        return caught.value.word


class Sink:
    def __init__(self):
        self.data = b""
        self.arrived = asyncio.Event()

    def feed(self, data):
        self.data += data
        self.arrived.set()


def then_close(data):
    async def answer(writer):
        writer.write(data)
        await writer.drain()
        writer.close()

    return answer


async def silence(writer):
    await writer.drain()


def talk(*answers, **more):
    """A test as a coroutine over one server."""

    def run(conversation):
        async def whole():
            async with Server(*answers, **more) as server:
                return await conversation(server)

        return asyncio.run(whole())

    return run


async def until(true):
    """Let the loop run until what the other side did has arrived here."""
    while not true():  # noqa: ASYNC110  # a transport tells nobody but its protocol
        await asyncio.sleep(0)


# -- answers ------------------------------------------------------------------------------------------------


def test_an_answer_comes_back_whole():
    answer = talk(OK)(lambda server: server.ask())
    assert (answer.status, answer.body, answer.streamed) == (200, b"{}", False)


def test_an_answer_in_many_reads_is_joined():
    async def slowly(writer):
        for byte in OK:
            writer.write(bytes([byte]))
            await writer.drain()

    assert talk(slowly)(lambda server: server.ask()).body == b"{}"


def test_a_failure_brings_its_headers_in_lower_case():
    raw = b"HTTP/1.1 429 Too Many\r\nRetry-AFTER: 7\r\nContent-Length: 0\r\n\r\n"
    answer = talk(raw)(lambda server: server.ask())
    assert (answer.status, answer.headers[b"retry-after"]) == (429, b"7")


@pytest.mark.parametrize("pause", [True, False], ids=["in its own read", "in one read"])
def test_an_interim_answer_is_not_the_answer(pause):
    async def both(writer):
        await wrote(writer, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + (b"" if pause else OK))
        if pause:
            await until(server_side_started)
            await wrote(writer, OK)

    def server_side_started():
        return any(each.started for each in pools[0]._busy)

    pools = []

    async def ask(server):
        pools.append(server.pool)
        return await server.ask()

    answer = talk(both)(ask)
    assert (answer.status, answer.body, answer.headers) == (200, b"{}", {})


def test_a_connection_is_kept_and_used_again():
    async def twice(server):
        await server.ask()
        await server.ask()
        return server.connections

    assert talk(OK, OK)(twice) == 1


def test_two_questions_at_once_never_share_a_connection():
    async def both(server):
        await asyncio.gather(server.ask(), server.ask())
        return server.connections

    assert talk(OK, OK)(both) == 2


@pytest.mark.parametrize(
    "last",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=["Connection: close", "HTTP/1.0"],
)
def test_a_connection_that_says_it_ends_is_not_used_again(last):
    async def twice(server):
        await server.ask()
        await server.ask()
        return server.connections

    assert talk(last, OK)(twice) == 2


def test_a_body_without_length_ends_with_its_connection():
    raw = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}"
    answer = talk(then_close(raw))(lambda server: server.ask())
    assert (answer.status, answer.body) == (200, b"{}")


# -- streams ------------------------------------------------------------------------------------------------


def test_a_stream_goes_to_its_sink_as_it_comes():
    async def ask(server):
        sink = Sink()
        answer = await server.ask(sink)
        return sink.data, answer.streamed, answer.body, server.pool

    data, streamed, body, _ = talk(STREAM + chunk(b"data: a\n\n") + chunk(b"data: b\n\n") + b"0\r\n\r\n")(ask)
    assert (data, streamed, body) == (b"data: a\n\ndata: b\n\n", True, b"")


def test_a_stream_without_length_ends_with_its_connection():
    async def ask(server):
        sink = Sink()
        return await server.ask(sink), sink.data

    raw = b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\ndata: a\n\n"
    answer, data = talk(then_close(raw))(ask)
    assert (answer.streamed, data) == (True, b"data: a\n\n")


def test_what_is_no_stream_is_no_business_of_the_sink():
    async def ask(server):
        sink = Sink()
        return await server.ask(sink), sink.data

    answer, data = talk(OK)(ask)
    assert (answer.body, answer.streamed, data) == (b"{}", False, b"")


def test_a_sink_that_is_slow_stops_the_reading_and_no_deadline_runs_meanwhile():
    async def ask(server):
        sink, where = Sink(), server.route()
        connection = await server.pool.acquire(where)
        going = asyncio.ensure_future(connection.exchange(REQUEST, sink))
        await sink.arrived.wait()
        connection.pause()
        server.loop.seconds += 1000
        server.pool.sweep()
        assert not connection.transport.is_reading()
        assert not going.done()
        server.writers[0].write(chunk(b"data: b\n\n") + b"0\r\n\r\n")
        connection.resume()
        await going
        server.pool.release(where, connection)
        return sink.data

    assert talk(lambda writer: wrote(writer, STREAM + chunk(b"data: a\n\n")))(ask) == b"data: a\n\ndata: b\n\n"


def test_a_connection_that_a_slow_caller_left_paused_reads_the_next_answer():
    """Its answer was whole before its caller had read it: nobody resumed it, and the next one asks on it."""

    async def ask(server):
        where = server.route()
        connection = await server.pool.acquire(where)
        await connection.exchange(REQUEST, None)
        connection.pause()
        server.pool.release(where, connection)
        again = await server.pool.acquire(where)
        assert again is connection
        return (await again.exchange(REQUEST, None)).body

    assert talk(OK, OK)(ask) == b"{}"


async def wrote(writer, data):
    writer.write(data)
    await writer.drain()


# -- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (then_close(b""), "unavailable"),
        (then_close(OK[:-1]), "lost"),
        (then_close(STREAM + chunk(b"data: a\n\n")), "lost"),
        (b"SSH-2.0-x\r\n\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", "broken"),
    ],
    ids=["not a byte", "less than announced", "a stream without end", "not HTTP", "broken chunks"],
)
def test_each_failure_has_its_word(answer, word):
    async def ask(server):
        return await server.word(Sink())

    assert talk(answer)(ask) == word


def test_where_nobody_listens_is_unavailable_at_once():
    async def ask(server):
        server.server.close()
        await server.server.wait_closed()
        return await server.word()

    assert talk()(ask) == "unavailable"


def test_an_engine_of_this_machine_that_is_starting_is_waited_for():
    async def ask(server):
        late = asyncio.create_task(start_on(server))
        where = server.route(tier="private", port=server.port)
        connection = await server.pool.acquire(where)
        await late
        answer = await connection.exchange(REQUEST, None)
        server.pool.release(where, connection)
        return answer.status

    async def start_on(server):
        server.server = await asyncio.start_server(server._talk, "127.0.0.1", server.port)

    async def begin(server):
        server.server.close()
        await server.server.wait_closed()
        return await ask(server)

    assert talk(OK)(begin) == 200


def test_a_kept_connection_that_died_says_that_it_was_a_kept_one():
    async def ask(server):
        await server.ask()
        where = server.route()
        connection = await server.pool.acquire(where)
        with pytest.raises(UpstreamError) as caught:
            await connection.exchange(REQUEST, None)
        server.pool.release(where, connection)
        return connection.reused, caught.value.word, (await server.ask()).status, server.connections

    assert talk(OK, then_close(b""), OK)(ask) == (True, "unavailable", 200, 2)


def test_a_kept_connection_that_is_seen_to_die_is_not_handed_out():
    async def ask(server):
        await server.ask()
        server.writers[0].close()
        (connection,) = [each for idle in server.pool._idle.values() for each in idle]
        await until(connection.transport.is_closing)
        await asyncio.sleep(0)
        await server.ask()
        return server.connections

    assert talk(OK, OK)(ask) == 2


def test_a_question_on_a_closed_connection_is_unavailable():
    async def ask(server):
        connection = await server.pool.acquire(server.route())
        connection.abort()
        connection.pause()
        connection.resume()
        with pytest.raises(UpstreamError) as caught:
            await connection.exchange(REQUEST, None)
        return caught.value.word

    assert talk()(ask) == "unavailable"


def test_bytes_that_nobody_asked_for_never_meet_the_next_question():
    async def ask(server):
        await server.ask()
        (connection,) = [each for idle in server.pool._idle.values() for each in idle]
        server.writers[0].write(OK.replace(b"{}", b"[]"))
        await until(connection.transport.is_closing)
        await asyncio.sleep(0)
        return (await server.ask()).body, server.connections

    assert talk(OK, OK)(ask) == (b"{}", 2)


def test_a_second_answer_in_the_same_read_is_never_taken_for_a_part_of_the_first():
    async def ask(server):
        try:
            body = (await server.ask()).body
        except UpstreamError as error:
            body = error.word
        await server.ask()
        return body, server.connections

    body, connections = talk(OK + OK.replace(b"{}", b"[]"), OK)(ask)
    assert (body, connections) == ("broken", 2)


def test_a_body_past_the_limit_is_broken(monkeypatch):
    monkeypatch.setattr(upstream, "BODY_LIMIT", 1000)
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 2000
    assert talk(raw)(lambda server: server.word()) == "broken"


# -- deadlines ----------------------------------------------------------------------------------------------


async def expire(server, answer_begun, seconds, sink=None):
    """Ask, let `seconds` pass once `answer_begun`, sweep; returns how it ended."""
    where = server.route()
    connection = await server.pool.acquire(where)
    going = asyncio.ensure_future(connection.exchange(REQUEST, sink))
    await server.heard.wait()
    await until(lambda: connection.started == answer_begun)
    server.loop.seconds += seconds
    server.pool.sweep()
    if not going.done():
        for _ in range(3):
            await asyncio.sleep(0)
    ended = going.exception().word if going.done() else "waiting"
    connection.abort()
    server.pool.release(where, connection)
    await asyncio.gather(going, return_exceptions=True)
    return ended


@pytest.mark.parametrize(
    ("begun", "seconds", "ended"),
    [
        (False, upstream.FIRST_BYTE_SECONDS - 5, "waiting"),
        (False, upstream.FIRST_BYTE_SECONDS + 1, "timeout"),
        (True, upstream.BETWEEN_SECONDS - 5, "waiting"),
        (True, upstream.BETWEEN_SECONDS + 1, "timeout"),
    ],
)
@pytest.mark.parametrize("start", [OK[:-1], STREAM + chunk(b"data: a\n\n")], ids=["whole", "streamed"])
def test_every_wait_has_its_deadline(start, begun, seconds, ended):
    async def ask(server):
        return await expire(server, begun, seconds, Sink())

    if begun and start != OK[:-1]:  # until something of a stream was shown, its first content is waited for
        seconds += upstream.FIRST_BYTE_SECONDS - upstream.BETWEEN_SECONDS
    answer = (lambda writer: wrote(writer, start)) if begun else silence
    assert talk(answer)(ask) == ended


def test_idle_connections_age_and_are_closed():
    async def ask(server):
        await server.ask()
        server.loop.seconds += upstream.IDLE_SECONDS + 1
        server.pool.sweep()
        await server.ask()
        return server.connections

    assert talk(OK, OK)(ask) == 2


def test_only_so_many_idle_connections_are_kept(monkeypatch):
    monkeypatch.setattr(upstream, "POOL_LIMIT", 2)

    async def ask(server):
        await asyncio.gather(*(server.ask() for _ in range(5)))
        return sum(len(idle) for idle in server.pool._idle.values())

    assert talk(*[OK] * 5)(ask) == 2


def test_closing_the_pool_ends_busy_connections_too():
    async def ask(server):
        connection = await server.pool.acquire(server.route())
        going = asyncio.ensure_future(connection.exchange(REQUEST, None))
        await asyncio.sleep(0)
        server.pool.close()
        (error,) = await asyncio.gather(going, return_exceptions=True)
        return error.word

    assert talk(silence)(ask) == "unavailable"


# -- TLS ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody signed but itself, in one PEM file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "stand-in.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


async def over_tls(server, host):
    where = server.route(tls=True, host=host)
    connection = await server.pool.acquire(where)
    answer = await connection.exchange(REQUEST, None)
    server.pool.release(where, connection)
    return answer.status


@pytest.mark.parametrize(
    ("trusted", "host", "ended"),
    [(True, "127.0.0.1", 200), (False, "127.0.0.1", "unavailable"), (True, "localhost", "unavailable")],
    ids=["trusted", "signed by nobody", "another name"],
)
def test_a_partner_proves_its_name_or_is_unavailable(certificate, monkeypatch, trusted, host, ended):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def ask(server):
        try:
            return await over_tls(server, host)
        except UpstreamError as error:
            return error.word

    assert talk(OK, tls=context)(ask) == ended


def test_only_the_private_tier_and_stand_ins_are_local():
    assert is_local(route(tier="private"))
    assert is_local(route(tier="partner", rehearsal=True))
    assert not is_local(route(tier="partner"))
