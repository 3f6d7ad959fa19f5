"""Moderation: a bad question is refused, an answer stops before its first forbidden character."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.core.operator import Operator
from isthmus.policy import moderation, term_lists
from isthmus.policy.term_index import build

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


def test_houses_with_the_same_lists_share_one_automaton_and_old_ones_are_forgotten(house, route, owed, monkeypatch):
    monkeypatch.setattr(moderation, "_indexes", {})
    monkeypatch.setattr(moderation, "_KEPT", 1)
    made = []
    monkeypatch.setattr(moderation, "build", lambda lists: made.append(lists) or build(lists))
    other = msgspec.structs.replace(house, terms={"t": {"word": "x"}})
    for own, taxonomy in ((house, "csam"), (house, "house"), (other, "t")):
        moderation.compile([owed("scan", side=["input"], taxonomy=taxonomy, on_error="block")], route(), own)
    assert len(made) == 2
    assert len(moderation._indexes) == 1


def test_a_house_with_lists_on_disk_scans_for_the_taxonomies_that_are_owed(house, route, owed, asked, tmp_path):
    (tmp_path / "terms").mkdir()
    for taxonomy, word in (("mine", "甲乙丙"), ("other", "丁戊己")):
        text = f'origin = "us"\n[category.own]\nterms = ["{word}"]\n'
        (tmp_path / "terms" / f"{taxonomy}.toml").write_text(text, "utf-8")
    for _ in range(2):  # compiled, then read from disk
        real = msgspec.structs.replace(house, terms=term_lists.load(tmp_path))
        stage = moderation.compile([owed("scan", side=["input"], taxonomy="mine", on_error="block")], route(), real)
        stage.on_request(asked("丁戊己"))
        with pytest.raises(Refusal) as refused:
            stage.on_request(asked("甲乙丙"))
        assert refused.value.fields["category"] == "mine.own"
    with pytest.raises(Refusal):
        moderation.compile([owed("scan", side=["input"], taxonomy="none", on_error="block")], route(), real)


@pytest.fixture(scope="module")
def soft_lists(tmp_path_factory):
    """Compiled once for all tests of this file."""
    home = tmp_path_factory.mktemp("home")
    (home / "terms").mkdir()
    (home / "terms" / "t.toml").write_text(
        'origin = "us"\n[category.rude]\naction = "mask"\nterms = ["笨蛋", "damn"]\n'
        '[category.watched]\naction = "flag"\nterms = ["竞品"]\n[category.bad]\nterms = ["赌博网站"]\n',
        "utf-8",
    )
    return term_lists.load(home)


@pytest.fixture
def soft(house, route, scan, soft_lists):
    return moderation.compile([scan], route(), msgspec.structs.replace(house, terms=soft_lists))


def test_words_to_mask_leave_covered_and_words_to_flag_are_told(soft, asked):
    ex = asked("这个笨蛋说竞品好")
    soft.on_request(ex)
    assert msgspec.json.decode(ex.rewritten)[0]["content"] == "这个＊＊说竞品好"
    assert ex.met == ["mask:t.rude", "flag:t.watched", "moderation"]
    ex = asked("竞品")
    soft.on_request(ex)
    assert (ex.rewritten, ex.met) == (None, ["flag:t.watched", "moderation"])


def test_a_blocked_word_beside_a_masked_one_blocks(soft, asked):
    with pytest.raises(Refusal):
        soft.on_request(asked("笨蛋，赌博网站"))


@pytest.mark.parametrize(("text", "shown"), [("你这笨蛋，竞品", "你这＊＊，竞品"), ("oh damn it", "oh ＊＊＊＊ it")])
def test_any_split_of_an_answer_is_covered_alike(soft, asked, text, shown):
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            ex = asked()
            pieces = (text[:first], text[first:second], text[second:])
            out = "".join(soft.on_event(ex, "content", piece, False) for piece in pieces)
            assert out + soft.on_event(ex, "content", "", True) == shown
            assert ex.blocked == ""


@pytest.mark.parametrize("channel", ["content", "tool:0"])
def test_words_written_as_escapes_are_words(stage, asked, channel):
    escaped = '{"q": "' + "".join(f"\\u{ord(sign):04x}" for sign in "赌博网站") + '"}'
    with pytest.raises(Refusal):
        stage.on_request(asked(escaped))
    for first in range(len(escaped) + 1):
        ex = asked()
        out = stage.on_event(ex, channel, escaped[:first], False) + stage.on_event(ex, channel, escaped[first:], False)
        out += stage.on_event(ex, channel, "", True)
        assert ex.blocked == "t.gambling"
        assert out.removesuffix(f"\n\n{CLOSING}") == '{"q": "'


def test_a_new_line_written_as_an_escape_parts_no_phrase_of_a_tool_call(stage, asked):
    ex = asked()
    assert stage.on_event(ex, "tool:0", r'{"q": "bad\nword"}', True) == '{"q": "'
    assert ex.blocked


LONG = "ordinary words, " * 6000


@pytest.mark.parametrize("tail", ["", "bad\nword", "赌 博 网 站", "xbad wordx 赌博网"])
def test_a_long_question_is_read_in_pieces_with_the_same_result(stage, asked, tail):
    ex = asked(LONG + tail)
    stage.on_request(ex)
    assert (ex.met, ex.blocked) == ([], "")
    if tail.startswith(("bad", "赌 ")):
        with pytest.raises(Refusal):
            asyncio.run(stage.awaited(ex))
    else:
        asyncio.run(stage.awaited(ex))
        assert ex.met == ["moderation"]


@pytest.mark.parametrize("tail", ["赌*博*网*站", "bad wor", "\\\\u8d4c博网站", "bad w\u200bord"])
def test_a_question_of_some_size_that_may_be_disguised_is_read_in_pieces_too(stage, asked, tail):
    ex = asked("bad_words " * 300 + tail)
    stage.on_request(ex)
    assert (ex.met, ex.blocked) == ([], "")
    if tail == "bad wor":
        asyncio.run(stage.awaited(ex))
        assert ex.met == ["moderation"]
    else:
        with pytest.raises(Refusal):
            asyncio.run(stage.awaited(ex))
        assert ex.blocked


@pytest.mark.parametrize("place", [0, 8_186, 8_192, 8_196, 65_530, 130_000])
def test_a_word_over_the_border_of_two_scans_is_found(stage, asked, place):
    ex = asked("x" * place + " 赌博网站 " + "y" * 20_000)
    stage.on_request(ex)
    if len(ex.text()) > 20_010:
        with pytest.raises(Refusal):
            asyncio.run(stage.awaited(ex))


def test_other_requests_are_served_between_the_pieces(stage, asked):
    async def both():
        turns = 0
        reading = asyncio.ensure_future(stage.awaited(asked("bad-wordy " * 8000)))
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(both()) > 5


def test_a_short_question_waits_for_nothing(stage, asked):
    assert stage.awaited(asked("bad word")) is None
