"""Streams whose partner is killed at a random byte, through a whole corridor in one process; and who was billed what.

The partner is the stand-in's own wire (tests/standin_wires.py) behind a network that breaks off. Its meter counts what
left it whole. What a caller may hear: an answer to its end, a typed error event, or a typed error.
"""

from __future__ import annotations

import json
import random
import sys
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from corridor_parts import Heard
from scripted import Net, Transport
from standin_wires import Chat, speak

from isthmus.core.consent import Consent
from isthmus.core.errors import TABLE

RECIPIENTS = ("doubao", "qwen", "deepseek")
MODELS = ("doubao", "doubao", "qwen", "deepseek", "auto", "auto")
TEXT = " ".join(f"word{n}" for n in range(30))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Metered(NamedTuple):
    """What one call cost at the partner: tokens that left it, and whether it ended by itself."""

    prompt: int
    completion: int
    whole: bool


class KilledNet(Net):
    """The first call of each request is killed at a byte of `kill(length)` (None: it lives); later ones live."""

    def begin(self, loop, script):
        super().begin(loop, script)
        self.meter = []
        self.kill = lambda length: None

    async def create_connection(self, factory, host, port, **_):
        self.opened += 1
        protocol = factory()
        transport = Dying(self, protocol, host, port)
        protocol.connection_made(transport)
        return transport, protocol


class Dying(Transport):
    """One connection, which may break off."""

    def write(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        asked = json.loads(body)
        self._net.asked.append((*self._place, head, asked))
        self._net._loop.call_soon(self._speak, asked)

    def _speak(self, asked):
        wire = Chat()
        model, texts, _, _ = wire.asked(asked, "")
        speech = speak(texts, model, None)
        raw = HEAD
        ends = []
        for event, cost in wire.events(speech):
            opening = b"%x\r\n" % len(event)
            ends.append((len(raw) + len(opening) + len(event), cost))
            raw += b"%b%b\r\n" % (opening, event)
        raw += b"0\r\n\r\n"
        at = self._net.kill(len(raw))
        whole = at is None
        at = len(raw) if at is None else at
        self._net.meter.append(Metered(speech.prompt, sum(cost for end, cost in ends if end <= at), whole))
        middle = at // 3
        for piece in (raw[:middle], raw[middle:at]):
            if piece and not self.closed:
                self._protocol.data_received(piece)
        if not whole:
            self.abort()


class Figures(NamedTuple):
    """`bad` holds what nobody may hear, and every receipt that does not say what the meter says."""

    streams: int
    calls: int
    answered: int
    interrupted: int
    refused: int
    estimated: int
    receipts: int
    billed: int
    metered: int
    billed_estimated: int
    metered_estimated: int
    bad: list[str]


def agree(house):
    """The demo tenant's consent to every recipient in mainland China; returns the header's value."""
    for name in RECIPIENTS:
        now = house.clock.now()
        house.consents[f"c-{name}"] = Consent(
            id=f"c-{name}", tenant="demo", kind="separate", recipient=name, region="CN", feature="*", scope="always",
            subject="", language="", given_at=now, until=now + timedelta(days=9),
        )  # fmt: skip
    return ",".join(f"c-{name}" for name in RECIPIENTS)


def kill_streams(house, count, seed, seconds=0.01, progress=None):
    """`count` streams one after the other, `seconds` of the house's clock apart."""
    chance = random.Random(seed)
    house._net = KilledNet(house.loop, house.clock)
    house.fresh()
    consents = agree(house)
    tally = dict.fromkeys(Figures._fields[:-1], 0)
    bad = []
    for number in range(count):
        first = [True]

        def kill(length, first=first):
            if first[0]:
                first[0] = False
                return chance.randrange(length)
            return None

        house.net.kill = kill
        before, metered = len(house.net.asked), len(house.net.meter)
        entries = len(house.book.entries)
        house.clock.advance(seconds)
        heard = house.ask(
            f"say:{TEXT}", model=chance.choice(MODELS), stream=True, isthmus_consent=consents, isthmus_age="40"
        )
        receipts = house.book.entries[entries:]
        calls = house.net.meter[metered:]
        if len(receipts) != 1:
            bad.append(f"{number}: {len(receipts)} receipts")
        else:
            bad += [f"{number}: {word}" for word in judge(heard, receipts[0], calls, tally)]
        tally["streams"] += 1
        tally["calls"] += len(house.net.asked) - before
        if progress is not None:
            progress()
    return Figures(*tally.values(), bad)


def judge(heard, receipt, calls, tally):
    """What is wrong with one stream; its figures go into `tally`."""
    tally["receipts"] += 1
    if heard.status != 200:
        code = heard.json["error"]["code"]
        tally["refused"] += 1
        if code not in TABLE or receipt.refusal != code:
            yield f"refused with {code}, noted as {receipt.refusal}"
        if receipt.usage is not None or receipt.cost:
            yield "billed though nothing was shown"
        return
    told = Heard(heard)
    said = told.text.get("content", "")
    if told.done:
        tally["answered"] += 1
        if receipt.outcome != "answered" or not said.startswith(TEXT):
            yield f"answered in part, noted as {receipt.outcome}"
    else:
        tally["interrupted"] += 1
        code = told.last.get("error", {}).get("code")
        if code not in TABLE or receipt.refusal != code or receipt.outcome != "interrupted":
            yield f"ended by {code}, noted as {receipt.outcome} {receipt.refusal}"
        if not TEXT.startswith(said):
            yield "other words than the partner's"
    usage = receipt.usage
    if usage is None:
        yield "shown, and not billed"
        return
    real = calls[-1].prompt + calls[-1].completion
    if receipt.estimated:
        tally["estimated"] += 1
        tally["billed_estimated"] += usage.total_tokens
        tally["metered_estimated"] += real
        return
    tally["billed"] += usage.total_tokens
    tally["metered"] += real
    if usage.total_tokens != real:
        yield f"billed {usage.total_tokens}, metered {real} ({receipt.route}, {receipt.outcome})"
