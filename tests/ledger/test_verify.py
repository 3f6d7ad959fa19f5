import itertools
import os
import random
import shutil

import pytest

from isthmus.ledger import checkpoint, frame, verify
from isthmus.ledger.logs import Logs

ROUNDS = 10_000 if os.environ.get("ISTHMUS_LONG") else 300


@pytest.fixture
def build(tmp_path, clock, make):
    """A function that writes a ledger: two writers, several segments, several checkpoints, cleanly closed."""

    def ledger(folder, rounds=6, per_round=5, **fields):
        logs = [Logs(folder, name, checkpoint.signer(folder), clock, segment_bytes=4000) for name in ("w0", "w1")]
        for at in range(rounds):
            for number, each in enumerate(logs):
                numbers = range(at * per_round + 1, (at + 1) * per_round + 1)
                each.commit([make(f"w{number}-1-{count}", **fields) for count in numbers])
            for each in reversed(logs):
                each.sign()
            clock.advance(1)
        logs[0].sign()
        for each in logs:
            each.close()
        return folder

    return ledger


@pytest.fixture
def ledger(tmp_path, build):
    return build(tmp_path / "ledger")


def reasons(folder, **options):
    return [each.reason for each in verify.verify(folder, **options).damages]


def test_a_sound_ledger_is_sound(ledger):
    heard = []
    report = verify.verify(ledger, lambda done, total: heard.append((done, total)))
    assert report.damages == []
    assert report.sound
    assert report.entries == 60
    assert report.checkpoints == 18
    assert heard[-1][0] == heard[-1][1] == report.bytes


def test_no_ledger_is_a_sound_one(tmp_path):
    assert verify.verify(tmp_path / "nothing").sound


def test_a_torn_tail_that_nobody_vouches_for_is_unfinished_and_no_damage(ledger):
    path = max((ledger / "shards" / "w0").glob("*.seg"))
    with path.open("ab") as file:
        file.write(path.read_bytes()[-30:])
    report = verify.verify(ledger)
    assert report.sound
    assert report.unfinished == 30


def test_a_ledger_that_is_being_written_is_sound(tmp_path, clock, make):
    logs = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock)
    logs.commit([make("w0-1-1")])
    assert verify.verify(tmp_path).sound
    logs.sign()
    logs.commit([make(f"w0-1-{number}") for number in range(2, 600)])
    assert verify.verify(tmp_path).sound
    logs.close()


def test_an_entry_rewritten_with_all_its_sums_is_found_by_the_checkpoint(ledger):
    path = min((ledger / "shards" / "w0").glob("*.seg"))
    block = path.read_bytes()
    header = frame.read_header(block)
    chain, forged = header.chain, block[: header.size]
    for record in frame.records(block, header.size):
        payload = record.payload.replace(b'"acme"', b'"evil"')
        chain = frame.link(chain, payload)
        forged += frame.write_record(chain, payload)
    path.write_bytes(forged)
    found = verify.verify(ledger).damages
    assert any("not what was signed" in each.reason and each.log == "w0" for each in found)


def test_a_damage_is_named_with_its_place(ledger):
    path = min((ledger / "shards" / "w1").glob("*.seg"))
    block = bytearray(path.read_bytes())
    offsets = [record.offset for record in frame.records(bytes(block), 60)]
    block[offsets[3] + 60] ^= 1
    path.write_bytes(block)
    damage = verify.verify(ledger).damages[0]
    assert (damage.log, damage.file, damage.offset, damage.number) == ("w1", path.name, offsets[3], 3)
    assert damage.after == "w1-1-3"


def cut_tail(ledger, draw):
    path = draw.choice(segments(ledger))
    block = path.read_bytes()
    path.write_bytes(block[: draw.randrange(len(block))])


def cut_whole_entries(ledger, draw):
    path = draw.choice(segments(ledger))
    block = path.read_bytes()
    offsets = [record.offset for record in frame.records(block, frame.read_header(block).size)]
    path.write_bytes(block[: draw.choice(offsets)])


def flip(ledger, draw):
    path = draw.choice([path for path in files(ledger) if path.stat().st_size])
    block = bytearray(path.read_bytes())
    block[draw.randrange(len(block))] ^= 1 << draw.randrange(8)
    path.write_bytes(block)


