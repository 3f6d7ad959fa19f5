import pytest

from isthmus.ledger import frame
from isthmus.ledger.receipt import Retired, encode
from isthmus.ledger.scan import Wish, scan
from isthmus.ledger.tree import Frontier


@pytest.fixture
def write(tmp_path):
    """A function that writes payloads as a segment and gives its path."""

    def segment(payloads, first=0, peaks=()):
        chain = frame.ORIGIN
        block = frame.write_header(frame.Header(first, 7, chain, peaks))
        for payload in payloads:
            chain = frame.link(chain, payload)
            block += frame.write_record(chain, payload)
        path = tmp_path / f"{first:020d}.seg"
        path.write_bytes(block)
        return path

    return segment


def entries(make, count):
    return [encode(make(f"w0-1-{number}")) for number in range(count)]


def test_a_sound_segment_gives_its_end_and_the_heads_that_were_asked_for(write, make):
    payloads = entries(make, 300)
    found = scan(Wish(write(payloads), frozenset((0, 2, 300, 301)), "entry"))
    tree = Frontier()
    chain = frame.ORIGIN
    for payload in payloads:
        chain = frame.link(chain, payload)
        tree.append(chain)
    assert found.broken is None
    assert (found.size, found.peaks, found.last_id) == (300, tree.peaks, "w0-1-299")
    assert sorted(found.heads) == [0, 2, 300]
    assert found.heads[300] == (tree.root(), found.chain)
    assert list(found.grown) == tree.grown
    assert len(found.grown) == 1


def test_a_cut_segment_is_torn_after_its_last_whole_entry(write, make):
    path = write(entries(make, 3))
    path.write_bytes(path.read_bytes()[:-1])
    found = scan(Wish(path, frozenset(), "entry"))
    assert (found.size, found.last_id, found.broken.torn) == (2, "w0-1-1", True)


@pytest.mark.parametrize("block", [b"", bytes(60)])
def test_a_header_that_is_not_whole_is_torn(tmp_path, block):
    path = tmp_path / f"{0:020d}.seg"
    path.write_bytes(block)
    found = scan(Wish(path, frozenset(), "entry"))
    assert found.header is None
    assert found.broken.torn


def test_a_damaged_header_with_more_behind_it_is_not_torn(tmp_path):
    path = tmp_path / "odd.seg"
    path.write_bytes(bytes(61))
    found = scan(Wish(path, frozenset(), "entry"))
    assert not found.broken.torn


def test_a_broken_chain_is_not_torn(write, make):
    path = write(entries(make, 2))
    path.write_bytes(path.read_bytes() + frame.write_record(b"x" * 32, encode(make("w0-1-9"))))
    found = scan(Wish(path, frozenset(), "entry"))
    assert (found.size, found.broken.torn) == (2, False)
    assert "chain" in found.broken.reason


def test_what_is_no_entry_is_named(write, make):
    found = scan(Wish(write([*entries(make, 1), b"{}"]), frozenset(), "entry"))
    assert (found.size, found.last_id) == (1, "w0-1-0")
    assert "no entry" in found.broken.reason


def test_retirements_and_checkpoints_are_handed_on(write, make):
    found = scan(Wish(write([encode(Retired("w0-1-1", 1, 40, "ab", 30))]), frozenset(), "entry"))
    assert found.retired == {40: "ab"}
    found = scan(Wish(write([b"isthmus/n/w0\n1\n", b"isthmus/n/w1\n1\n"]), frozenset(), "checkpoint"))
    assert found.known == {"w0": {b"isthmus/n/w0\n1\n": 0}, "w1": {b"isthmus/n/w1\n1\n": 1}}
