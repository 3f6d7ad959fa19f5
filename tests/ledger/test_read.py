import pytest

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, read
from isthmus.ledger.logs import Logs


@pytest.fixture
def logs(tmp_path, clock):
    opened = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock, segment_bytes=2000)
    yield opened
    opened.close()


def test_an_entry_is_found_by_its_id_in_whichever_segment_it_lies(tmp_path, logs, make, clock):
    names = [f"w0-1-{number}" for number in range(1, 41)]
    for at in range(0, 40, 2):
        logs.commit([make(name, us_whole=at) for name in names[at : at + 2]])
        clock.advance(4000)
    assert len(read.segments(tmp_path, "w0")) > 5
    assert [read.find(tmp_path, name).id for name in names] == names
    place, payload = read.locate(tmp_path, "w0-1-40")
    assert place.number == 39
    assert place.shard == "w0"
    assert payload in (tmp_path / "shards" / "w0" / place.segment).read_bytes()[place.offset :]


def test_an_entry_written_long_after_its_id_was_given_is_found(tmp_path, logs, make, clock):
    for number in range(2, 30):
        logs.commit([make(f"w0-1-{number}")])
        clock.advance(60)
    logs.commit([make("w0-1-1")])
    assert read.find(tmp_path, "w0-1-1").id == "w0-1-1"


def test_an_entry_is_found_whatever_its_span(tmp_path, logs, make):
    logs.commit([make("w0-1-1"), make("w0-1-2", keep_max=30)])
    assert read.find(tmp_path, "w0-1-2").keep_max == 30


def test_ids_of_a_later_opening_are_found_too(tmp_path, logs, make, clock):
    logs.commit([make("w0-1-5")])
    logs.commit([make("w0-2-1")])
    clock.advance(10)
    assert read.find(tmp_path, "w0-2-1").id == "w0-2-1"
    assert read.find(tmp_path, "w0-1-5").id == "w0-1-5"


@pytest.mark.parametrize(
    "name", ["", "w0", "w0-1-", "w0-1-99", "w0-1-x", "w1-1-1", "../x-1-1", "w0-1-١", "w0-1-1" + "0" * 70, "w0-0-1"]
)
def test_what_is_not_there_is_not_found(tmp_path, logs, make, name):
    logs.commit([make("w0-1-1"), make("w0-1-2")])
    with pytest.raises(Refusal) as refusal:
        read.find(tmp_path, name)
    assert refusal.value.code == "unknown_receipt"


def test_an_empty_folder_has_nothing(tmp_path):
    assert list(read.iterate(tmp_path)) == []
    (tmp_path / "shards" / "w0").mkdir(parents=True)
    with pytest.raises(Refusal, match="unknown_receipt"):
        read.find(tmp_path, "w0-1-1")


def test_an_id_that_stands_inside_another_entry_is_not_mistaken_for_it(tmp_path, logs, make):
    logs.commit([make("w0-1-1", tenant='"id":"w0-1-2"')])
    with pytest.raises(Refusal, match="unknown_receipt"):
        read.find(tmp_path, "w0-1-2")


def test_entries_come_in_order_and_a_damaged_segment_ends_at_its_damage(tmp_path, logs, make):
    logs.commit([make(f"w0-1-{number}") for number in range(3)])
    assert [entry.id for entry in read.iterate(tmp_path)] == ["w0-1-0", "w0-1-1", "w0-1-2"]
    path = read.segments(tmp_path, "w0")[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert [entry.id for entry in read.iterate(tmp_path)] == ["w0-1-0", "w0-1-1"]


def test_a_segment_without_a_whole_header_or_entry_is_passed_over(tmp_path, logs, make):
    logs.commit([make("w0-1-1")])
    (tmp_path / "shards" / "w0" / f"{5:020d}.seg").write_bytes(b"torn")
    assert read.find(tmp_path, "w0-1-1").id == "w0-1-1"
