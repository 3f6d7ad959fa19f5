"""Terms: what is found, where, and how much of a text may be shown while it still comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.policy.terms import LATER, PATIENCE, Hit, TermScanner, tail

LISTED = {
    "赌博网": "gambling",
    "赌博": "gambling",
    "博彩平台": "gambling",
    "fuck": "abuse",
    "ass": "abuse",
    "assault": "violence",
    "credit card fraud": "fraud",
    "法x轮": "mixed",
    "QQ群": "mixed",
    "六四": "politics",
    "a1": "short",
    "how to do it now": "phrase",
}
SCANNER = TermScanner(LISTED)
PORTABLE = TermScanner(LISTED, portable=True)
ALPHABET = "赌博网彩平台fuckaslt creditdQq群六四法x轮1我们。，,.*-_ \n\u200b\u0301ＡｓＦкασѕ賭網ⓕ·Ⅰ\x00\x01\t\r\x1c\x7f\x85\u2028\u3000"
TEXTS = st.one_of(
    st.text(ALPHABET, max_size=24),
    st.lists(
        st.sampled_from([*LISTED, " ", "*", "，", ".", "\n", "a", "我", "\u200b", "Ａ", "as", "cre"]), max_size=8
    ).map("".join),
)


def shown(scanner: TermScanner, pieces: list[str]) -> tuple[str, str]:
    """What a reader saw of a stream, and the category that ended it."""
    out = pending = before = ""
    for place, piece in enumerate(pieces):
        text = pending + piece
        hit, free = scanner.look(before, text, last=place == len(pieces) - 1)
        out += text[:free]
        if hit is not None:
            return out, hit.category
        before, pending = tail(before, text[:free]), text[free:]
    assert pending == ""
    return out, ""


@pytest.mark.parametrize(
    ("text", "category", "found"),
    [
        ("我爱赌博。", "gambling", "赌博"),
        ("an ASS.", "abuse", "ASS"),
        ("我ass你", "abuse", "ass"),
        ("f*u*c*k", "abuse", "f*u*c*k"),
        ("fu\x00ck", "abuse", "fu\x00ck"),
        ("fu\x01\x7fck", "abuse", "fu\x01\x7fck"),
        ("credit\ncard\tfraud", "fraud", "credit\ncard\tfraud"),
        ("credit\r\ncard\r\nfraud.", "fraud", "credit\r\ncard\r\nfraud"),
        ("credit * card - fraud", "fraud", "credit * card - fraud"),
        ("六\n四", "politics", "六\n四"),
        ("…fuck…", "abuse", "fuck"),
        ("so f u c k it", "abuse", "f u c k"),
        ("f,u,c,k", "abuse", "f,u,c,k"),
        ("ｆｕｃｋ", "abuse", "ｆｕｃｋ"),
        ("𝐟𝐮𝐜𝐤", "abuse", "𝐟𝐮𝐜𝐤"),
        ("ⓕⓤⓒⓚ", "abuse", "ⓕⓤⓒⓚ"),
        ("fuсk", "abuse", "fuсk"),
        ("fück", "abuse", "fück"),
        ("f\u200bu\u200bck", "abuse", "f\u200bu\u200bck"),
        ("賭博", "gambling", "賭博"),
        ("去 赌 博 吧", "gambling", "赌 博"),
        ("赌*博", "gambling", "赌*博"),
        ("赌＊博", "gambling", "赌＊博"),
        ("you a s s", "abuse", "a s s"),
        ("f, u, c, k", "abuse", "f, u, c, k"),
        ("credit card fraud", "fraud", "credit card fraud"),
        ("credit-card  fraud", "fraud", "credit-card  fraud"),
        ("creditcard fraud", "fraud", "creditcard fraud"),
        ("How to do it now!", "phrase", "How to do it now"),
        ("赌- 博", "gambling", "赌- 博"),
        ("加qq群", "mixed", "qq群"),
        ("加 QQ 群", "mixed", "QQ 群"),
        ("法X轮", "mixed", "法X轮"),
    ],
)
def test_a_term_is_found_in_every_disguise(text, category, found):
    for scanner in (SCANNER, PORTABLE):
        hit = scanner.find(text.encode())
        assert hit is not None
        assert (hit.category, text[hit.start : hit.end]) == (category, found)
        assert scanner.look("", text, last=True)[0] == hit


@pytest.mark.parametrize(
    "text",
    ["class passes", "this hits", "完成 人员", "bass it", "as soon as", "fucking", "credit, card. fraud", "赌。博",
     "fu ck", "credit card frauds", "f" + " " * 9 + "uck", "赌" + "*" * 9 + "博", "海赌 博士", "我赌，博，网", "f,u，c,k", "xa s sx", "howto do it now", "我a s s。", "", "。"],
)  # fmt: skip
def test_ordinary_text_passes(text):
    for scanner in (SCANNER, PORTABLE):
        assert scanner.find(text.encode()) is None
        assert scanner.look("", text, last=True) == (None, len(text))


def test_a_word_written_as_escapes_is_found_where_they_stand():
    assert SCANNER.find(rb"so f\u0075ck it") == Hit("abuse", 3, 12, "fuck")
    assert SCANNER.find(rb"so \u0075p") is None
    assert SCANNER.is_plain(b"nothing at all in 12 words")
    assert not any(SCANNER.is_plain(text) for text in (b"fuck", b"f*u*c*k", rb"\u0066", b"a\0", b"assb", b"isn't"))


def test_the_word_that_ends_first_is_the_one_that_is_named():
    assert SCANNER.find("赌博网".encode()) == Hit("gambling", 0, 2, "赌博")


def test_an_allowed_term_does_not_count():
    assert SCANNER.find("赌博".encode(), allowed={"赌博"}) is None
    assert SCANNER.look("", "赌*博", {"赌博"}, last=True) == (None, 3)


def test_a_word_is_held_only_while_it_may_still_become_a_term():
    assert SCANNER.look("", "我赌", last=False) == (None, 1)
    assert SCANNER.look("", "我赌*", last=False) == (None, 1)
    assert SCANNER.look("", "assa", last=False) == (None, 0)
    assert SCANNER.look("", "assb", last=False) == (None, 4)
    assert SCANNER.look("p", "ass", last=False) == (None, 3)
    assert SCANNER.look("", "the cat", last=False) == (None, 7)
    assert SCANNER.look("", "credit card", last=False) == (None, 0)
    assert SCANNER.look("", "f" + "*" * 20, last=False) == (None, 21)


def test_an_empty_list_finds_nothing():
    for portable in (False, True):
        scanner = TermScanner({"***": "x"}, portable=portable)
        assert scanner.find("赌博 *** f u c k".encode()) is None
        assert scanner.look("", "赌博", last=False) == (None, 2)


def test_lone_surrogates_do_no_harm():
    assert SCANNER.find("赌博\ud800".encode("utf-8", "surrogatepass")) == Hit("gambling", 0, 2, "赌博")
    assert SCANNER.look("", "\ud800赌博", last=True)[0] == Hit("gambling", 1, 3, "赌博")


def test_the_tail_passes_over_what_has_no_width():
    assert tail("x", "") == "x"
    assert tail("x", "A\u200b") == "a"
    assert tail("x", "\u200b") == "x"


@settings(max_examples=1500, deadline=None)
@given(TEXTS)
def test_the_quick_way_and_the_thorough_way_agree(text):
    quick = SCANNER.find(text.encode("utf-8", "surrogatepass"))
    assert quick == SCANNER.look("", text, last=True)[0]
    assert quick == PORTABLE.find(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("text", ["11111111", "a@b.example c@d.example", "13812345678 and 4111111111111111"])
def test_many_anchors_and_no_sign_are_no_term_and_may_be_a_private_detail(text):
    for scanner in (SCANNER, PORTABLE):
        assert scanner.examine(text.encode()) == (None, True)


GAPS = st.text("-*'.@_/# ,;我a", max_size=4) | st.sampled_from([" ", "", "", "", ", ", " - ", ". "])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from([*LISTED, "its", "don't"]), st.lists(GAPS, min_size=18, max_size=18), GAPS)
def test_symbols_between_letters_are_looked_at_as_well_as_the_thorough_way_does(term, gaps, start):
    text = "we say " + start + "".join(letter + gap for letter, gap in zip(term, gaps, strict=False)) + " it is so"
    for scanner in (SCANNER, PORTABLE):
        assert scanner.find(text.encode()) == scanner.look("", text, last=True)[0]


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_any_split_in_two_shows_the_same(text):
    whole = shown(SCANNER, [text])
    for cut in range(len(text) + 1):
        assert shown(SCANNER, [text[:cut], text[cut:]]) == whole


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.randoms())
def test_any_split_in_many_shows_the_same(text, random):
    pieces, rest = [], text
    while rest:
        size = random.randint(0, 3)
        pieces.append(rest[:size])
        rest = rest[size:]
    assert shown(SCANNER, [*pieces, ""]) == shown(SCANNER, [text])


WORDS = ["credit", "card", "fraud", "-", "+", "creditcard", "cardfraud", "ass", "assa", "a", "f", "u", "c", "k", "the", "don't",
         "fu", "ck", "fu-ck", "A1", "qq", "群", "赌", "博", "how", "to", "do", "it", "now", "good,", "(credit", "*"]  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", " ", " ", "", ", ", "\n", "  "])), max_size=9),
    st.randoms(),
)
def test_running_words_in_any_pieces_show_the_same(words, random):
    text = "".join(word + gap for word, gap in words)
    pieces, rest = [], text
    while rest:
        size = random.randint(1, 12)
        pieces.append(rest[:size])
        rest = rest[size:]
    assert shown(SCANNER, [*pieces, ""]) == shown(SCANNER, [text])
    assert (SCANNER.find(text.encode()) is not None) == bool(shown(SCANNER, [text])[1])


@pytest.mark.parametrize("term", [*LISTED, "f*u*c*k", "f u c k", "賭 博 網", "ＱＱ群"])
def test_every_split_in_three_of_every_term_stops_before_it(term):
    text = f"好的, {term} 吗"
    whole = shown(SCANNER, [text])
    assert whole[1]
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            assert shown(SCANNER, [text[:first], text[first:second], text[second:]]) == whole


def test_a_text_of_some_size_that_must_be_looked_at_well_is_left_for_later():
    disguised = b"x " * PATIENCE + b"f*u*c*k"
    assert SCANNER.examine(disguised)[0] is LATER
    assert SCANNER.examine(rb"\u0066" * PATIENCE) == (LATER, True)
    assert SCANNER.find(disguised).term == "fuck"
    assert SCANNER.examine(b"x " * PATIENCE) == (None, False)
    assert SCANNER.examine(b"call 12 " * PATIENCE) == (None, True)
    assert SCANNER.reach > len("fuck")
