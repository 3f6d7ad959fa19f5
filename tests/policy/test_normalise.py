"""Folding: disguises meet in one spelling, character by character."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy.normalise import changes, changing, fold, letters, offsets, strip


@pytest.mark.parametrize(
    ("text", "folded"),
    [("ＦｕＣＫ", "fuck"), ("𝐟𝐮𝐜𝐤", "fuck"), ("ⓕⓤⓒⓚ", "fuck"), ("fück", "fuck"), ("fu\u0308ck", "fuck"), ("fυсk", "fuck"),
     ("賭博", "赌博"), ("赌\u200b博", "赌博"), ("１２३", "123"), ("ﬃ", "ffi"), ("straße", "strasse"), ("が", "が"), ("हिन्दी", "हिन्दी"),
     ("，", "，"), ("㍿", "株式会社"), ("🏳️", "·")],
)  # fmt: skip
def test_disguises_meet_in_one_spelling(text, folded):
    assert fold(text) == folded


@given(st.text(), st.text())
def test_folding_works_character_by_character(left, right):
    assert fold(left) + fold(right) == fold(left + right)


@given(st.text("aé㍿ﬃ\u200b赌賭 "))
def test_offsets_point_back_to_the_character_each_letter_came_from(text):
    places = offsets(text)
    assert len(places) == len(fold(text))
    for place, letter in zip(places, fold(text), strict=True):
        assert letter in fold(text[place])


def test_strip_leaves_letters_and_digits():
    assert strip("f*u, c·k 赌。博1") == "fuck赌博1"


def test_a_character_alone_is_read_as_inside_a_text():
    for point in (*changing()[::7], *map(ord, "aＡ赌賭Ⅰ①ß·\u200b")):
        assert letters(chr(point)) == strip(fold(chr(point)))


def test_what_changes_is_listed():
    listed = set(changing())
    for sign in ("賭", "Ａ", "\u200b", "с", "é", "①", "\U0001d41f", "\U000e0041"):
        assert ord(sign) in listed
    for sign in ("赌", "a", "A", "，", "가", "·"):
        assert ord(sign) not in listed
        assert not changes(ord(sign))
