"""Texts that are kept as one come back as they were."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from isthmus.core.pieces import Pieces


@given(st.lists(st.lists(st.text(max_size=5), max_size=5), max_size=150))
def test_what_was_added_comes_back_piece_by_piece(runs):
    pieces = Pieces()
    for run in runs:
        pieces.add("".join(run), run)
    expected = [text for run in runs for text in run]
    assert list(pieces) == expected
    assert len(pieces) == len(expected)


def test_short_texts_take_little_more_than_what_they_say():
    texts = [f"w{number:03}" for number in range(1_000)]
    pieces = Pieces()
    for start in range(0, 1_000, 10):
        pieces.add("".join(texts[start : start + 10]), texts[start : start + 10])
    assert sys.getsizeof(pieces._sizes) + sum(map(sys.getsizeof, pieces._texts)) < sum(map(sys.getsizeof, texts)) / 4