def remove_bytes(ledger, draw):
    path = draw.choice([path for path in files(ledger) if path.stat().st_size])
    block = path.read_bytes()
    at = draw.randrange(len(block))
    path.write_bytes(block[:at] + block[at + 1 + draw.randrange(200) :])


def delete_entry(ledger, draw):
    edit(ledger, draw, lambda pieces, at: pieces[:at] + pieces[at + 1 :])


def duplicate_entry(ledger, draw):
    edit(ledger, draw, lambda pieces, at: pieces[: at + 1] + pieces[at:])


def swap_entries(ledger, draw):
    edit(ledger, draw, lambda pieces, at: [*pieces[:-2], pieces[-1], pieces[-2]])


def swap_segments(ledger, draw):
    one, two = draw.sample(segments(ledger), 2)
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


def remove_file(ledger, draw):
    draw.choice(files(ledger)).unlink()


def remove_log(ledger, draw):
    shutil.rmtree(draw.choice([ledger / "shards" / "w0", ledger / "shards" / "w1", ledger / "node"]))


def remove_log_and_head(ledger, draw):
    name = draw.choice(["w0", "w1"])
    shutil.rmtree(ledger / "shards" / name)
    (ledger / "heads" / name).unlink()


def cut_log_back_to_an_older_state(ledger, draw):
    """Segments, checkpoints and head all go back to an earlier checkpoint: only the node's log remembers."""
    name = draw.choice(["w0", "w1"])
    place = ledger / "shards" / name
    notes, _ = checkpoint.split((place / "checkpoints").read_bytes())
    keep = draw.randrange(1, len(notes))
    (place / "checkpoints").write_bytes(b"".join(notes[:keep]))
    (ledger / "heads" / name).write_bytes(notes[keep - 1])
    size = checkpoint.read(notes[keep - 1]).size
    for path in sorted(place.glob("*.seg")):
        block = path.read_bytes()
        header = frame.read_header(block)
        ends = [record.offset for record in frame.records(block, header.size)] + [len(block)]
        if header.first >= size:
            path.unlink()
        else:
            path.write_bytes(block[: ends[min(size - header.first, len(ends) - 1)]])


def edit(ledger, draw, change):
    path = draw.choice(segments(ledger))
    block = path.read_bytes()
    start = frame.read_header(block).size
    ends = [record.offset for record in frame.records(block, start)] + [len(block)]
    pieces = [block[one:two] for one, two in itertools.pairwise(ends)]
    if len(pieces) < 2:
        pieces = [*pieces, b"".join(pieces)]
    path.write_bytes(block[:start] + b"".join(change(pieces, draw.randrange(len(pieces)))))


def segments(ledger):
    return [path for path in sorted(ledger.rglob("*.seg")) if path.stat().st_size > frame.header_size(int(path.stem))]


def files(ledger):
    """Every file whose bytes the ledger vouches for: the lock counts openings, and the secret key vouches itself."""
    return [
        path
        for path in sorted(ledger.rglob("*"))
        if path.is_file() and path.name not in ("lock", "node.key") and path.stat().st_size
    ]


