"""What went wrong in other systems (each named by its issue), tried here."""

from __future__ import annotations

import json

import msgspec
import pytest

from isthmus.core.sse import DONE, EventReader
from isthmus.policy import moderation, privacy
from isthmus.policy.detect import details
from isthmus.policy.placeholders import Placeholders
from isthmus.policy.privacy import masked

PHONE, MAIL, CARD, ID = "13812345678", "a.b@example.com", "4111111111111111", "11010519491231002X"


@pytest.fixture
def mask(house, route, owed):
    return privacy.compile([owed("mask")], route(), house)


@pytest.fixture(scope="module")
def lists():
    return {"t": {"赌博网站": "gambling", "ass": "abuse", "forbidden phrase": "x"}}


@pytest.fixture
def scan(house, route, owed, lists):
    rule = owed("scan", side=["input", "output"], taxonomy="t", on_error="block")
    return moderation.compile([rule], route(), msgspec.structs.replace(house, terms=lists))


def events(pieces):
    """The bytes of a stream that says `pieces`, Chinese written as it is."""
    lines = [json.dumps({"choices": [{"index": 0, "delta": {"content": one}}]}, ensure_ascii=False) for one in pieces]
    return b"".join(f"data: {line}\n\n".encode() for line in lines) + b"data: [DONE]\n\n"


def read(stage, ex, chunks):
    """What a client has after each chunk of the partner's bytes."""
    reader = EventReader()
    out = ""
    for chunk in chunks:
        for event in reader.feed(chunk):
            piece = "" if event == DONE else json.loads(event)["choices"][0]["delta"]["content"]
            out += stage.on_event(ex, "content", piece, event == DONE)
        yield out


def test_presidio_2073_a_border_between_chinese_and_latin_is_a_border():
    text = f"我的身份证{ID}手机{PHONE}卡号{CARD}邮箱{MAIL}社保号123-45-6789"
    assert [(one.kind, text[one.start : one.end]) for one in details(text)] == [
        ("cn_id", ID), ("cn_mobile", PHONE), ("card", CARD), ("email", MAIL), ("ssn", "123-45-6789"),
    ]  # fmt: skip


def test_litellm_19950_no_request_restores_what_another_masked(mask, asked):
    one, two = asked(f"手机{PHONE}"), asked("手机13912345678")
    mask.on_request(one)
    mask.on_request(two)
    foreign = msgspec.json.decode(one.rewritten)[0]["content"]
    assert mask.on_event(two, "content", foreign, True) == foreign


@pytest.mark.parametrize(
    "text", [f"{MAIL}{PHONE}", f"{PHONE} {MAIL}，{CARD}；{ID}", f"x{MAIL}y，{MAIL}", "8.8.8.8 1.1.1.1"]
)
def test_litellm_5068_and_6247_lengths_that_differ_move_nothing(text):
    made = Placeholders()
    away = masked(text, made, {})
    assert made.restore(away, escape=False) == text
    assert not any(value in away for value in made.originals().values())


def test_litellm_30028_and_30206_placeholders_events_and_characters_may_be_cut_anywhere(mask, asked):
    whole = asked(f"手机{PHONE}")
    mask.on_request(whole)
    content = msgspec.json.decode(whole.rewritten)[0]["content"]
    placeholder = content[content.index("[") :]
    data = events(["请打", placeholder[:7], placeholder[7:], "，好吗？"])
    for cut in range(len(data) + 1):
        ex = asked()
        ex.held = {key: value for key, value in whole.held.items() if key == ("privacy", "map")}
        assert list(read(mask, ex, (data[:cut], data[cut:])))[-1] == f"请打{PHONE}，好吗？"


def test_litellm_29134_the_first_text_is_not_held_until_the_last(mask, scan, asked):
    ex = asked(f"手机{PHONE}")
    mask.on_request(ex)
    for piece in ("好的", "，我来", "帮您"):
        assert mask.on_event(ex, "content", scan.on_event(ex, "content", piece, False), False) == piece


def test_higress_restores_and_stops_whatever_the_chunks(mask, scan, asked):
    test_litellm_30028_and_30206_placeholders_events_and_characters_may_be_cut_anywhere(mask, asked)
    data = events(["去赌", "博网", "站吧"])
    for cut in range(len(data) + 1):
        assert not any("赌" in shown for shown in read(scan, asked(), (data[:cut], data[cut:])))


def test_pi_data_masking_1_what_is_masked_is_not_masked_again():
    made = Placeholders()
    away = masked(f"{PHONE} {MAIL} {CARD} {ID} 8.8.8.8 京A12345", made, {})
    again = Placeholders()
    assert masked(away, again, {}) == away
    assert len(again) == 0


def test_llm_guard_one_placeholder_is_never_the_beginning_of_another():
    made = Placeholders()
    of = {made.stand_in("TELE", f"1380000{number:04}"): f"1380000{number:04}" for number in range(300)}
    assert len({len(placeholder) for placeholder in of}) == 1
    assert not any(one != other and other.startswith(one[:-1]) for one in of for other in of)
    assert made.restore("".join(of), escape=False) == "".join(of.values())


@pytest.mark.parametrize(
    "value", [r"https://u:a\1(b)@h.example", "https://u:[TELE-0]@h.example", "https://u:$&@h.example"]
)
def test_llm_guard_a_value_is_no_pattern(value):
    made = Placeholders()
    away = masked(f"see {value} now", made, {})
    assert made.restore(away, escape=False) == f"see {value} now"


def test_llm_guard_nothing_is_restored_by_likeness():
    made = Placeholders()
    one = made.stand_in("TELE", PHONE)
    swapped = one[:6] + one[7] + one[6] + one[8:]
    for like in (swapped, one[:-2] + "]", one.replace("-", "_"), one.lower()):
        if like != one:
            assert PHONE not in made.restore(like, escape=False)


def test_nemo_1197_pieces_of_a_word_are_joined_as_they_are(scan, asked):
    ex = asked()
    pieces = ["I am ", "ass", "isting", " you"]
    assert "".join(scan.on_event(ex, "content", one, False) for one in pieces) == "I am assisting you"
    assert ex.blocked == ""


def test_nemo_stream_first_and_litellm_41611_no_half_of_a_word_is_ever_shown(scan, asked):
    text = "so here is the forbidden phrase itself"
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            ex, shown = asked(language="en"), ""
            for piece in (text[:first], text[first:second], text[second:]):
                shown += scan.on_event(ex, "content", piece, False)
                assert "so here is the ".startswith(shown)


def test_bedrock_an_answer_is_masked_while_it_streams(house, route, owed, asked, tmp_path):
    (tmp_path / "terms").mkdir()
    text = 'origin = "us"\n[category.rude]\naction = "mask"\nterms = ["笨蛋"]\n'
    (tmp_path / "terms" / "t.toml").write_text(text, "utf-8")
    rule = owed("scan", side=["output"], taxonomy="t", on_error="block")
    own = msgspec.structs.replace(house, terms=moderation.term_lists.load(tmp_path))
    stage = moderation.compile([rule], route(), own)
    ex = asked()
    assert [stage.on_event(ex, "content", one, False) for one in ("你", "这笨", "蛋")] == ["你", "这", "＊＊"]
