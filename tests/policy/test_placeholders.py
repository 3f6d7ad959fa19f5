"""Placeholders: unguessable, fixed in length, restored only by their own map."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from isthmus.core.secret import ContentLeakError
from isthmus.policy import placeholders
from isthmus.policy.placeholders import LENGTH, Placeholders, is_whole


def test_the_same_value_has_the_same_placeholder_within_an_exchange_and_another_elsewhere():
    made, other = Placeholders(), Placeholders()
    first = made.stand_in("TELE", "13812345678")
    assert made.stand_in("TELE", "13812345678") == first
    assert made.stand_in("TELE", "13812345679") != first
    assert made.stand_in("CODE", "13812345678") != first
    assert other.stand_in("TELE", "13812345678") != first
    assert len(made) == 3


def test_length_and_shape_are_fixed():
    made = Placeholders()
    for number in range(500):
        one = made.stand_in("MAIL", str(number))
        assert len(one) == LENGTH
        assert is_whole(one)


@pytest.mark.parametrize("place", range(6, 14))
def test_a_changed_sign_breaks_the_check(place):
    one = Placeholders().stand_in("MAIL", "x")
    changed = one[:place] + ("0" if one[place] != "0" else "1") + one[place + 1 :]
    assert not is_whole(changed)


@pytest.mark.parametrize("text", ["", "[MAIL-1234567]", "[MAIL-AEIOUAEI]", "[mail-12345678]"])
def test_what_is_no_placeholder_is_not_taken_for_one(text):
    assert not is_whole(text)


def test_only_ones_own_placeholders_are_restored_and_the_others_counted():
    made, other = Placeholders(), Placeholders()
    mine, foreign = made.stand_in("MAIL", "a@b.cn"), other.stand_in("MAIL", "c@d.cn")
    assert made.restore(f"to {mine} and {foreign} [x]", escape=False) == f"to a@b.cn and {foreign} [x]"
    assert made.lost == 1


def test_a_value_inside_json_is_escaped_again():
    made = Placeholders()
    value = 'a"b\\c\nd\x01é'
    text = '{"x": "' + made.stand_in("SECR", value) + '"}'
    assert json.loads(made.restore(text, escape=True)) == {"x": value}


def test_only_the_beginning_of_a_known_placeholder_is_kept():
    made = Placeholders()
    one = made.stand_in("MAIL", "x")
    for size in range(1, LENGTH):
        assert made.keep("so " + one[:size]) == size
    assert made.keep("so [MAIL-!") == 0
    assert made.keep("plain") == 0
    assert made.keep(one) == 0
    assert made.keep("[" + "x" * LENGTH) == 0


def test_two_values_never_share_a_placeholder(monkeypatch):
    drawn = bytes((1, 2, 3, 4, 5, 6, 7, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9))
    monkeypatch.setattr(placeholders, "_stock", defaultdict(list))
    monkeypatch.setattr(placeholders.os, "urandom", lambda size: drawn)
    made = Placeholders()
    assert made.stand_in("MAIL", "x") != made.stand_in("MAIL", "y")


def test_a_text_whose_values_drew_alike_is_masked_anew(monkeypatch):
    alike, other = "[MAIL-00000000]", "[MAIL-11111111]"
    more = ["[MAIL-33333333]", "[MAIL-22222222]"]
    monkeypatch.setattr(placeholders, "_stock", defaultdict(list, MAIL=[*more, other, alike, alike]))
    made = Placeholders()
    kinds = {}
    found = [("email", "MAIL", 0, 1), ("email", "MAIL", 2, 3)]
    assert made.masked("x y", found, kinds) == f"{other} {more[1]}"
    assert kinds == {other: "email", more[1]: "email"}
    assert made.originals() == {other: "x", more[1]: "y"}


def test_no_sign_is_likelier_than_another(monkeypatch):
    monkeypatch.setattr(placeholders, "_stock", defaultdict(list))
    monkeypatch.setattr(placeholders.os, "urandom", lambda size: bytes(range(256)))
    drawn = "".join(placeholders._fresh("MAIL")[6:13] for _ in range(248 // 7))
    assert {drawn.count(sign) for sign in placeholders.SIGNS} == {7, 8}


def test_one_whose_end_is_another_sign_is_restored_without_it():
    made = Placeholders()
    body = made.stand_in("MAIL", "x")[1:-1]
    assert made.restore(f"[{body},", escape=False) == "[x,"


def test_a_map_cannot_be_printed():
    with pytest.raises(ContentLeakError):
        str(Placeholders())