HARMS = (
    cut_tail,
    cut_whole_entries,
    flip,
    remove_bytes,
    delete_entry,
    duplicate_entry,
    swap_entries,
    swap_segments,
    remove_file,
    remove_log,
    remove_log_and_head,
    cut_log_back_to_an_older_state,
)


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_every_random_harm_is_found(ledger, tmp_path, harm):
    before = {path.relative_to(ledger): path.read_bytes() for path in ledger.rglob("*") if path.is_file()}
    for seed in range(-(-ROUNDS // len(HARMS))):
        for path, block in before.items():
            (ledger / path).parent.mkdir(parents=True, exist_ok=True)
            (ledger / path).write_bytes(block)
        harm(ledger, random.Random(seed))
        after = {path.relative_to(ledger): path.read_bytes() for path in ledger.rglob("*") if path.is_file()}
        if after == before:
            continue
        report = verify.verify(ledger)
        assert report.damages, (harm.__name__, seed)
        assert all(each.file and each.reason for each in report.damages)


def test_a_witness_shows_that_the_whole_ledger_was_made_again(build, tmp_path):
    old = build(tmp_path / "ledger")
    kept = (old / "CHECKPOINT").read_bytes()
    assert verify.verify(old, witness=kept).sound
    for name in ("shards", "heads", "node"):
        shutil.rmtree(old / name)
    (old / "CHECKPOINT").unlink()
    build(old, tenant="evil")
    assert verify.verify(old).sound
    assert "the witness saw another log" in reasons(old, witness=kept)


def test_a_witness_that_saw_more_than_is_there_is_believed(ledger, build, tmp_path):
    longer = tmp_path / "longer"
    shutil.copytree(ledger, longer)
    build(longer, rounds=2)
    kept = (longer / "CHECKPOINT").read_bytes()
    assert any("are gone" in reason for reason in reasons(ledger, witness=kept))


def test_a_witness_of_another_node_is_none(ledger, build, tmp_path):
    other = build(tmp_path / "other")
    assert reasons(ledger, witness=(other / "CHECKPOINT").read_bytes()) == ["the checkpoint is another node's"]
    assert reasons(ledger, witness=b"nothing") == ["the note is not a checkpoint"]


def test_a_missing_or_damaged_public_key_is_told(ledger):
    (ledger / "node.pub").write_bytes(b"?")
    assert reasons(ledger) == ["node.pub is damaged"]
    (ledger / "node.pub").unlink()
    assert reasons(ledger) == ["the node's public key is gone"]


def test_only_what_is_younger_is_scanned_when_asked(ledger, clock):
    whole = verify.verify(ledger)
    some = verify.verify(ledger, since=clock.epoch_ms())
    assert some.sound
    assert 0 < some.entries < whole.entries


def test_processes_share_the_work_of_a_large_ledger(ledger, monkeypatch):
    monkeypatch.setattr(verify, "PARALLEL", 0)
    alone, shared = verify.verify(ledger), verify.verify(ledger, jobs=2)
    assert (alone.entries, alone.bytes, alone.damages) == (shared.entries, shared.bytes, shared.damages)


def test_retired_segments_are_not_missed_but_deleted_ones_are(tmp_path, clock, make):
    logs = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock)
    for day in range(4):
        logs.commit([make(f"w0-1-{day}", keep_max=2)])
        logs.sign()
        logs.retire(lambda: "w0-1-99")
        clock.advance(86_400)
    logs.close()
    assert reasons(tmp_path) == []
    paths = sorted((tmp_path / "shards" / "w0_0_2").glob("*.seg"))
    assert int(paths[0].stem) > 0
    paths[0].unlink()
    assert any("no entry retired them" in reason for reason in reasons(tmp_path))


def test_a_damaged_header_is_named_and_the_segments_after_it_are_still_checked(ledger):
    paths = sorted((ledger / "shards" / "w0").glob("*.seg"))
    for path in (paths[0], paths[-1]):
        block = bytearray(path.read_bytes())
        block[20] ^= 1
        path.write_bytes(block)
    found = verify.verify(ledger, since=1).damages
    assert [(each.file, each.reason) for each in found if each.file.endswith(".seg")] == [
        (paths[0].name, "the header is damaged"),
        (paths[-1].name, "the header is damaged"),
    ]


def test_a_segment_under_another_name_is_told(ledger):
    path = sorted((ledger / "shards" / "w0").glob("*.seg"))[1]
    path.rename(path.with_name(f"{int(path.stem) + 1:020d}.seg"))
    assert "its name is not the number of its first entry" in reasons(ledger)


def test_a_second_copy_that_is_old_or_unsigned_is_told(ledger):
    notes, _ = checkpoint.split((ledger / "shards" / "w0" / "checkpoints").read_bytes())
    head = ledger / "heads" / "w0"
    head.write_bytes(notes[0])
    assert reasons(ledger) == ["the second copy of the last checkpoint is an old one"]
    head.write_bytes(notes[-1].replace(b"\nat 1", b"\nat 2"))
    assert reasons(ledger) == ["the checkpoint's signature is not this node's"]
