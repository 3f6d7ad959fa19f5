import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.ledger import tree

_spec = importlib.util.spec_from_file_location("rfc9162", Path(__file__).with_name("rfc9162.py"))
rfc = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rfc)


def entries(count):
    return [str(number).encode() for number in range(count)]


def finder(leaves):
    hashes = [rfc.leaf_hash(leaf) for leaf in leaves]
    return lambda level, index: tree.lift(hashes[index << level : index + 1 << level])


def grown(leaves):
    frontier = tree.Frontier()
    for leaf in leaves:
        frontier.append(rfc.leaf_hash(leaf))
    return frontier


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257, 600])
def test_a_frontier_has_the_root_that_the_rfc_defines(size):
    assert grown(entries(size)).root() == rfc.mth(entries(size))


@pytest.mark.parametrize("size", [1, 3, 300])
def test_a_frontier_goes_on_from_its_peaks_as_if_it_had_never_stopped(size):
    stopped = grown(entries(size))
    resumed = tree.Frontier(stopped.size, stopped.peaks)
    for each in (stopped, resumed):
        each.append(b"x" * 32)
    assert resumed.root() == stopped.root()
    assert len(resumed.peaks) == (size + 1).bit_count()


def test_every_256th_entry_grows_a_node_to_keep():
    frontier = grown(entries(600))
    assert frontier.grown == [(8, rfc.mth(entries(256))), (8, rfc.mth(entries(512)[256:]))]


def test_the_65536th_entry_grows_a_node_on_both_kept_levels():
    frontier = tree.Frontier()
    for _ in range(1 << 16):
        frontier.append(b"x" * 32)
    assert [level for level, _ in frontier.grown] == [8] * 256 + [16]


def test_peaks_are_named_largest_first():
    assert tree.peak_names(0) == []
    assert tree.peak_names(300) == [(8, 0), (5, 8), (3, 36), (2, 74)]


@settings(deadline=None)
@given(st.data())
def test_an_inclusion_proof_is_the_one_the_rfc_defines_and_verifies(data):
    size = data.draw(st.integers(1, 130))
    leaf = data.draw(st.integers(0, size - 1))
    leaves = entries(size)
    made = tree.inclusion(finder(leaves), leaf, size)
    assert made == rfc.path(leaf, leaves)
    assert rfc.verify_inclusion(rfc.leaf_hash(leaves[leaf]), leaf, size, made, rfc.mth(leaves))
    assert not rfc.verify_inclusion(rfc.leaf_hash(b"another"), leaf, size, made, rfc.mth(leaves))


@settings(deadline=None)
@given(st.data())
def test_a_consistency_proof_is_the_one_the_rfc_defines_and_verifies(data):
    size = data.draw(st.integers(1, 130))
    old = data.draw(st.integers(1, size))
    leaves = entries(size)
    made = tree.consistency(finder(leaves), old, size)
    assert made == rfc.proof(old, leaves)
    assert rfc.verify_consistency(old, size, rfc.mth(leaves[:old]), rfc.mth(leaves), made)
    if old < size:
        assert not rfc.verify_consistency(old, size, rfc.mth(leaves[:old]), b"x" * 32, made)


@pytest.mark.parametrize(("leaf", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_no_inclusion_proof_is_made_for_a_leaf_outside_the_tree(leaf, size):
    with pytest.raises(ValueError, match="not in this tree"):
        tree.inclusion(finder(entries(4)), leaf, size)


@pytest.mark.parametrize(("old", "size"), [(0, 4), (5, 4)])
def test_no_consistency_proof_is_made_with_a_tree_that_is_not_older(old, size):
    with pytest.raises(ValueError, match="older tree"):
        tree.consistency(finder(entries(4)), old, size)


@settings(deadline=None)
@given(st.data())
def test_a_consistency_proof_is_judged_as_the_rfc_judges_it(data):
    size = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, size))
    leaves = entries(size)
    path = rfc.proof(old, leaves)
    harm = data.draw(st.sampled_from(["none", "drop", "add", "swap", "old root", "root", "old", "size"]))
    old_root, root = rfc.mth(leaves[:old]), rfc.mth(leaves)
    if harm == "drop":
        path = path[:-1]
    elif harm == "add":
        path = [*path, b"x" * 32]
    elif harm == "swap":
        path = path[::-1]
    elif harm == "old root":
        old_root = b"x" * 32
    elif harm == "root":
        root = b"x" * 32
    elif harm == "old":
        old = data.draw(st.integers(1, size))
    elif harm == "size":
        size += 1
    judged = tree.continues(old, size, old_root, root, path)
    assert judged == rfc.verify_consistency(old, size, old_root, root, path)
    if harm == "none":
        assert judged


def test_nothing_continues_an_empty_or_a_longer_tree():
    assert not tree.continues(0, 3, b"", b"", [b"x"])
    assert not tree.continues(4, 3, b"", b"", [b"x"])
