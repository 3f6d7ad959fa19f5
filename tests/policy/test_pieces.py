"""How an answer is cut for its judges: where pieces end, and that no split hides anything from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy.guards import Pieces
from isthmus.policy.pieces import SLACK, Cutter, joins, tail, whole

PHRASE = "poison the well"


def pieces(events, channel="content", **cut):
    """The pieces, with what came before them, that a stream of these texts is judged in; and the texts of each."""
    cutter = Cutter(Pieces(**{"least": 10, "most": 40, "overlap": 0, **cut}))
    seen, own, gathered = [], [], []
    for text in events:
        if gathered and cutter.ends_before(channel, text):
            seen.append(cutter.take()[channel])
            own.append("".join(gathered))
            gathered = []
        gathered.append(text)
        if cutter.add(channel, text):
            seen.append(cutter.take()[channel])
            own.append("".join(gathered))
            gathered = []
    if gathered:
        seen.append(cutter.take()[channel])
        own.append("".join(gathered))
    return seen, own


@pytest.mark.parametrize(
    ("events", "cut"),
    [
        (["这是第一个很长很长的句子。", "第二个"], ["这是第一个很长很长的句子。", "第二个"]),
        (["It is a sentence.", " And", " more"], ["It is a sentence.", " And more"]),
        (["It is a sentence. And", " more"], ["It is a sentence. And", " more"]),
        (["It is a line\n", "and more"], ["It is a line\n", "and more"]),
        (["Yes. ", "No. ", "And so on. ", "more"], ["Yes. No. And so on. ", "more"]),
        (["It costs 3.", "14 francs", " today"], ["It costs 3.14 francs today"]),
        (["It is there: a.example?b", "=c and so"], ["It is there: a.example?b=c and so"]),
    ],
)
def test_a_piece_ends_behind_a_sentence_that_is_long_enough(events, cut):
    assert pieces(events)[1] == cut


def test_a_piece_without_a_sentences_end_ends_by_its_size():
    assert pieces(["字" * 15] * 5, ends="")[1] == ["字" * 30, "字" * 30, "字" * 15]
    assert pieces(["字" * 100, "字"], ends="")[1] == ["字" * 100, "字"]


def test_no_sentence_ends_a_piece_where_the_operator_names_no_mark():
    assert pieces(["这是第一个很长很长的句子。", "第二个"], ends="")[1] == ["这是第一个很长很长的句子。第二个"]


@pytest.mark.parametrize("word", ["13800138000", "138 0013 8000", "a.person@example.org", "internationalisation"])
def test_a_piece_does_not_end_inside_a_word_or_a_number(word):
    for start in range(30, 45):
        events = list("x " * (start // 2) + word + " and so on, and so on, and so on")
        assert sum(word in own for own in pieces(events, ends="")[1]) == 1


def test_a_word_without_an_end_is_cut_all_the_same():
    seen, _ = pieces(["a"] * 500, ends="")
    assert max(map(len, seen)) == 40 + SLACK


def test_a_piece_shows_what_came_before_it_and_not_half_a_number_of_it():
    seen, _ = pieces(["It is a first sentence. ", "It is a second one. "], overlap=14)
    assert seen == ["It is a first sentence. ", "first sentence. It is a second one. "]
    assert tail("call 13800138000 now", 9) == "13800138000 now"
    assert tail("a" * 200, 9) == "a" * 9
    assert tail("ab", 9) == "ab"
    assert tail("abc", 0) == ""


def test_each_channel_has_its_own_text_before_it():
    cutter = Cutter(Pieces(least=5, most=20, overlap=4))
    assert not cutter.ends_before("content", "x")
    cutter.add("reasoning_content", "我想想看再说吧")
    assert cutter.ends_before("content", "好")
    assert cutter.take() == {"reasoning_content": "我想想看再说吧"}
    assert cutter.is_empty
    cutter.add("reasoning_content", "嗯")
    assert not cutter.ends_before("content", "好")
    cutter.add("content", "好")
    assert cutter.take() == {"reasoning_content": "看再说吧嗯", "content": "好"}


def test_a_digit_joins_over_a_blank_and_a_letter_does_not():
    assert joins("138 ", "0013")
    assert joins("ab", "c")
    assert not joins("ab ", "c")
    assert not joins("字", "字")


@given(
    before=st.text(alphabet="ab 。\n", max_size=120), after=st.text(alphabet="ab 。\n", max_size=120),
    splits=st.lists(st.integers(0, 255), max_size=60), most=st.integers(10, 60),
)  # fmt: skip
def test_what_is_no_longer_than_the_overlap_is_seen_whole_before_its_end_is_shown(before, after, splits, most):
    text = f"{before} {PHRASE} {after}"
    places = sorted({place for place in splits if 0 < place < len(text)})
    events = [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]
    seen, own = pieces(events, most=most, overlap=len(PHRASE))
    assert "".join(own) == text
    shown = ""
    for piece, mine in zip(seen, own, strict=True):
        if PHRASE in piece:
            break
        shown += mine
    else:
        pytest.fail("nobody saw it")
    assert PHRASE not in shown


@given(text=st.text(alphabet="ab1 。", max_size=400), size=st.integers(20, 90))
def test_a_whole_answer_in_pieces_is_all_of_it_and_each_shows_what_came_before(text, size):
    cut = Pieces(least=1, most=10, whole=size, overlap=10)
    texts = [piece["content"] for piece in whole({"content": text}, cut)]
    assert all(len(each) <= size + 2 * SLACK + 10 for each in texts)
    assert not text or text.startswith(texts[0])
    assert not text or text.endswith(texts[-1])
    assert all(each in text for each in texts)
    assert sum(map(len, texts)) >= len(text) + 9 * (len(texts) - 1)
