"""Fingerprints of texts: alike for edited texts, strangers to others, and gone from memory when they are drawn."""

from __future__ import annotations

import random

import pytest

from isthmus.policy import fingerprint

ENGLISH = (
    "The harbour lay under a thin sheet of fog when the first boats came in, and nobody on the quay could tell which "
    "of them belonged to the island. A woman with a red scarf counted the masts twice, wrote a number in her book, and "
    "walked away without a word. By noon the market smelled of salt and oranges, children ran between the stalls, and "
    "an old clock that had not struck for thirty years began to strike again as if it had only been waiting for rain."
)
CHINESE = (
    "清晨的港口笼罩在薄雾之中，第一批渔船缓缓靠岸，码头上的人分不清哪一艘来自对面的小岛。一位围着红围巾的女人数了两遍桅杆，"
    "在本子上写下一个数字，然后一言不发地离开了。到了中午，集市里弥漫着海盐和橙子的气味，孩子们在摊位之间奔跑，"
    "那座三十年没有敲响的老钟忽然又响了起来，仿佛它一直只是在等待一场雨。"
)


def edited(text, share, seed):
    draw = random.Random(seed)
    words = text.split() if " " in text else list(text)
    pool = list(words)
    for _ in range(int(len(words) * share)):
        at = draw.randrange(len(words))
        match draw.randrange(3):
            case 0:
                words[at] = draw.choice(pool) + ("x" if " " in text else "")
            case 1:
                del words[at]
            case _:
                words.insert(at, draw.choice(pool))
    return (" " if " " in text else "").join(words)


def common(one, other):
    first, second = set(fingerprint.numbers(one)), set(fingerprint.numbers(other))
    return len(first & second) / min(len(first), len(second))


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_a_text_edited_by_a_fifth_is_still_like_itself(text):
    alike = sorted(common(text, edited(text, 0.2, seed)) for seed in range(100))
    assert alike[5] >= 0.14
    assert fingerprint.numbers(text) == fingerprint.numbers(text)


def test_strangers_share_nothing():
    assert common(ENGLISH, CHINESE) == 0
    assert common(ENGLISH, " ".join(f"word{each}" for each in range(200))) == 0


def test_case_width_and_marks_do_not_count():
    assert fingerprint.numbers(ENGLISH.upper()) == fingerprint.numbers(ENGLISH)
    assert fingerprint.numbers(ENGLISH.replace(",", " —")) == fingerprint.numbers(ENGLISH)
    assert fingerprint.numbers(CHINESE.replace("，", " , ")) == fingerprint.numbers(CHINESE)
    assert fingerprint.shingles("ＡＢＣ one two") == fingerprint.shingles("abc ONE_two")


def test_words_of_other_scripts_count_too():
    russian = " ".join(f"слово{each}" for each in range(40))
    assert len(fingerprint.numbers(russian)) == 38
    assert len(fingerprint.shingles("one two three 人工智能生成")) == 1 + 3


@pytest.mark.parametrize("text", ["", "short", "人工智能", "a b c " * 100, "\ud800 x y"])
def test_of_a_short_text_nothing_is_said(text):
    assert fingerprint.numbers(text) == []


def test_an_answer_inside_a_longer_text_is_found_in_a_window():
    around = " ".join(f"other{each}" for each in range(3000))
    whole = set(fingerprint.numbers(ENGLISH))
    best = max(
        len(whole & set(part)) / min(len(whole), len(part))
        for part in fingerprint.windows(f"{around} {ENGLISH} {around}")
    )
    assert best >= 0.14
    assert fingerprint.windows("short") == []


@pytest.fixture
def stage(house, route, owed):
    return fingerprint.compile([owed("label.embed", detector=True)], route(), house)


def test_it_gathers_only_where_a_detector_is_owed(house, route, owed):
    assert fingerprint.compile([owed("label.embed", key="AIGC")], route(), house) is None


def test_content_is_gathered_as_it_passes_and_let_go_when_taken(stage, asked):
    ex = asked()
    stage.on_request(ex)
    assert fingerprint.taken(ex) is None
    stage.on_request(ex)
    half = len(ENGLISH) // 2
    assert stage.on_event(ex, "content", ENGLISH[:half], False) == ENGLISH[:half]
    assert stage.on_event(ex, "reasoning_content", "thought", False) == "thought"
    assert stage.on_event(ex, "content", ENGLISH[half:], True) == ENGLISH[half:]
    draw = fingerprint.taken(ex)
    assert fingerprint.SAID not in ex.held
    assert draw() == fingerprint.numbers(ENGLISH)


def test_another_route_begins_anew(stage, asked):
    ex = asked()
    stage.on_request(ex)
    stage.on_event(ex, "content", "of the first", False)
    stage.on_request(ex)
    assert fingerprint.taken(ex) is None
