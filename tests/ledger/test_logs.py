import msgspec
import pytest

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, read
from isthmus.ledger.logs import DAY, Logs, Node
from isthmus.ledger.receipt import Retired, decode


@pytest.fixture
def signer(tmp_path):
    return checkpoint.signer(tmp_path)


@pytest.fixture
def open_logs(tmp_path, signer, clock):
    return lambda name="w0": Logs(tmp_path, name, signer, clock)


def ids(folder, log):
    return [decode(payload).id for path in read.segments(folder, log) for _, payload in read.payloads(path)]


def test_entries_with_another_span_lie_in_another_log(tmp_path, open_logs, make):
    logs = open_logs()
    logs.commit([make("a"), make("b", keep_min=186), make("c", keep_max=30), make("d", keep_min=186)])
    logs.close()
    assert read.shards(tmp_path) == ["w0", "w0_0_30", "w0_186_0"]
    assert ids(tmp_path, "w0") == ["a"]
    assert ids(tmp_path, "w0_186_0") == ["b", "d"]
    again = open_logs()
    again.commit([make("e", keep_max=30)])
    again.close()
    assert ids(tmp_path, "w0_0_30") == ["c", "e"]


def test_the_nodes_log_holds_every_shards_last_checkpoint(tmp_path, open_logs, make, signer):
    logs = open_logs()
    logs.commit([make("a"), make("b", keep_max=30)])
    logs.sign()
    logs.sign()
    logs.close()
    heads = {path.name: path.read_bytes() for path in (tmp_path / "heads").iterdir()}
    notes = [note for path in (tmp_path / "node").glob("*.seg") for _, note in read.payloads(path)]
    assert sorted(notes) == sorted(heads.values())
    last = checkpoint.read((tmp_path / "CHECKPOINT").read_bytes())
    assert (last.origin, last.size) == (signer.node, 2)


def test_one_process_keeps_the_nodes_log_and_another_takes_over_when_it_ends(tmp_path, open_logs, make):
    one, two = open_logs("w0"), open_logs("w1")
    two.commit([make("a")])
    two.sign()
    assert not (tmp_path / "CHECKPOINT").exists()
    one.sign()
    assert checkpoint.read((tmp_path / "CHECKPOINT").read_bytes()).size == 1
    one.close()
    two.commit([make("b")])
    two.sign()
    two.close()
    assert checkpoint.read((tmp_path / "CHECKPOINT").read_bytes()).size == 2


def test_a_checkpoint_is_not_entered_again_after_an_opening(tmp_path, open_logs, make):
    for _ in range(3):
        logs = open_logs()
        if not (tmp_path / "CHECKPOINT").exists():
            logs.commit([make("a")])
        logs.sign()
        logs.close()
    assert checkpoint.read((tmp_path / "CHECKPOINT").read_bytes()).size == 1


def test_a_damaged_nodes_log_is_told_and_lets_go_of_everything(tmp_path, open_logs, make, signer, clock):
    logs = open_logs()
    logs.commit([make("a")])
    logs.sign()
    logs.close()
    path = next((tmp_path / "node").glob("*.seg"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(Refusal, match="data_damaged"):
        open_logs()
    path.write_bytes(whole)
    open_logs().close()
    Node(tmp_path, signer, clock).close()


def test_what_reached_the_laws_limit_is_deleted_and_an_entry_says_so(tmp_path, open_logs, make, clock):
    logs = open_logs()
    numbers = iter(range(100))
    next_id = lambda: f"w0-1-{next(numbers)}"  # noqa: E731
    for day in range(40):
        logs.commit([make(f"day {day}", keep_max=30), make(f"kept {day}", keep_min=30)])
        logs.sign()
        logs.retire(next_id)
        clock.advance(86_400)
    logs.close()
    kept = ids(tmp_path, "w0_0_30")
    assert kept[0] == "day 9"
    assert [name for name in kept if name.startswith("day")] == [f"day {day}" for day in range(9, 40)]
    assert len(ids(tmp_path, "w0_30_0")) == 40
    retired = [
        entry
        for path in read.segments(tmp_path, "w0_0_30")
        for _, payload in read.payloads(path)
        if isinstance(entry := decode(payload), Retired)
    ]
    assert retired
    assert retired[-1].until == int(read.segments(tmp_path, "w0_0_30")[0].stem)
    assert retired[-1].days == 30


def test_a_minimum_is_kept_even_where_the_maximum_is_the_same(tmp_path, open_logs, make, clock):
    logs = open_logs()
    logs.commit([make("a", keep_min=2, keep_max=2)])
    clock.advance(2.5 * DAY / 1000)
    logs.retire(lambda: "x")
    assert ids(tmp_path, "w0_2_2") == ["a"]
    clock.advance(DAY / 1000)
    logs.retire(lambda: "y")
    logs.close()
    assert ids(tmp_path, "w0_2_2") == ["y"]


def test_retention_looks_once_an_hour(tmp_path, open_logs, make, clock):
    logs = open_logs()
    logs.retire(lambda: "x")
    logs.commit([make("a", keep_max=1)])
    clock.advance(3 * DAY / 1000)
    logs.retire(lambda: "first")
    logs.commit([make("b", keep_max=1)])
    logs._clock = Frozen(clock.monotonic() + 10, clock.epoch_ms() + 5 * DAY)
    logs.retire(lambda: "too soon")
    logs.close()
    assert ids(tmp_path, "w0_0_1") == ["first", "b"]


class Frozen(msgspec.Struct):
    seconds: float
    ms: int

    def monotonic(self):
        return self.seconds

    def epoch_ms(self):
        return self.ms


def test_the_cut_bytes_of_all_logs_are_counted(tmp_path, open_logs, make):
    logs = open_logs()
    logs.commit([make("a"), make("b", keep_max=30)])
    logs.close()
    for path in (tmp_path / "shards").glob("*/*.seg"):
        with path.open("ab") as file:
            file.write(b"torn")
    again = open_logs()
    assert again.cut == 8
    again.close()


def test_a_quiet_log_is_signed_less_often_than_a_busy_one(tmp_path, clock, make, signer):
    logs = Logs(tmp_path, "w0", signer, clock)

    def signed(count):
        logs.commit([make(f"id-{each}") for each in range(count)])
        logs.sign(only_due=True)
        return len(checkpoint.split((tmp_path / "shards" / "w0" / "checkpoints").read_bytes())[0])

    assert [signed(1), signed(1), signed(14), signed(2)] == [1, 1, 1, 2]
    clock.advance(5)
    assert signed(1) == 3
    node = (tmp_path / "CHECKPOINT").read_bytes()
    logs.commit([make("last")])
    logs.sign(only_due=True)
    assert (tmp_path / "CHECKPOINT").read_bytes() == node
    clock.advance(10)
    logs.sign(only_due=True)
    assert (tmp_path / "CHECKPOINT").read_bytes() != node
    logs.close()
