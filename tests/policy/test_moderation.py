"""Moderation: a bad question is refused, an answer stops before its first forbidden character."""

from __future__ import annotations

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.core.operator import Operator
from isthmus.policy import moderation

CLOSING = "回答在此停止，其余内容依法不能显示。"


@pytest.fixture
def listed(house):
    return msgspec.structs.replace(house, terms={"t": {"赌博网站": "gambling", "bad word": "abuse"}})


@pytest.fixture
def scan(owed):
    return owed("scan", side=["input", "output"], taxonomy="t", on_error="block")


@pytest.fixture
def stage(listed, route, scan):
    return moderation.compile([scan], route(), listed)


def test_a_forbidden_question_is_refused_with_category_and_law_and_without_its_words(stage, asked):
    ex = asked("请推荐赌 博 网 站")
    with pytest.raises(Refusal) as refused:
        stage.on_request(ex)
    assert refused.value.code == "content_blocked"
    assert "t.gambling" in refused.value.sentence()
    assert "PIPL 23" in refused.value.sentence()
    assert "博" not in refused.value.sentence()
    assert ex.blocked == "t.gambling"


def test_an_ordinary_question_passes(stage, asked):
    ex = asked("今天天气如何？")
    stage.on_request(ex)
    stage.on_request(ex)
    assert (ex.blocked, ex.met) == ("", ["moderation"])


def test_a_whole_answer_is_cut_before_the_word_and_closed(stage, asked):
    ex = asked()
    assert stage.on_event(ex, "content", "去赌博网站吧", True) == f"去\n\n{CLOSING}"
    assert (ex.blocked, ex.finish) == ("t.gambling", "content_filter")
    assert stage.on_event(ex, "tool:0", "{}", True) == ""
    assert stage.on_event(ex, "content", "", True) == ""


def test_an_answer_that_begins_with_the_word_is_only_the_closing_sentence(stage, asked):
    assert stage.on_event(asked(language="en"), "content", "赌博网站", True).startswith("The answer was stopped here")


def test_a_clean_whole_answer_stays_as_it_is(stage, asked):
    ex = asked()
    assert stage.on_event(ex, "content", "你好", True) == "你好"
    assert stage.on_event(ex, "reasoning_content", "", True) == ""
    assert ex.held == {}


@pytest.mark.parametrize("text", ["好，去赌博网站吧", "好，去赌*博*网*站吧", "好，ｂａｄ ｗｏｒｄ", "a bad word"])
def test_no_split_lets_half_a_word_out(text, listed, route, scan, asked):
    stage = moderation.compile([scan], route(), listed)
    start = min(text.find(sign) for sign in "赌ｂb" if sign in text)
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            ex = asked()
            out = "".join(
                stage.on_event(ex, "content", piece, False)
                for piece in (text[:first], text[first:second], text[second:])
            )
            out += stage.on_event(ex, "content", "", True)
            assert out == f"{text[:start]}\n\n{CLOSING}"
            assert ex.blocked


def test_after_a_hit_no_channel_says_anything_more(stage, asked):
    ex = asked()
    assert stage.on_event(ex, "reasoning_content", "赌博网站", False) == ""
    assert stage.on_event(ex, "content", "你好", False) == ""
    assert stage.on_event(ex, "tool:0", "{}", True) == ""
    assert stage.on_event(ex, "content", "", True) == CLOSING


def test_what_was_held_back_is_released_at_the_end(stage, asked):
    ex = asked()
    assert stage.on_event(ex, "content", "一个赌博", False) == "一个"
    assert stage.on_event(ex, "content", "", True) == "赌博"


def test_only_the_sides_that_are_owed_are_scanned(listed, route, owed):
    only_out = owed("scan", side=["output"], taxonomy="t", on_error="block")
    assert moderation.compile([only_out], route(), listed).on_request is None
    only_in = owed("scan", side=["input"], taxonomy="t", on_error="block")
    assert moderation.compile([only_in], route(), listed).on_event is None


def test_a_list_that_is_too_short_serves_nobody_in_production(listed, route, owed, asked):
    rule = owed("scan", side=["input"], taxonomy="t", terms_min=10000, on_error="block")
    real = msgspec.structs.replace(listed, operator=Operator(mode="production"))
    with pytest.raises(Refusal) as refused:
        moderation.compile([rule], route(), real).on_request(asked(language="en"))
    assert refused.value.code == "no_lawful_route"
    assert "holds 2 terms, and the law asks for 10000" in refused.value.sentence()
    long_enough = owed("scan", side=["input"], taxonomy="t", terms_min=2, on_error="block")
    moderation.compile([long_enough], route(), real).on_request(asked())


def test_without_a_list_of_the_house_the_starter_list_stands(house, route, owed, asked):
    rule = owed("scan", side=["input"], taxonomy="csam", on_error="block")
    with pytest.raises(Refusal):
        moderation.compile([rule], route(), house).on_request(asked("child porn"))


def test_a_taxonomy_without_any_list_is_refused_when_compiled(house, route, owed):
    with pytest.raises(Refusal) as refused:
        moderation.compile([owed("scan", side=["input"], taxonomy="none", on_error="block")], route(), house)
    assert refused.value.code == "bad_law"


def test_scanners_are_shared_and_forgotten_in_turn(house, route, owed, monkeypatch):
    monkeypatch.setattr(moderation, "_scanners", {})
    monkeypatch.setattr(moderation, "_KEPT", 1)
    for taxonomy in ("csam", "csam", "house"):
        moderation.compile([owed("scan", side=["input"], taxonomy=taxonomy, on_error="block")], route(), house)
    assert [names for _, names in moderation._scanners] == [("house",)]
