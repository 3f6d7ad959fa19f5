"""Tokens counted here: an estimate after the fact, and a bound before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.partners.tokenizers import families
from isthmus.policy import estimate


@pytest.mark.parametrize("family", families())
def test_every_family_has_its_rates_and_chinese_weighs_more_than_english(family):
    english = estimate.tokens(100, 100, family)
    chinese = estimate.tokens(100, 300, family)
    assert 15 <= english <= 40
    assert 50 <= chinese <= 130


def test_nothing_said_is_no_token():
    assert estimate.tokens(0, 0, "openai") == 0


@given(text=st.text(max_size=300))
def test_an_estimate_lies_between_none_and_a_bit_more_than_one_a_byte(text):
    size = len(text.encode("utf-8", "surrogatepass"))
    assert 0 <= estimate.tokens(len(text), size, "qwen") <= size + 1


def test_an_exchange_is_counted_as_far_as_it_went(asked):
    ex = asked("hello " * 50, ("assistant", "yes"), "and now?")
    before = estimate.usage(ex, "openai")
    ex.out_chars = ex.out_bytes = 400
    after = estimate.usage(ex, "openai")
    assert after.prompt_tokens == before.prompt_tokens > 60
    assert (before.completion_tokens, after.completion_tokens) == (0, 94)
    assert after.total_tokens == after.prompt_tokens + 94


@given(text=st.text(max_size=200))
def test_the_bound_of_a_question_is_at_least_a_token_a_byte(text):
    import msgspec

    from isthmus.core.exchange import Caller, Exchange
    from isthmus.core.wire import decode_ask

    text = text.encode("utf-8", "ignore").decode()
    ex = Exchange("r", Caller("k", "t", ("CN",), "CN"), 0.0)
    tool = {"type": "function", "function": {"name": "f", "description": text}}
    ex.ask = decode_ask(
        msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": text}], "tools": [tool]})
    )
    plain = estimate.prompt_bound(ex)
    assert plain >= 2 * len(text.encode())
    ex.rewritten = b"x" * 5000
    assert estimate.prompt_bound(ex) >= 5000 + len(text.encode())


def test_what_is_heard_is_counted_in_characters_and_bytes(asked):
    ex = asked()
    for piece in ("abc", "你好", "\ud83d"):
        estimate.hear(ex, piece)
    assert (ex.out_chars, ex.out_bytes) == (6, 12)


def test_a_count_is_made_event_by_event_because_blanks_at_the_end_do_not_tell_how_they_were_cut(asked):
    pieces = ["It", " costs", " ", " ", "3", " dollars"]
    found = estimate.count(estimate.asked(asked("How much?")), [pieces], "qwen")
    assert found.completion_tokens == 6
    assert found.total_tokens == found.prompt_tokens + 6


def test_who_cuts_events_anywhere_is_counted_by_the_whole_text(asked):
    text = "An internationalisation of unbelievable length, " * 8
    whole = estimate.count(estimate.asked(asked()), [[text]], "qwen").completion_tokens
    assert estimate.count(estimate.asked(asked()), [list(text)], "qwen").completion_tokens == whole


def test_each_channel_is_a_text_of_its_own_and_tools_are_part_of_the_question(asked):
    ex = asked("hello")
    plain = estimate.count(estimate.asked(ex), [["one"], ["two"]], "deepseek")
    assert plain.completion_tokens == 2
    ex.ask.fields["tools"] = b'[{"type":"function","function":{"name":"weather"}}]'
    assert estimate.count(estimate.asked(ex), [], "deepseek").prompt_tokens > plain.prompt_tokens + 5


def test_what_leaves_masked_is_counted_as_it_left(asked):
    ex = asked("call 13812345678")
    ex.rewritten = b'[{"role":"user","content":"call [TELE-4F7K2M9Q]"}]'
    assert estimate.asked(ex)[0] == ex.rewritten


@pytest.mark.parametrize("family", ["claude", "bytes"])
def test_a_family_without_a_vocabulary_counts_nothing(asked, family):
    assert estimate.count(estimate.asked(asked()), [["one"]], family) is None
