"""Automata: hyperscan and the portable way give the same answers."""

from __future__ import annotations

import gc
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.core.scanner import Literals, Presence, byte_classes

WORD = st.lists(st.integers(1, 255), min_size=1, max_size=5).map(bytes)  # a literal holds no NUL
WORDS = st.lists(WORD, min_size=1, max_size=6, unique_by=bytes.lower)


@pytest.mark.parametrize("portable", [False, True])
def test_every_occurrence_is_found_overlapping_ones_too(portable):
    scanner = Literals([b"he", b"she", b"hers"], portable=portable)
    found = scanner.search(b"uSHErs")
    assert sorted((index, end) for index, _, end in found) == [(0, 4), (1, 4), (2, 6)]


@pytest.mark.parametrize("portable", [False, True])
def test_a_sign_of_several_strings_has_one_index(portable):
    scanner = Literals([b"he"], [b"x", (b"1", b"2", b"@")], portable=portable)
    assert {index for index, _, _ in scanner.search(b"HE 2X1@1")} == {0, 1, 2}
    assert {index for index, _, _ in scanner.search(b"a@b")} == {2}
    assert scanner.search(b"abc") == []


@pytest.mark.parametrize("portable", [False, True])
def test_nothing_is_found_in_nothing_or_with_nothing(portable):
    assert Literals([b"a"], portable=portable).search(b"") == []
    assert Literals([], portable=portable).search(b"abc") == []
    assert not Presence([b"a"], portable=portable).seen(b"")


@settings(max_examples=150, deadline=None)
@given(WORDS, st.lists(st.binary(max_size=4), max_size=6), st.randoms())
def test_both_ways_agree(words, noise, random):
    pieces = [*words, *noise]
    random.shuffle(pieces)
    data = b"".join(pieces)
    fast, slow = (Literals(words, portable=portable).search(data) for portable in (False, True))
    assert sorted(fast) == sorted(slow)
    expected = [
        (index, 0, match.start() + len(word))
        for index, word in enumerate(words)
        for match in re.finditer(b"(?=" + re.escape(word.lower()) + b")", data.lower())
    ]
    assert sorted(fast) == sorted(expected)


@pytest.mark.parametrize("portable", [False, True])
def test_presence_says_which_patterns_occur(portable):
    scanner = Presence([rb"[0-9]{3}", b"@", b"x+y"], portable=portable)
    assert sorted(index for index, _, _ in scanner.which(b"a@123@xxy")) == [0, 1, 2]
    assert [index for index, _, _ in scanner.which(b"12@")] == [1]
    assert not scanner.seen(b"12")


@pytest.mark.parametrize("portable", [False, True])
def test_byte_classes_match_exactly_their_characters(portable):
    points = [0x41, 0xE9, 0x4E00, 0x4E01, 0x4E03, 0xFF10, 0x1F600]
    scanner = Presence(byte_classes(points), portable=portable)
    for point in range(0x40, 0x110000, 7):
        if not 0xD800 <= point <= 0xDFFF:
            assert scanner.seen(chr(point).encode()) == (point in points)
    assert all(scanner.seen(chr(point).encode()) for point in points)


def test_a_scanner_survives_the_end_of_another():
    keep = Literals([b"keep"])
    for _ in range(3):
        gone = Presence([b"a[bc]{1,9}d"])
        assert gone.seen(b"abcd")
        del gone
        gc.collect()
        assert keep.search(b"keep") == [(0, 0, 4)]


def test_without_hyperscan_the_standard_library_answers():
    code = (
        "import sys; sys.modules['hyperscan'] = None\n"
        "from isthmus.core.scanner import Literals, Presence\n"
        "assert Literals([b'ab']).search(b'xAB') == [(0, 0, 3)]\n"
        "assert Presence([b'a.']).seen(b'ab')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
