import stat
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from isthmus.ledger import checkpoint
from isthmus.ledger.checkpoint import BadCheckpointError

ROOT, CHAIN = b"r" * 32, b"c" * 32


@pytest.fixture
def signer(tmp_path):
    return checkpoint.signer(tmp_path / "ledger")


def sign(signer, size=3):
    return signer.sign(
        f"{signer.node}/w0", size, root=ROOT, chain=CHAIN, at=1_700_000_000_000, previous=checkpoint.NONE
    )


def test_a_checkpoint_reads_as_it_was_signed(signer):
    made = sign(signer)
    assert checkpoint.read(made.note) == made
    checkpoint.check(made, signer.node, signer.public)


def test_the_note_has_the_form_of_c2sp(signer):
    body, signature = sign(signer).note.decode().split("\n\n")
    origin, size, root, chain, at, previous = body.split("\n")
    assert origin == f"{signer.node}/w0"
    assert size == "3"
    assert root == b64encode(ROOT).decode()
    assert chain == f"chain {b64encode(CHAIN).decode()}"
    assert at == "at 1700000000000"
    assert previous.startswith("previous AAAA")
    assert signature.startswith(f"— {signer.node} ")
    assert signature.endswith("\n")


def test_every_changed_byte_of_a_note_is_told(signer):
    made = sign(signer)
    body = made.note.index(b"\n\n")
    for at in range(body + 1):
        changed = made.note[:at] + bytes([made.note[at] ^ 1]) + made.note[at + 1 :]
        with pytest.raises((BadCheckpointError, UnicodeDecodeError)):
            checkpoint.check(checkpoint.read(changed), signer.node, signer.public)


def test_another_nodes_signature_is_told(signer, tmp_path):
    other = checkpoint.signer(tmp_path / "other")
    with pytest.raises(BadCheckpointError, match="another key"):
        checkpoint.check(sign(signer), signer.node, other.public)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"a\nb\n\n",
        b"o\n1\nAAAA\nchain x\nat 1\nprevious x\n\n",
        b"o\n1\nr\nchian x\nat 1\nprevious x\n\n",
        b"\xff",
    ],
)
def test_what_is_no_checkpoint_is_refused(note):
    with pytest.raises(BadCheckpointError):
        checkpoint.read(note)


def test_a_file_of_notes_is_split_and_a_torn_one_is_left(signer):
    one, two = sign(signer).note, sign(signer, 4).note
    assert checkpoint.split(one + two) == ([one, two], len(one + two))
    for cut in range(1, len(two)):
        assert checkpoint.split(one + two[:cut]) == ([one], len(one))


def test_a_node_keeps_its_key_and_only_its_owner_may_read_it(tmp_path):
    first = checkpoint.signer(tmp_path / "ledger")
    again = checkpoint.signer(tmp_path / "ledger")
    assert (first.node, first.public) == (again.node, again.public)
    assert stat.S_IMODE((tmp_path / "ledger" / "node.key").stat().st_mode) == 0o600
    assert checkpoint.public_key(tmp_path / "ledger") == (first.node, first.public)
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == ["node.key", "node.pub"]


def test_two_who_make_the_key_at_once_agree(tmp_path):
    signer = checkpoint.signer(tmp_path)
    checkpoint.write_once(tmp_path / "node.key", b"mine", 0o600)
    assert checkpoint.signer(tmp_path).public == signer.public


@pytest.mark.parametrize("text", ["", "isthmus/x AAAA", "isthmus/x ?"])
def test_a_damaged_public_key_is_told(tmp_path, text):
    (tmp_path / "node.pub").write_text(text)
    with pytest.raises(BadCheckpointError, match="is damaged"):
        checkpoint.public_key(tmp_path)


def test_a_checkpoint_is_named_by_the_hash_of_its_note(signer):
    made = sign(signer)
    assert made.digest == checkpoint.digest(made.note)


@pytest.mark.parametrize("count", [0, 1, 3, 400])
@pytest.mark.parametrize("torn", [0, 90])
def test_the_last_checkpoint_is_read_from_the_end_of_its_file(signer, tmp_path, count, torn):
    notes = [sign(signer, size).note for size in range(1, count + 1)]
    path = tmp_path / "checkpoints"
    path.write_bytes(b"".join(notes) + sign(signer, 999).note[:torn])
    found, end = checkpoint.last(path)
    assert end == sum(map(len, notes))
    assert found == (checkpoint.read(notes[-1]) if notes else None)


def test_a_witness_signs_the_body_and_its_time(signer):
    made = sign(signer)
    line = signer.cosign(made.note, 1_700_000_000).decode()
    name, stamp = line.removeprefix("— ").rstrip("\n").split(" ")
    block = b64decode(stamp)
    assert name == signer.node
    assert block[:4] == checkpoint.key_id(signer.node, signer.public, b"\x04")
    assert int.from_bytes(block[4:12], "big") == 1_700_000_000
    body = made.note[: made.note.index(b"\n\n") + 1]
    Ed25519PublicKey.from_public_bytes(signer.public).verify(block[12:], b"cosignature/v1\ntime 1700000000\n" + body)


@pytest.mark.parametrize(("line", "reason"), [("?", "not one"), (None, "another node"), ("A" * 96, "another key")])
def test_a_signature_that_is_none_is_told(signer, line, reason):
    made = sign(signer)
    head = made.note[: made.note.index(b"\n\n") + 2].decode()
    note = head + ("— someone else\n" if line is None else f"— {signer.node} {line}\n")
    with pytest.raises(BadCheckpointError, match=reason):
        checkpoint.check(checkpoint.read(note.encode()), signer.node, signer.public)


def test_a_forged_signature_is_told(signer):
    made = sign(signer)
    with pytest.raises(BadCheckpointError, match="not this node's"):
        checkpoint.check(checkpoint.read(made.note.replace(b"\n3\n", b"\n4\n")), signer.node, signer.public)
