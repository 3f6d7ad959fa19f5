"""Byte pair encoding: the pair of lowest rank first, the leftmost of equals; a table on disk is believed when whole."""

import hashlib
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.partners import merges
from isthmus.partners.merges import Merges, lay, restore, save

RANKS = {bytes((byte,)): byte for byte in range(256)} | {
    piece: rank for rank, piece in enumerate([b"ab", b"bc", b"aa", b"abc", b"aaa", b"aaaa", b"cab", b"abab"], 256)
}


def slowly(piece):
    """The same, as the paper has it: look at every pair, merge one, look again."""
    parts = [piece[at : at + 1] for at in range(len(piece))]
    while True:
        pairs = [(RANKS[a + b], at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in RANKS]
        if not pairs:
            return len(parts)
        _, at = min(pairs)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]


@given(piece=st.text("abc", max_size=80).map(str.encode) | st.binary(max_size=20))
def test_merging_with_a_heap_is_merging_one_by_one(piece):
    assert Merges(memoryview(lay(RANKS))).tokens(piece) == slowly(piece)


def test_nothing_has_no_tokens_and_a_byte_is_one():
    made = Merges(memoryview(lay(RANKS)))
    assert (made.tokens(b""), made.tokens(b"a"), made.tokens(b"\xff")) == (0, 1, 1)


def test_bytes_alone_never_merge():
    assert Merges(memoryview(lay({bytes((byte,)): byte for byte in range(256)}))).tokens(b"abc") == 3


def test_a_vocabulary_too_large_for_a_word_is_refused(monkeypatch):
    monkeypatch.setattr(merges, "_LOW", 256)
    with pytest.raises(ValueError, match="too many"):
        lay(RANKS)


def test_what_was_saved_is_read_where_it_lies(tmp_path):
    path = tmp_path / "cache" / "merges.bin"
    save(lay(RANKS), path)
    assert list(restore(path)) == list(lay(RANKS))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "merges.bin").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(lay(RANKS), tmp_path / "merges.bin")
    assert [path.name for path in tmp_path.iterdir()] == ["merges.bin"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:-40] + raw[-32:],
        lambda raw: b"\x01" + raw[1:],
        lambda raw: raw + b"x",
        lambda raw: b"",
        lambda raw: hashlib.sha256(b"").digest(),
    ],
    ids=["short", "a word less", "another byte", "a byte more", "empty", "a digest of nothing"],
)
def test_a_damaged_table_is_none(tmp_path, damage):
    path = tmp_path / "merges.bin"
    save(lay(RANKS), path)
    path.write_bytes(damage(path.read_bytes()))
    assert restore(path) is None


def test_a_table_that_others_may_write_is_none(tmp_path):
    path = tmp_path / "merges.bin"
    save(array("Q", [0]), path)
    assert restore(path) is not None
    path.chmod(0o622)
    assert restore(path) is None


def test_a_table_that_is_not_there_is_none(tmp_path):
    assert restore(tmp_path / "merges.bin") is None
