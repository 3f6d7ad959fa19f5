"""How terms begin: what is not there is certain, and what is there is found."""

from __future__ import annotations

from isthmus.policy.term_beginnings import MASK, PLANE, begin
from isthmus.policy.term_index import build

LISTED = ("bad word", "bat", "b", "赌博", "qq群", "a1", "ok 好")
INDEX = build({"": dict.fromkeys(LISTED, ("a", "block"))})
BEGINNINGS = begin(INDEX)


def test_every_beginning_is_in_its_filter():
    for letters in INDEX.letters:
        assert BEGINNINGS.heads[hash(letters[:2]) & MASK]
        assert BEGINNINGS.starts[ord(letters[0]) & PLANE]
    for beginning in ("b", "ba", "bad", "badw", "bat", "q", "qq", "a1", "ok"):
        assert BEGINNINGS.prefixes[hash(beginning) & MASK]


def test_openers_are_what_stands_before_a_gap_and_the_whole_terms():
    assert BEGINNINGS.openers == {"bad", "badword", "bat", "b", "qq", "qq群", "a1", "ok", "ok好"}


def test_a_filter_is_mostly_empty():
    assert sum(BEGINNINGS.prefixes) < 32
    assert sum(BEGINNINGS.starts) == len({letters[0] for letters in INDEX.letters})


def test_a_span_holds_the_terms_of_two_letters_and_no_others():
    for head, (low, high) in BEGINNINGS.spans.items():
        assert [word[:2] == head for word in INDEX.letters] == [low <= n < high for n in range(len(INDEX.letters))]
    assert sorted(BEGINNINGS.spans) == ["a1", "ba", "ok", "qq"]


def test_the_longest_the_single_and_the_phrases_are_known():
    assert BEGINNINGS.longest == len("badword")
    assert BEGINNINGS.has_single
    assert "wo" in BEGINNINGS.phrases


def test_one_index_is_read_once():
    assert begin(INDEX) is begin(INDEX)
