import pytest

from isthmus.ledger import frame, nodes, tree

LEAVES = []
for _number in range(700):
    LEAVES.append(frame.link(LEAVES[-1] if LEAVES else frame.ORIGIN, str(_number).encode()))


@pytest.fixture
def folder(tmp_path):
    """A log of 700 entries in three segments, with its nodes."""
    frontier, chain = tree.Frontier(), frame.ORIGIN
    kept = nodes.Nodes(tmp_path)
    for first, last in ((0, 300), (300, 520), (520, 700)):
        block = frame.write_header(frame.Header(first, 0, chain, frontier.peaks))
        for number in range(first, last):
            chain = LEAVES[number]
            block += frame.write_record(chain, str(number).encode())
        (tmp_path / f"{first:020d}.seg").write_bytes(block)
        frontier.extend(LEAVES[first:last])
        kept.add(frontier.grown)
    kept.sync()
    kept.close()
    return tmp_path


def right(level, index):
    return tree.lift(LEAVES[index << level : index + 1 << level])


@pytest.mark.parametrize(
    ("level", "index"), [(0, 0), (0, 299), (0, 300), (0, 699), (2, 75), (5, 9), (8, 0), (8, 1), (9, 0)]
)
def test_any_node_is_found(folder, level, index):
    finder = nodes.Finder(folder)
    assert finder(level, index) == right(level, index)
    assert finder(level, index) == right(level, index)


@pytest.mark.parametrize(("level", "index"), [(0, 700), (2, 175), (8, 2)])
def test_a_node_over_entries_that_do_not_exist_is_not_made_up(folder, level, index):
    with pytest.raises(LookupError):
        nodes.Finder(folder)(level, index)


def test_proofs_of_what_stayed_need_nothing_of_what_was_retired(folder):
    whole = nodes.Finder(folder)
    before = {leaf: tree.inclusion(whole, leaf, 700) for leaf in range(300, 700, 7)}
    (folder / f"{0:020d}.seg").unlink()
    finder = nodes.Finder(folder)
    assert {leaf: tree.inclusion(finder, leaf, 700) for leaf in before} == before
    with pytest.raises(LookupError):
        tree.inclusion(finder, 299, 700)
    assert finder.chain(300) == whole.chain(300) == LEAVES[299]
    assert finder.chain(301) == LEAVES[300]
    assert whole.chain(0) == frame.ORIGIN


def test_a_missing_segment_in_the_middle_is_told(folder):
    (folder / f"{300:020d}.seg").unlink()
    with pytest.raises(LookupError, match="entry 300 is gone"):
        nodes.Finder(folder)(3, 37)


def test_nodes_that_were_cut_are_known_to_be_missing(folder):
    kept = nodes.Nodes(folder)
    assert kept.cover(767)
    assert not kept.cover(768)
    kept.cut(300)
    assert kept.cover(511)
    assert not kept.cover(512)
    kept.add([(8, right(8, 1))])
    kept.sync()
    kept.close()
    assert (folder / "tree.8").read_bytes() == right(8, 0) + right(8, 1)


def test_grown_nodes_are_emptied_when_they_are_kept(tmp_path):
    kept, grown = nodes.Nodes(tmp_path), [(8, b"a" * 32), (16, b"b" * 32), (8, b"c" * 32)]
    assert nodes.replayed(grown, 8) == b"a" * 32 + b"c" * 32
    kept.add(grown)
    kept.close()
    assert grown == []
    assert (tmp_path / "tree.16").read_bytes() == b"b" * 32
