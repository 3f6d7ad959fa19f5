"""A whole corridor under real law, in one process: real decisions, real duties, real connections; only the network plays
a script, and only the ledger is a list.

Every partner is played by `Net`: it writes down who was asked, and answers with the next word of its script:

    ok          answers, whole or streamed           busy       status 429 with Retry-After
    refuse      no connection                        denied     status 401
    dead        closes without a byte                rejected   status 400
    hang        is silent past every deadline        failing    status 500
    garbage     bytes that are not HTTP              loading    status 503
    lying       less than it announced               two        two answers where one was asked for
    cut         breaks off after content             early      breaks off before content
    error200    an error inside a 200 stream         nojson     a body that is not its wire
    close       answers, and ends by closing
"""

from __future__ import annotations

import asyncio
import copy
import json
from datetime import UTC, datetime
from pathlib import Path

from corridor_parts import Door as Written
from corridor_parts import delta, ending, event

from isthmus.core.clock import FakeClock
from isthmus.core.config import Config
from isthmus.core.errors import Refusal
from isthmus.gateway import build
from isthmus.gateway.door import Doors
from isthmus.gateway.relay import relay
from isthmus.gateway.serve import Service, body_limit
from isthmus.gateway.upstream import Pool
from isthmus.ledger import receipt as receipts
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.prints import Printed
from isthmus.node import prepare
from isthmus.routing.breaker import Breakers
from isthmus.routing.choose import Chooser

DAY = datetime(2026, 11, 22, tzinfo=UTC)
FAILURES = (
    "refuse", "dead", "hang", "garbage", "lying", "cut", "early", "error200", "busy", "denied", "rejected", "failing",
    "loading", "two", "nojson",
)  # fmt: skip
KEYS = {
    "ARK_API_KEY": "ark-s3cret",
    "OPENAI_API_KEY": "openai-s3cret",
    "DASHSCOPE_API_KEY": "dash-s3cret",
    "DEEPSEEK_API_KEY": "deep-s3cret",
}
SECRET = "SECRET-UPSTREAM-WORDS"
STATUS = {"busy": 429, "denied": 401, "rejected": 400, "failing": 500, "loading": 503}
LONG = 31.0  # seconds; longer than anybody waits for an engine that starts


