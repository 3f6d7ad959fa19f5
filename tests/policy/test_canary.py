"""The canary: found however it is written, never half shown."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy.canary import LENGTH, SIGNS, Canary

MARK = "B7K2B7K9B7K2"  # begins like itself: the hard case of every search
CANARY = Canary.of(MARK)


def read(canary, pieces):
    """What a caller has been shown after each piece."""
    shown = pending = ""
    for piece in pieces:
        found, count = canary.look(pending + piece)
        shown += (pending + piece)[:count]
        pending = (pending + piece)[count:]
        yield found, shown
        if found:
            return


def test_two_canaries_differ_and_spell_no_word():
    one, two = Canary.draw(), Canary.draw()
    assert one.mark != two.mark
    assert len(one.mark) == LENGTH
    assert set(one.mark) <= set(SIGNS)


@given(st.sampled_from([MARK, MARK.lower(), " ".join(MARK), "-".join(MARK), f"{MARK[:5]}**{MARK[5:]}"]))
def test_it_is_found_in_small_letters_and_with_signs_between(written):
    assert CANARY.look(f"the mark is {written}.") == (True, 12)


@given(st.text("B7K29 x", max_size=20), st.lists(st.integers(0, 40), max_size=3))
def test_no_split_shows_any_of_it(before, cuts):
    text = f"{before}{MARK} and more"
    whole, start = CANARY.look(text)
    assert whole
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[one:two] for one, two in itertools.pairwise(places)]
    *_, (found, shown) = read(CANARY, pieces)
    assert found
    assert shown == text[:start]


@given(st.text("B7K29abc ", max_size=40))
def test_what_waits_is_a_beginning_of_it(text):
    found, shown = CANARY.look(text)
    assert found == (MARK in "".join(filter(str.isalnum, text)).upper())
    assert found or MARK.startswith("".join(filter(str.isalnum, text[shown:])).upper())


def test_only_the_longest_live_beginning_waits():
    assert CANARY.look("hello") == (False, 5)
    assert CANARY.look("so B7K2B7K") == (False, 3)
    assert CANARY.look("so B7K2B7K2") == (False, 7)  # the second half may still begin it
