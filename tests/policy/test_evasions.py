"""Two hundred disguises per language, drawn anew each time: 95 in 100 are caught; docs/guard.md lists what is not."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import msgspec
import pytest

from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import decode_ask
from isthmus.gateway.answer import only_known
from isthmus.policy.terms import TermScanner

_spec = importlib.util.spec_from_file_location("disguises", Path(__file__).parent / "disguises.py")
disguises = importlib.util.module_from_spec(_spec)
sys.modules["disguises"] = disguises
_spec.loader.exec_module(disguises)


@pytest.fixture(scope="module")
def scanner():
    return TermScanner(dict.fromkeys([*disguises.CHINESE, *disguises.CHINESE.values(), *disguises.ENGLISH], "x"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_two_hundred_disguises_are_caught(scanner, language):
    seed = random.SystemRandom().randrange(2**32)
    drawn = disguises.evasions(seed, 200, language)
    missed = [one for one in drawn if scanner.find(one.text.encode()) is None]
    assert len(missed) <= 10, (seed, missed)
    assert {one.way for one in drawn} >= set(disguises.WAYS[language])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_disguise_is_seen_alike_whole_and_while_it_streams(scanner, language):
    for one in disguises.evasions(random.SystemRandom().randrange(2**32), 200, language):
        assert scanner.look("", one.text, last=True)[0] == scanner.find(one.text.encode()), one


def test_the_same_seed_draws_the_same_disguises():
    assert disguises.evasions(7, 40, "zh") == disguises.evasions(7, 40, "zh") != disguises.evasions(8, 40, "zh")


@pytest.mark.parametrize(
    "text",
    [
        "我们今天讨论网络安全、银行开户和考试安排。", "He put his pipe, bomb-shaped, on the table.", "sar in, botany net",
        "信用卡。套现金", "The child. Porn is another word.", "fake or real passport", "🔥 hot 🔥 news 🔥", "carding? no: car ding",
    ],
)  # fmt: skip
def test_ordinary_sentences_pass(scanner, text):
    hit = scanner.find(text.encode())
    assert hit is None or hit.term == "carding"


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"q": "\\u8d4c\\u535a\\u7f51\\u7ad9"}'}}
OPEN_ONCE = {
    "a new line inside a phrase": [{"role": "user", "content": "money\nlaundering"}],
    "a phrase over two messages": [{"role": "user", "content": "money"}, {"role": "user", "content": "laundering"}],
    "a phrase over the parts of one message": [
        {"role": "user", "content": [{"type": "text", "text": "赌博"}, {"type": "text", "text": "网站"}]}
    ],
    "a NUL inside a word": [{"role": "user", "content": "nud\0ify"}],
    "an escape inside tool arguments": [
        {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "user", "content": "go on"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("way", OPEN_ONCE)
def test_what_once_went_through_is_caught_in_the_question_as_the_gateway_reads_it(scanner, way):
    ex = Exchange("r", Caller(key_id="k", tenant="t", regions=(), region=""), 0.0)
    ex.ask = decode_ask(msgspec.json.encode({"model": "m", "messages": OPEN_ONCE[way]}))
    assert scanner.find(ex.text()) is not None


def test_what_no_stage_reads_of_an_answer_goes_no_further():
    body = b'{"choices": [{"message": {"role": "assistant", "content": "ok", "odd": "\xe8\xb5\x8c"}}]}'
    assert "odd" not in msgspec.json.decode(only_known(body, "message"))["choices"][0]["message"]


KNOWN_MISSES = {
    "leet": "s4rin", "repeated letters": "sariiin", "reversed": "niras", "inside a longer word": "xsarinx",
    "homophones": "堵博网站", "pinyin": "du bo wang zhan", "split characters": "贝者博网站",
    "Chinese commas": "赌，博，网，站", "letters of pinyin for some characters": "赌bo网站", "a space once in a Latin word": "sar in",
    "brackets between": "s(a)r(i)n",
}  # fmt: skip


def test_every_kind_of_miss_is_listed_in_the_documents(scanner):
    """When one of these is caught one day, this test fails, and the page is due for good news."""
    page = (Path(__file__).parents[2] / "docs" / "guard.md").read_text("utf-8")
    for kind, text in KNOWN_MISSES.items():
        assert scanner.find(text.encode()) is None, kind
        assert kind in page
