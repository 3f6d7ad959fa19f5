import pytest

from isthmus.ledger import checkpoint, follow
from isthmus.ledger.follow import Follower
from isthmus.ledger.logs import Logs
from isthmus.ledger.receipt import decode


@pytest.fixture
def logs(tmp_path, clock):
    opened = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock, segment_bytes=2000)
    yield opened
    opened.close()


def ids(payloads):
    return [decode(payload).id for payload in payloads]


def test_what_was_there_is_passed_over_and_what_comes_is_given_once(tmp_path, logs, make):
    logs.commit([make("w0-1-1"), make("w0-1-2")])
    follower = Follower(tmp_path)
    assert list(follower.look()) == []
    logs.commit([make("w0-1-3")])
    assert ids(follower.look()) == ["w0-1-3"]
    assert list(follower.look()) == []


def test_it_goes_on_over_the_end_of_a_segment(tmp_path, logs, make):
    follower = Follower(tmp_path)
    names = [f"w0-1-{number}" for number in range(1, 41)]
    for name in names:
        logs.commit([make(name)])
    assert ids(follower.look()) == names


def test_a_log_that_begins_later_is_read_from_its_beginning(tmp_path, logs, make):
    follower = Follower(tmp_path)
    logs.commit([make("w0-1-1", keep_max=30)])
    assert ids(follower.look()) == ["w0-1-1"]


def test_half_a_record_is_given_whole_by_the_next_look(tmp_path, logs, make):
    follower = Follower(tmp_path)
    logs.commit([make("w0-1-1")])
    path = max((tmp_path / "shards" / "w0").glob("*.seg"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert list(follower.look()) == []
    path.write_bytes(whole)
    assert ids(follower.look()) == ["w0-1-1"]


def test_a_look_reads_so_many_bytes_and_the_next_goes_on_there(tmp_path, logs, make, monkeypatch):
    monkeypatch.setattr(follow, "LOOK", 1500)
    follower = Follower(tmp_path)
    names = [f"w0-1-{number}" for number in range(1, 31)]
    for name in names:
        logs.commit([make(name)])
    looks = [ids(follower.look()) for _ in range(20)]
    assert len(looks[0]) < len(names)
    assert [name for look in looks for name in look] == names
    assert follower.skipped == 0


def test_who_is_too_far_behind_goes_on_at_the_newest_segment_and_says_so(tmp_path, logs, make, monkeypatch):
    monkeypatch.setattr(follow, "LOOK", 500)
    follower = Follower(tmp_path)
    for number in range(1, 61):
        logs.commit([make(f"w0-1-{number}")])
    seen = ids(follower.look())
    assert follower.skipped > 0
    assert "w0-1-1" not in seen
    while fresh := ids(follower.look()):
        seen += fresh
    assert seen[-1] == "w0-1-60"
