"""Privacy: the partner's bytes hold no original, the caller's text holds no placeholder."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.core.wire import decode_ask, rewrite_texts
from isthmus.policy import privacy
from isthmus.policy.placeholders import Placeholders

PHONE, MAIL, CARD = "13812345678", "zhang.san@example.com", "4111 1111 1111 1111"


@pytest.fixture
def stage(house, route, owed):
    return privacy.compile([owed("mask")], route(), house)


def sent(ex):
    return msgspec.json.decode(ex.rewritten)


def masked_in(ex, place=0):
    content = sent(ex)[place]["content"]
    start = content.index("[")
    return content[start : start + 15]


def test_a_clean_question_is_sent_as_it_is(stage, asked):
    ex = asked("用一句话总结：会议改到周一上午九点。")
    stage.on_request(ex)
    assert (ex.rewritten, ex.masks, ex.met) == (None, {}, ["privacy"])
    assert stage.on_event(ex, "content", "[x", True) == "[x"
    stage.on_response(ex)
    assert ex.notices == []


def test_a_number_that_only_looks_private_is_sent_as_it_is(stage, asked):
    ex = asked("110101199003074511")
    stage.on_request(ex)
    assert (ex.rewritten, ex.masks) == (None, {})


def test_details_leave_masked_and_come_back(stage, asked):
    ex = asked(f"我的手机{PHONE}，邮箱{MAIL}。", ("assistant", "好"), f"再打 {PHONE}，卡 {CARD}")
    stage.on_request(ex)
    bytes_sent = ex.rewritten.decode()
    for original in (PHONE, MAIL, CARD):
        assert original not in bytes_sent
    assert ex.masks == {"cn_mobile": 1, "email": 1, "card": 1}
    phone = masked_in(ex)
    assert phone in sent(ex)[2]["content"]
    assert stage.on_event(ex, "content", f"打 {phone}。", True) == f"打 {PHONE}。"


def test_what_the_answer_did_without_is_told_in_numbers(stage, asked):
    ex = asked(f"手机{PHONE}，邮箱{MAIL}，卡{CARD}")
    stage.on_request(ex)
    stage.on_event(ex, "content", f"好的 {masked_in(ex)}", True)
    stage.on_response(ex)
    assert privacy.unreturned(ex) == 2
    assert ex.met == ["privacy", "unreturned:2"]
    assert ex.notices == []


def test_nothing_is_told_of_an_answer_that_kept_everything_or_was_stopped(stage, asked):
    for said, blocked in (("{}", ""), ("", "gambling")):
        ex = asked(f"手机{PHONE}")
        stage.on_request(ex)
        ex.blocked = blocked
        stage.on_event(ex, "content", said.format(masked_in(ex)), True)
        stage.on_response(ex)
        assert ex.met == ["privacy"]
    clean = asked("平常的话")
    stage.on_request(clean)
    stage.on_response(clean)
    assert (privacy.unreturned(clean), clean.met) == (0, ["privacy"])


def test_another_route_gets_the_same_placeholders(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    first, ex.rewritten = ex.rewritten, None
    stage.on_request(ex)
    assert ex.rewritten == first
    assert ex.met == ["privacy"]


def test_two_requests_never_share_a_map(stage, asked):
    one, two = asked(f"手机{PHONE}"), asked("手机13912345678")
    stage.on_request(one)
    stage.on_request(two)
    foreign = masked_in(one)
    assert stage.on_event(two, "content", foreign, True) == foreign
    stage.on_response(two)
    assert two.notices == ["有 1 处遮住的信息回来时已被改动，没有还原。"]


def test_every_split_in_three_of_a_placeholder_is_restored(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    text = f"打[{masked_in(ex)}]吧"
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            pieces = (text[:first], text[first:second], text[second:])
            out = [stage.on_event(ex, "content", piece, False) for piece in pieces]
            assert "".join(out) + stage.on_event(ex, "content", "", True) == f"打[{PHONE}]吧"
            assert not any("TELE" in piece for piece in out)


def test_text_that_is_no_placeholder_is_never_held(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    for piece in ("a [link](x)", "[MA", "[1]", "[ "):
        assert stage.on_event(ex, "content", piece, False) == piece


def test_channels_do_not_mix(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    one = masked_in(ex)
    assert stage.on_event(ex, "reasoning_content", one[:5], False) == ""
    assert stage.on_event(ex, "content", one[5:], False) == one[5:]
    assert stage.on_event(ex, "reasoning_content", one[5:], False) == PHONE


@pytest.mark.parametrize(
    ("channel", "fields"), [("tool:0", {}), ("content", {"response_format": {"type": "json_object"}})]
)
def test_inside_json_a_value_is_escaped_again(channel, fields, stage, asked):
    secret = 'https://u:p"w\\@h.example/x'
    ex = asked(f"see {secret}", **fields)
    stage.on_request(ex)
    text = '{"url": "' + masked_in(ex) + '"}'
    assert json.loads(stage.on_event(ex, channel, text, True)) == {"url": secret}


def test_masking_inside_tool_arguments_of_the_history(stage, asked):
    ex = asked()
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"to": MAIL})}}
    messages = [{"role": "assistant", "content": None, "tool_calls": [call]}]
    ex.ask = decode_ask(msgspec.json.encode({"model": "m", "messages": messages}))
    stage.on_request(ex)
    arguments = json.loads(sent(ex)[0]["tool_calls"][0]["function"]["arguments"])
    assert arguments["to"].startswith("[MAIL-")


PRIVATE = st.sampled_from([PHONE, MAIL, CARD, "11010519491231002X", "DE89370400440532013000", "8.8.8.8"])
PIECES = st.lists(st.one_of(PRIVATE, st.text("我的 ,。[]-abcTELMAIL", max_size=6)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(PIECES, st.randoms())
def test_restoring_what_was_masked_gives_the_original(pieces, random):
    text = "；".join(pieces)
    made = Placeholders()
    away = privacy.masked(text, made, {})
    raw = msgspec.json.encode([{"role": "user", "content": text}])
    assert msgspec.json.decode(rewrite_texts(raw, lambda _: away))[0]["content"] == away
    assert made.restore(away, escape=False) == text


def test_without_brackets_it_comes_back_too_whatever_the_split(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    body = masked_in(ex)[1:-1]
    for text, restored in ((f"打{body}。", f"打{PHONE}。"), (f"[{body}", f"[{PHONE}"), (f"{body}]T", f"{PHONE}]T")):
        for first in range(len(text) + 1):
            for second in range(first, len(text) + 1):
                pieces = (text[:first], text[first:second], text[second:])
                out = [stage.on_event(ex, "content", piece, False) for piece in pieces]
                assert "".join(out) + stage.on_event(ex, "content", "", True) == restored
                assert not any("TELE" in piece for piece in out)


def test_without_its_type_it_comes_back_in_brackets_alone_whatever_the_split(stage, asked):
    ex = asked(f"手机{PHONE}")
    stage.on_request(ex)
    body = masked_in(ex)[6:14]
    texts = ((f"打[{body}]。", f"打{PHONE}。"), (f"打{body}。", f"打{body}。"), (f"[{body}", f"[{body}"), ("[[]", "[[]"),
             (f"[{body[:-1]}]", f"[{body[:-1]}]"), (f"[[{body}][1]", f"[{PHONE}[1]"), (f"[{body}0]", f"[{body}0]"))  # fmt: skip
    for text, restored in texts:
        for first in range(len(text) + 1):
            for second in range(first, len(text) + 1):
                pieces = (text[:first], text[first:second], text[second:])
                out = [stage.on_event(ex, "content", piece, False) for piece in pieces]
                assert "".join(out) + stage.on_event(ex, "content", "", True) == restored
    assert ex.held[privacy._MAP].lost == 0
    stage.on_event(ex, "content", f"[{body}] [TELE-XXXX]", True)
    stage.on_response(ex)
    assert ex.notices == ["有 1 处遮住的信息回来时已被改动，没有还原。"]


def test_what_is_damaged_is_counted_alike_whatever_the_split(stage, asked):
    for cut in range(30):
        ex = asked(f"手机{PHONE}")
        stage.on_request(ex)
        text = f"打{masked_in(ex)}或[TELE-XXXX]"
        stage.on_event(ex, "content", text[:cut], False)
        stage.on_event(ex, "content", text[cut:], True)
        stage.on_response(ex)
        assert ex.notices == ["有 1 处遮住的信息回来时已被改动，没有还原。"]


def test_everything_that_a_model_reads_leaves_masked(stage, asked):
    tool = {"type": "function", "function": {"name": f"call_{PHONE}", "description": f"calls {MAIL}", "parameters": {}}}
    more = {
        "tools": [tool], "tool_choice": {"type": "function", "function": {"name": f"call_{PHONE}"}}, "stop": [CARD],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": [MAIL]}}},
    }  # fmt: skip
    ex = asked("hello", **more)
    own = dict(ex.ask.fields)
    stage.on_request(ex)
    away = b"".join(bytes(raw) for raw in ex.ask.fields.values()).decode()
    assert not any(value in away for value in (PHONE, MAIL, CARD))
    assert ex.masks == {"cn_mobile": 1, "email": 1, "card": 1}
    name = msgspec.json.decode(ex.ask.fields["tools"])[0]["function"]["name"]
    assert name == msgspec.json.decode(ex.ask.fields["tool_choice"])["function"]["name"]
    assert name.replace("-", "_").isidentifier()
    assert stage.on_event(ex, "name:0", name, True) == f"call_{PHONE}"
    privacy.own_fields(ex)
    assert ex.ask.fields == own
    privacy.own_fields(asked())


def test_a_question_is_masked_once_for_all_its_routes(stage, asked, monkeypatch):
    ex = asked(f"手机{PHONE}", stop=[MAIL])
    stage.on_request(ex)
    first, ex.rewritten = (ex.rewritten, dict(ex.ask.fields)), None
    privacy.own_fields(ex)
    monkeypatch.setattr(privacy, "masked_question", None)  # no second look
    stage.on_request(ex)
    assert (ex.rewritten, ex.ask.fields) == first


LONG = "一句普通的话。\n" * 2000


@pytest.mark.parametrize("text", [f"{LONG}手机{PHONE}\n{LONG}{MAIL}", "1234567，" * 6000 + PHONE, "平常" * 9000])
def test_a_long_question_is_masked_in_stretches(stage, asked, text):
    ex = asked(text)
    stage.on_request(ex)
    assert (ex.rewritten, ex.masks) == (None, {})
    waiting = stage.awaited(ex)
    if waiting is not None:
        asyncio.run(waiting)
    assert sum(ex.masks.values()) == sum(value in text for value in (PHONE, MAIL))
    if ex.masks:
        assert not any(value in ex.rewritten.decode() for value in (PHONE, MAIL))


def test_other_requests_are_served_between_the_stretches(stage, asked):
    async def both():
        turns = 0
        work = asyncio.ensure_future(stage.awaited(asked("1101051949123100211 " * 4000)))
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(both()) > 10
