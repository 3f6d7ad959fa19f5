"""The least corridor: every policy of bench-quick in one function, and nothing else. benchmarks.gateway.floor runs it.

It has Isthmus' own libraries, scanner, wire structs and ledger, and does what a question with every policy on asks for:
key by keyed hash, decision, question scanned for terms and private details, quota reserved and settled, the pooled
upstream asked, answer read, scanned and labelled, receipt committed in groups. It lacks whatever a door on the
Internet needs: deadlines, limits, strict framing, back-pressure, several plans, failover, streams, masking, notices,
consent, errors told apart, callers who leave, receipts with attempts and duties, measures, reload. So it says what the
rest of the house may cost at most where a limit is set for the whole.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import time
from collections import deque
from pathlib import Path
from typing import Any

import httptools
import msgspec

from isthmus.core.clock import SystemClock
from isthmus.core.wire import Answer
from isthmus.ledger.receipt import Written
from isthmus.ledger.segments import Ledger
from isthmus.policy import term_lists
from isthmus.policy.terms import TermScanner

RESERVED = 1_000  # tokens
LABEL = "AI 生成".encode()
ENDS = b'"},"finish_reason":'
ASK = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: up\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
)
TELL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
ORIGIN = b',"isthmus":{"receipt":"%b","region":"CN","route":"doubao","tier":"regional","label":"%b"}}'
RECEIPT = (
    b'{"id":"%b","at":%d,"tenant":"%b","region":"CN","route":"doubao","outcome":"answered","met":["moderation",'
    b'"privacy","label","quota"],"usage":{"prompt_tokens":%d,"completion_tokens":%d},"us_whole":%d}'
)


class Said(msgspec.Struct):
    role: str
    content: msgspec.Raw


class Ask(msgspec.Struct):
    model: str
    messages: list[Said]


_ask = msgspec.json.Decoder(Ask).decode
_answer = msgspec.json.Decoder(Answer).decode


class House:
    """What all requests share."""

    def __init__(self, home: Path, key: str, target: int) -> None:
        self.secret = bytes(32)
        self.keys = {self.hashed(b"Bearer " + key.encode()): b"bench"}
        self.decisions = {"doubao": ("CN", "doubao")}
        self.examine = TermScanner(term_lists.load(home).index, ("cn31",)).examine
        self.used = {b"bench": 0}
        self.ledger = Ledger.open(home / "least", "least", SystemClock())
        self.idle: deque[Up] = deque()
        self.target = target

    def hashed(self, shown: bytes) -> bytes:
        return hashlib.blake2b(shown, key=self.secret, digest_size=32).digest()


class Up(asyncio.Protocol):
    """A pooled connection to the upstream."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.on_body = self.parts.append
        self.parser = httptools.HttpResponseParser(self)
        self.done: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        done, self.done = self.done, None
        done.set_result(b"".join(self.parts))
        self.parts.clear()


class Down(asyncio.Protocol):
    """A caller's connection."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.headers: dict[bytes, bytes] = {}
        self.parts: list[bytes] = []
        self.on_header = self.headers.__setitem__
        self.on_body = self.parts.append
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        body = b"".join(self.parts)
        self.parts.clear()
        self.serving = asyncio.get_running_loop().create_task(self.serve(self.house, body))

    async def serve(self, house: House, body: bytes) -> None:
        began = time.monotonic()
        tenant = house.keys[house.hashed(self.headers[b"Authorization"])]
        ask = _ask(body)
        assert house.decisions[ask.model]
        found = house.examine(b"\n".join([bytes(said.content) for said in ask.messages]))
        assert found == (None, False)  # neither a forbidden word nor a private detail
        house.used[tenant] += RESERVED
        up = house.idle.pop() if house.idle else await self.connect(house.target)
        done = up.done = asyncio.get_running_loop().create_future()
        up.transport.write(ASK % (len(body), body))
        got = await done
        house.idle.append(up)
        answer = _answer(got)
        assert house.examine(answer.choices[0].message.content.encode())[0] is None
        used = answer.usage
        house.used[tenant] += used.total_tokens - RESERVED
        number = house.ledger.next_id().encode()
        at = got.rindex(ENDS)
        whole = b"%b\\n\\n%b%b%b" % (got[:at], LABEL, got[at:-1], ORIGIN % (number, LABEL))
        took = int((time.monotonic() - began) * 1e6)
        counts = (used.prompt_tokens, used.completion_tokens, took)
        house.ledger.append(Written(RECEIPT % (number, int(time.time() * 1000), tenant, *counts), 180, 180))
        if not self.transport.is_closing():
            self.transport.write(TELL % (len(whole), whole))

    async def connect(self, target: int) -> Up:
        _, up = await asyncio.get_running_loop().create_connection(Up, "127.0.0.1", target)
        return up


async def serve(port: int, target: int, home: Path, key: str) -> None:
    house = House(home, key, target)
    gc.collect()
    gc.freeze()  # as isthmus.worker does
    server = await asyncio.get_running_loop().create_server(lambda: Down(house), "127.0.0.1", port)
    await server.serve_forever()
