"""Callers who ask both nodes at a fixed rate, and what became of each question."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from typing import NamedTuple

from benchmarks.nodes.ground import PORT, REGIONS, House

PATH = "/v1/chat/completions"
PATIENCE_S = 20.0
_RECEIPT = re.compile(rb'"receipt":"([^"]+)"')
_CODE = re.compile(rb'"code":"([^"]+)"')


class Outcome(NamedTuple):
    """One question: when it was asked and how long it took (s), of which house, and with which key.

    `word` is "answered", the error's code, or the kind of the connection's failure; `receipt` is what the answer names.
    """

    at: float
    took: float
    house: str
    whose: str
    word: str
    receipt: str = ""


def question(key: str, host: str, region: str, *, stream: bool, text: str = "plain") -> bytes:
    """One whole request."""
    words = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": text}]}
    body = json.dumps(words).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\nisthmus-region: {region}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One connection to one house, made anew when it was closed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def begin(self, raw: bytes) -> tuple[int, bytes]:
        """Send; status and lower-cased head of the answer. Raises OSError, IncompleteReadError, TimeoutError."""
        if self._writer is None or self._writer.is_closing() or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection(self.house.host, PORT)
        self._writer.write(raw)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        return int(head[9:12]), head

    async def pieces(self, head: bytes):
        """The body, piece by piece, to its end."""
        if b"transfer-encoding: chunked" in head:
            while size := int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                yield await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readexactly(2)
        else:
            yield await self._reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if b"connection: close" in head:
            self.close()

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Status and whole body."""
        async with asyncio.timeout(PATIENCE_S):
            status, head = await self.begin(raw)
            return status, b"".join([piece async for piece in self.pieces(head)])

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def word_of(status: int, body: bytes) -> str:
    """What became of a question that was answered to its end."""
    if status == 200 and b'"error":' not in body:
        return "answered"
    found = _CODE.search(body)
    return found.group(1).decode() if found else str(status)


class Load:
    """`callers` per house and kind, together `rate` questions a second. `outcomes` in the order of their ends."""

    def __init__(self, houses: list[House], keys: dict[str, str], rate: float, seed: int = 11) -> None:
        """`keys` by whose they are; each asks a share of its own (SHARES)."""
        self.outcomes: list[Outcome] = []
        self._end = asyncio.Event()
        dice = random.Random(seed)
        self._tasks = []
        for house in houses:
            for whose, share in SHARES.items():
                # Three callers each, so that one who waits does not silence the rest.
                every = 3 * len(houses) / (rate * share)
                for _ in range(3):
                    each = random.Random(dice.random())
                    self._tasks.append(asyncio.create_task(self._caller(house, whose, keys[whose], every, each)))

    async def _caller(self, house: House, whose: str, key: str, every: float, dice: random.Random) -> None:
        line = Line(house)
        due = time.monotonic() + dice.random() * every
        while not await self._over(due - time.monotonic()):
            due = max(due + every * (0.5 + dice.random()), time.monotonic() - every)
            stream = dice.random() < 0.4
            raw = question(key, house.host, dice.choice(REGIONS), stream=stream)
            at = time.monotonic()
            body = b""
            try:
                status, body = await line.ask(raw)
                word = word_of(status, body)
            except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is an OSError
                line.close()
                word = type(error).__name__
            found = _RECEIPT.search(body)
            receipt = found.group(1).decode() if found else ""
            self.outcomes.append(Outcome(at, time.monotonic() - at, house.name, whose, word, receipt))
        line.close()

    async def _over(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._end.wait(), max(0.0, seconds))
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        self._end.set()
        await asyncio.gather(*self._tasks)


SHARES = {"open": 0.7, "limited": 0.15, "counted": 0.15}