class Net:
    """The network as a loop's `create_connection` sees it. `asked` holds (host, port, head, body) of each request."""

    def __init__(self, loop, clock):
        self._clock = clock
        self.pool = Pool(self)
        self.begin(loop, ())

    def begin(self, loop, script):
        """Forget everything; the next request meets the first word of `script`."""
        self.pool.close()
        self._loop = loop
        self.script = list(script)
        self.asked = []
        self.opened = 0

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def time(self):
        return self._clock.monotonic()

    def next_word(self):
        return self.script.pop(0) if self.script else "ok"

    async def create_connection(self, factory, host, port, **_):
        self.opened += 1
        if self.script and self.script[0] == "refuse":
            self.script.pop(0)
            self._clock.advance(LONG)
            raise ConnectionRefusedError
        protocol = factory()
        transport = Transport(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


class Transport:
    """One connection of the net: what is written is a request, and the script says what comes back."""

    def __init__(self, net, protocol, host, port):
        self._net = net
        self._protocol = protocol
        self._place = (host, port)
        self.closed = False

    def write(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        self._net.asked.append((*self._place, head, json.loads(body)))
        self._net._loop.call_soon(self._answer, self._net.next_word(), json.loads(body).get("stream", False))

    def abort(self):
        if not self.closed:
            self.closed = True
            self._net._loop.call_soon(self._protocol.connection_lost, None)

    close = abort

    def pause_reading(self):
        pass

    resume_reading = pause_reading

    def set_protocol(self, protocol):
        """What is said comes whole: nobody sips."""

    def get_extra_info(self, name, default=None):
        return default

    def _answer(self, word, stream):
        if word != "ok":
            self._net._clock.advance(LONG)
        if word == "hang":
            self._net._clock.advance(1000)
            self._net.pool.sweep()
            return
        for piece in bytes_of(word, stream):
            if not self.closed:
                self._protocol.data_received(piece)
        if word in ("dead", "lying", "cut", "early", "close"):
            self.abort()


def bytes_of(word, stream):
    """What a partner sends, read by read."""
    if word == "dead":
        return []
    if word == "garbage":
        return [b"<html>" + SECRET.encode()]
    if word in STATUS:
        return [plain(STATUS[word], {"error": {"message": SECRET}}, b"Retry-After: 7\r\n" if word == "busy" else b"")]
    if word == "lying":
        return [plain(200, {"choices": []})[:-4]]
    if stream and word != "close":
        return streamed(word)
    message = {"role": "assistant", "content": "Hello."}
    choices = [{"index": n, "message": message, "finish_reason": "stop"} for n in range(2 if word == "two" else 1)]
    document = {"id": "c", "object": "chat.completion", "choices": choices, "usage": {"total_tokens": 3}}
    if word in ("nojson", "error200", "early", "cut"):
        document = {"error": {"message": SECRET}}
    if word == "close":
        kind = b"text/event-stream" if stream else b"application/json"
        body = delta(content="Hello.") + ending() if stream else json.dumps(document).encode()
        return [b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n\r\n" % kind, body]
    return [plain(200, document)]


def streamed(word):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    start = delta(role="assistant", content="")
    words = delta(content="Hel") + delta(content="lo.")
    rest = {
        "cut": words,
        "open": words,
        "early": b"",
        "error200": words + event({"error": {"message": SECRET}}),
        "two": event({"choices": [{"index": n, "delta": {"content": SECRET}} for n in range(2)]}),
        "nojson": words + b"data: {" + SECRET.encode() + b"\n\n",
    }
    body = start + rest.get(word, words + ending())
    end = b"" if word in ("cut", "early") else b"0\r\n\r\n"
    return [head, b"%x\r\n%b\r\n" % (len(start), start), b"%x\r\n%b\r\n" % (len(body), body) + end]


def plain(status, document, extra=b""):
    raw = json.dumps(document).encode()
    return b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b" % (
        status,
        extra,
        len(raw),
        raw,
    )


PATIENCE = 30.0  # seconds after which a question that nobody answers fails its test


class Book:
    """A ledger that is a list."""

    def __init__(self):
        self.entries = []
        self.given = 0
        self.failed = None
        self.behind = False

    def check(self):
        if self.failed is not None:
            raise Refusal("ledger_failed", reason=self.failed)

    def next_id(self):
        self.given += 1
        return f"w0-1-{self.given}"

    def append(self, entry):
        if isinstance(entry, receipts.Written):
            entry = receipts.decode(entry.payload)
        self.entries.append(entry.entry if isinstance(entry, Printed) else entry)


class Silence:
    """News from nobody: counts who asked, and keeps what was spent. `fresh` may bring something in."""

    def __init__(self, fresh=None):
        self.reads = 0
        self.used = []
        self.fresh = fresh

    async def read(self):
        self.reads += 1
        if self.fresh is not None:
            self.fresh()

    async def spent(self, consent_id):
        fresh = consent_id not in self.used
        self.used.append(consent_id)
        return fresh


class Wire:
    """The caller's transport: remembers what was written to it."""

    def __init__(self):
        self.out = b""
        self.closed = False
        self.aborted = False

    def write(self, data):
        self.out += data

    def close(self):
        self.closed = True

    def abort(self):
        self.aborted = True

    def can_write_eof(self):
        return True

    def _nothing(self, *_, **__):
        pass

    set_write_buffer_limits = pause_reading = resume_reading = write_eof = writelines = _nothing


class Spoken(Written):
    """What one caller heard: status, head and body; `closed` when the connection ended after it."""

    def __init__(self, wire):
        super().__init__()
        self.out = wire.out
        self.closed = wire.closed


class Scripted:
    """A corridor under the law of `day`. `fresh(script)` gives it a new net, ledger and memory; `key` opens every region."""

    def __init__(self, home, loop, day, key=None):
        self.loop = loop
        self.clock = FakeClock(day)
        self.key = prepare(Config(home=home), self.clock)
        self.accounts = Accounts.open(Path(home) / "accounts.sqlite", self.clock)
        settings = build.Settings(
            home=str(home), host="127.0.0.1", port=1, shard="w0", engine=("127.0.0.1", 9), engine_key="engine-key",
            model="small",
        )  # fmt: skip
        self._base = build.build(settings, self.accounts, self.clock, loop)
        self._net = Net(loop, self.clock)
        self.table = self._base.table
        self.consents = self._base.consents

    def close(self):
        self._base.pool.close()
        self._base.ledger.close()
        self.accounts.close()

    def fresh(self, script=()):
        """A corridor that remembers nothing of what was before."""
        self.consents.clear()
        self.corridor = c = copy.copy(self._base)
        self.net = self._net
        self.net.begin(self.loop, script)
        c.pool = self.net.pool
        c.ledger = self.book = Book()
        c.news = self.news = Silence()
        c.breakers = Breakers(self.clock)
        c.chooser = Chooser(c.breakers, c.table.models())
        c.asked = {}
        return self

    def serve(self, request, door):
        return relay(self.corridor, request, door)

    def say(self, raw, serve=None, refused=None):
        """One connection on which `raw` arrives: what is heard when its request is through."""
        return self.loop.run_until_complete(self._say(raw, serve or self.serve, refused))

    async def _say(self, raw, serve, refused):
        self.doors = Doors(self.loop, serve, body_limit, refused)
        door, wire = self.doors(), Wire()
        door.connection_made(wire)
        door.data_received(raw)
        if door.task is not None:
            task = door.task
            try:
                await asyncio.wait_for(task.over(), PATIENCE)
            except TimeoutError:
                task.cancel()
                raise AssertionError(f"nobody answers, and nobody will: {task._coroutine}") from None
        return Spoken(wire)

    def service(self, app=None):
        return Service(self.corridor, app)

    def ask(self, text="hi", *, key=None, version="1.1", **fields):
        """One question; keyword arguments that begin with isthmus_ are headers, others fields of the body."""
        headers = {name.replace("_", "-"): fields.pop(name) for name in list(fields) if name.startswith("isthmus_")}
        body = {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}
        return self.say(request_bytes(body, self.key if key is None else key, headers, version))

    @property
    def receipt(self):
        """The one receipt there must be."""
        (only,) = self.book.entries
        return only


def request_bytes(body, key, headers, version="1.1", path="/v1/chat/completions"):
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", f"Content-Length: {len(raw)}"]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw
