import errno
import os
import shutil

import pytest

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, disk, frame
from isthmus.ledger.shard import Shard


@pytest.fixture
def house(tmp_path, clock):
    return House(tmp_path, clock)


class House:
    """A folder with one log, opened as often as a test likes."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.log = folder / "log"
        self.head = folder / "heads" / "log"
        self.signer = checkpoint.signer(folder)

    def open(self, **options):
        return Shard(self.log, self.head, self.signer, self.clock, origin="o", **options)

    def payloads(self):
        found = []
        for path in sorted(self.log.glob("*.seg")):
            block = path.read_bytes()
            found += frame.payloads(block, frame.read_header(block).size, 0)
        return found


def names(count, start=0):
    return [f"entry {number}".encode() for number in range(start, start + count)]


def test_what_is_written_is_there_after_opening_again(house):
    log = house.open()
    log.write(names(3))
    log.write(names(2, 3))
    log.close()
    again = house.open()
    assert (again.size, again.cut) == (5, 0)
    again.write(names(1, 5))
    again.close()
    assert house.payloads() == names(6)


def test_every_opening_has_its_own_number(house):
    boots = []
    for _ in range(3):
        log = house.open()
        boots.append(log.boot)
        log.close()
    assert boots == [1, 2, 3]


def test_a_second_writer_is_refused(house):
    log = house.open()
    with pytest.raises(Refusal) as refusal:
        house.open()
    assert refusal.value.code == "ledger_busy"
    log.close()
    house.open().close()


def test_a_checkpoint_is_signed_once_for_each_state_and_names_the_one_before(house):
    log = house.open()
    assert log.checkpoint() is None
    log.write(names(3))
    first = log.checkpoint()
    assert log.checkpoint() is None
    log.write(names(1))
    second = log.checkpoint()
    log.close()
    assert (first.size, first.previous) == (3, checkpoint.NONE)
    assert (second.size, second.previous) == (4, first.digest)
    assert house.head.read_bytes() == second.note
    assert (house.log / "checkpoints").read_bytes() == first.note + second.note
    checkpoint.check(second, house.signer.node, house.signer.public)


def test_segments_turn_when_they_are_full_and_carry_chain_and_peaks_over(house):
    log = house.open(segment_bytes=200)
    for number in range(5):
        log.write(names(3, number * 3))
    log.checkpoint()
    log.close()
    assert len(list(house.log.glob("*.seg"))) > 2
    assert house.payloads() == names(15)
    again = house.open()
    assert again.size == 15
    again.close()


def test_segments_turn_after_a_day_but_not_when_they_are_empty(house):
    log = house.open()
    house.clock.advance(90_000)
    log.write(names(1))
    assert len(list(house.log.glob("*.seg"))) == 1
    log.write(names(1))
    log.close()
    assert len(list(house.log.glob("*.seg"))) == 2


def test_the_last_segment_cut_at_every_byte_keeps_all_that_is_vouched_for(house, tmp_path):
    log = house.open()
    log.write(names(2))
    log.checkpoint()
    vouched = (house.log / f"{0:020d}.seg").stat().st_size
    log.write(names(3, 2))
    log.close()
    path = house.log / f"{0:020d}.seg"
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        if cut < vouched:
            with pytest.raises(Refusal) as refusal:
                house.open()
            assert refusal.value.code == "data_damaged"
            continue
        again = house.open()
        kept = again.size
        assert again.cut == cut - path.stat().st_size
        again.write([b"next"])
        again.close()
        assert house.payloads() == [*names(kept), b"next"]
        assert kept == 2 + sum(cut >= vouched + (frame.RECORD_SIZE + 7) * each for each in (1, 2, 3))


@pytest.mark.parametrize("entries", [0, 3])
def test_a_header_torn_while_a_segment_was_begun_is_removed(house, entries):
    log = house.open()
    if entries:
        log.write(names(entries))
        log.checkpoint()
        log.rotate()
    log.close()
    path = max(house.log.glob("*.seg"))
    whole = path.read_bytes()
    for torn in (b"", whole[:7], whole[:-1], bytes(len(whole))):
        path.write_bytes(torn)
        again = house.open()
        assert (again.size, again.cut) == (entries, len(torn))
        again.close()
        if entries:
            assert not path.exists()
            path.write_bytes(whole)


def test_a_damaged_header_with_entries_behind_it_is_not_removed(house):
    log = house.open()
    log.write(names(3))
    log.close()
    path = house.log / f"{0:020d}.seg"
    block = bytearray(path.read_bytes())
    block[9] ^= 1
    path.write_bytes(block)
    with pytest.raises(Refusal, match="data_damaged"):
        house.open()
    assert path.read_bytes() == block


def test_a_changed_entry_that_a_checkpoint_vouches_for_stops_the_opening(house):
    log = house.open()
    log.write(names(3))
    log.checkpoint()
    log.close()
    path = house.log / f"{0:020d}.seg"
    chain, block = frame.ORIGIN, path.read_bytes()[:60]
    for payload in (b"entry 0", b"changed", b"entry 2"):
        chain = frame.link(chain, payload)
        block += frame.write_record(chain, payload)
    path.write_bytes(block)
    with pytest.raises(Refusal) as refusal:
        house.open()
    assert "not what the checkpoint signed" in refusal.value.sentence()


def test_an_entry_that_breaks_the_chain_is_never_taken_for_a_torn_one(house):
    log = house.open()
    log.write(names(2))
    log.close()
    path = house.log / f"{0:020d}.seg"
    path.write_bytes(path.read_bytes() + frame.write_record(b"x" * 32, b"entry 2"))
    with pytest.raises(Refusal) as refusal:
        house.open()
    assert "does not fit the chain" in refusal.value.sentence()


def test_segments_that_are_gone_are_missed(house):
    log = house.open()
    log.write(names(3))
    log.checkpoint()
    log.close()
    (house.log / f"{0:020d}.seg").unlink()
    with pytest.raises(Refusal, match="data_damaged"):
        house.open()


def test_a_log_that_is_gone_is_missed_because_its_head_stands_elsewhere(house):
    log = house.open()
    log.write(names(3))
    log.checkpoint()
    log.close()
    shutil.rmtree(house.log)
    with pytest.raises(Refusal, match="data_damaged"):
        house.open()


def test_a_torn_checkpoint_is_cut_and_the_next_one_follows_the_last_whole_one(house):
    log = house.open()
    log.write(names(1))
    first = log.checkpoint()
    log.close()
    with (house.log / "checkpoints").open("ab") as file:
        file.write(first.note[:100])
    again = house.open()
    again.write(names(1))
    assert again.checkpoint().previous == first.digest
    again.close()
    assert len(checkpoint.split((house.log / "checkpoints").read_bytes())[0]) == 2


@pytest.mark.parametrize("head", [b"", bytes(300)])
def test_a_second_copy_that_a_power_cut_emptied_is_written_again(house, head):
    log = house.open()
    log.write(names(1))
    made = log.checkpoint()
    log.close()
    house.head.write_bytes(head)
    house.open().close()
    assert house.head.read_bytes() == made.note


def test_a_checkpoint_that_this_node_did_not_sign_stops_the_opening(house):
    log = house.open()
    log.write(names(1))
    made = log.checkpoint()
    log.close()
    (house.log / "checkpoints").write_bytes(made.note.replace(b"\n1\n", b"\n2\n"))
    with pytest.raises(Refusal, match="data_damaged"):
        house.open()


def test_stored_nodes_that_are_missing_are_made_again(house):
    log = house.open(segment_bytes=20_000)
    for _ in range(6):
        log.write(names(200))
    log.checkpoint()
    log.close()
    stored = (house.log / "tree.8").read_bytes()
    assert len(stored) == 4 * 32
    for cut in (0, 33, len(stored)):
        (house.log / "tree.8").write_bytes(stored[:cut])
        house.open().close()
        assert (house.log / "tree.8").read_bytes() == stored


def test_old_segments_go_and_the_log_still_opens(house):
    log = house.open()
    assert log.older_than(house.clock.epoch_ms() + 1) is None
    for day in range(3):
        log.write(names(2, day * 2))
        house.clock.advance(100_000)
    limit = house.clock.epoch_ms() - 150_000 * 1000
    stay = log.older_than(limit)
    assert stay.first == 4
    log.drop(stay.first)
    log.checkpoint()
    log.close()
    assert house.payloads() == names(2, 4)
    again = house.open()
    assert again.size == 6
    again.close()


def test_the_current_segment_is_ended_when_it_is_too_old_itself(house):
    log = house.open()
    log.write(names(2))
    house.clock.advance(1000)
    assert log.older_than(house.clock.epoch_ms()).first == 2
    assert log.older_than(house.clock.epoch_ms() - 2_000_000) is None
    log.close()


def test_a_disk_that_refuses_is_heard(house, monkeypatch):
    log = house.open()

    def refuse(descriptor, data):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(disk, "write_durably", refuse)
    with pytest.raises(OSError, match="Input/output"):
        log.write(names(1))
    with pytest.raises(OSError, match="Input/output"):
        log.rotate()
    monkeypatch.undo()
    log.close()


def test_a_short_write_goes_on(house, monkeypatch):
    log = house.open()
    write = os.pwritev
    monkeypatch.setattr(disk.os, "pwritev", lambda descriptor, views, *rest: write(descriptor, [views[0][:5]], *rest))
    log.write(names(2))
    monkeypatch.undo()
    log.close()
    assert house.payloads() == names(2)


def test_a_second_copy_never_falls_behind_by_more_than_the_one_kill(house):
    log = house.open()
    log.write(names(1))
    log.checkpoint()
    for _ in range(3):
        log.write(names(1))
        before = house.head.read_bytes()
        made = log.checkpoint()
        log.close()
        house.head.write_bytes(before)  # killed after the first place was written
        log = house.open()
        assert house.head.read_bytes() == made.note
    log.close()
