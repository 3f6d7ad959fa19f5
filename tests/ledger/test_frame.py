import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.ledger import frame


def segment(payloads, first=0, peaks=()):
    chain = frame.ORIGIN
    block = frame.write_header(frame.Header(first, 7, chain, peaks))
    for payload in payloads:
        chain = frame.link(chain, payload)
        block += frame.write_record(chain, payload)
    return block


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 7))
def test_what_was_written_is_read(payloads, first):
    peaks = tuple(bytes([at]) * 32 for at in range(first.bit_count()))
    block = segment(payloads, first, peaks)
    header = frame.read_header(block)
    assert header == frame.Header(first, 7, frame.ORIGIN, peaks)
    assert [record.payload for record in frame.records(block, header.size)] == payloads
    assert list(frame.payloads(block, header.size, 0)) == payloads


def test_a_segment_cut_anywhere_ends_with_its_last_whole_record():
    block = segment([b"one", b"two", b"three"])
    ends = [record.offset for record in frame.records(block, 60)] + [len(block)]
    for cut in range(60, len(block)):
        if cut in ends:
            whole = [record.payload for record in frame.records(block[:cut], 60)]
        else:
            whole = list(frame.payloads(block[:cut], 60, 0))
            with pytest.raises(frame.BrokenSegmentError) as broken:
                list(frame.records(block[:cut], 60))
            assert broken.value.damage.offset == max(end for end in ends if end < cut)
        assert whole == [b"one", b"two", b"three"][: sum(end <= cut for end in ends[1:])]
        assert list(frame.payloads(block[:cut], 60, 0)) == whole


@pytest.mark.parametrize("cut", [0, 1, 59, 60, 91])
def test_a_cut_header_is_told(cut):
    block = segment([b"one"], first=1, peaks=(b"p" * 32,))
    with pytest.raises(frame.BrokenSegmentError, match="cut"):
        frame.read_header(block[:cut])


def test_every_flipped_bit_of_a_header_is_told():
    block = segment([], first=3, peaks=(b"p" * 32, b"q" * 32))
    for at in range(len(block) * 8):
        flipped = bytearray(block)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(frame.BrokenSegmentError):
            frame.read_header(bytes(flipped))


def test_every_flipped_bit_of_a_record_is_told():
    block = segment([b"payload"])
    for at in range(60 * 8, len(block) * 8):
        flipped = bytearray(block)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(frame.BrokenSegmentError):
            list(frame.records(bytes(flipped), 60))


def test_an_impossible_length_is_not_believed():
    block = segment([]) + b"\x7f" + bytes(39) + bytes(100)
    with pytest.raises(frame.BrokenSegmentError, match="impossible length"):
        list(frame.records(block, 60))


def test_payloads_can_be_skipped():
    block = segment([b"one", b"two", b"three"])
    assert list(frame.payloads(block, 60, 2)) == [b"three"]
    assert list(frame.payloads(block, 60, 3)) == []


def test_a_search_finds_the_records_that_hold_a_word():
    block = segment([b"one", b"twenty-one", b"three", b"one hundred"])
    hits = list(frame.search(block, 60, b"one"))
    assert [(hit.number, hit.payload) for hit in hits] == [(0, b"one"), (1, b"twenty-one"), (3, b"one hundred")]
    assert [hit.offset for hit in hits] == [
        record.offset for record in frame.records(block, 60) if b"one" in record.payload
    ]
    assert list(frame.search(block, 60, b"four")) == []


def test_a_search_stops_where_the_segment_stops_being_one():
    block = segment([b"one", b"two"])
    assert list(frame.search(block[:-1], 60, b"tw")) == []
    assert list(frame.search(block + b"five", 60, b"five")) == []
    assert [hit.payload for hit in frame.search(block + b"one", 60, b"one")] == [b"one"]
    assert list(frame.search(block[:-9] + b"nine" + block[-5:], 60, b"two")) == []


def test_a_word_in_a_hash_is_not_taken_for_one_in_a_payload():
    block = segment([b"one", b"two"])
    chain = next(frame.records(block, 60)).chain
    assert list(frame.search(block, 60, chain[:6])) == []


def test_the_last_record_that_holds_a_word_is_found():
    block = segment([b"one", b"twenty-one", b"three"])
    hit = frame.search_last(block, 60, len(block), b"one")
    assert (hit.number, hit.payload) == (1, b"twenty-one")
    assert frame.search_last(block, 60, hit.offset, b"one").number == 0
    assert frame.search_last(block, 60, len(block), b"four") is None
    assert frame.search_last(block[:-9] + b"nine" + block[-5:], 60, len(block), b"three") is None
