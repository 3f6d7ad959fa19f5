"""Escapes: what a reader of JSON will have, where it came from, and what may be half of one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.policy.escapes import LONGEST, open_end, plain


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_json_string_is_read_as_json_reads_it(text):
    written = json.dumps(text)[1:-1]
    view, places = plain(written, json=True)
    assert view == text
    assert len(places) == len(view) + 1
    assert places[-1] == len(written)
    assert places == sorted(places)


def test_outside_json_only_codes_are_read():
    assert plain(r"a\nb\u0063\\", json=False)[0] == r"a\nbc\\"


def test_half_a_pair_stays_as_it_is():
    assert plain(r"\ud83dx\ude00", json=True)[0] == r"\ud83dx\ude00"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.data())
def test_no_split_behind_what_is_open_changes_what_is_read(text, data):
    written = json.dumps(text)[1:-1]
    cut = data.draw(st.integers(0, len(written)))
    cut -= open_end(written[:cut], json=True)
    assert plain(written[:cut], json=True)[0] + plain(written[cut:], json=True)[0] == text


@pytest.mark.parametrize(
    ("text", "size"),
    [("a", 0), ("\\", 1), ("\\u", 2), (r"\u8d4", 5), (r"\u8d4c", 0), (r"\ud83d", 6), (r"\ud83d\ude0", 11), ("\\\\", 0)],
)
def test_what_may_be_half_an_escape_waits(text, size):
    assert open_end(f"x{text}", json=True) == size <= LONGEST
