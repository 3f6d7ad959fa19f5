import importlib.util
from base64 import b64decode
from pathlib import Path

import pytest

from isthmus.core.errors import Refusal
from isthmus.ledger import checkpoint, proof
from isthmus.ledger.logs import Logs

_spec = importlib.util.spec_from_file_location("rfc9162", Path(__file__).with_name("rfc9162.py"))
rfc = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(rfc)


@pytest.fixture
def logs(tmp_path, clock):
    opened = Logs(tmp_path, "w0", checkpoint.signer(tmp_path), clock, segment_bytes=20_000)
    yield opened
    opened.close()


def stated(note):
    """Size and root that a note states, read from its lines alone."""
    lines = note.split("\n")
    return int(lines[1]), b64decode(lines[2])


def holds(step, data):
    size, root = stated(step.checkpoint)
    data = bytes.fromhex(step.chain) + data
    assert step.leaf == rfc.leaf_hash(data).hex()
    return rfc.verify_inclusion(
        rfc.leaf_hash(data), step.number, size, [bytes.fromhex(each) for each in step.path], root
    )


def test_every_receipt_is_proved_up_to_the_nodes_signature(tmp_path, logs, make):
    for start in range(0, 600, 50):
        logs.commit([make(f"w0-1-{number}") for number in range(start, start + 50)])
        logs.sign()
    node, public = checkpoint.public_key(tmp_path)
    for number in range(0, 600, 37):
        made = proof.prove(tmp_path, f"w0-1-{number}")
        assert f'"id":"w0-1-{number}"' in made.payload
        assert holds(made.shard, made.payload.encode())
        assert holds(made.node, made.shard.checkpoint.encode())
        chain = made.shard.chain
        leaf = rfc.leaf_hash(bytes.fromhex(chain) + b"x").hex()
        assert not holds(proof.Step(number, chain, leaf, made.shard.path, made.shard.checkpoint), b"x")
        checkpoint.check(checkpoint.read(made.node.checkpoint.encode()), node, public)


def test_a_receipt_that_no_checkpoint_covers_yet_has_no_proof(tmp_path, logs, make):
    logs.commit([make("w0-1-1")])
    with pytest.raises(Refusal, match="unknown_receipt"):
        proof.prove(tmp_path, "w0-1-1")
    logs.sign()
    logs.commit([make("w0-1-2")])
    with pytest.raises(Refusal, match="unknown_receipt"):
        proof.prove(tmp_path, "w0-1-2")


def test_a_proof_waits_for_the_node_when_another_process_has_not_taken_it_in(tmp_path, logs, make, clock):
    other = Logs(tmp_path, "w1", checkpoint.signer(tmp_path), clock)
    other.commit([make("w1-1-1")])
    other.sign()
    assert proof.prove(tmp_path, "w1-1-1").node is None
    logs.sign()
    assert proof.prove(tmp_path, "w1-1-1").node is not None
    other.commit([make("w1-1-2")])
    other.sign()
    assert proof.prove(tmp_path, "w1-1-1").node is not None
    assert proof.prove(tmp_path, "w1-1-2").node is None
    other.close()


def test_the_nodes_tree_continues_every_older_one(tmp_path, logs, make):
    roots = []
    for number in range(9):
        logs.commit([make(f"w0-1-{number}")])
        logs.sign()
        roots.append(stated((tmp_path / "CHECKPOINT").read_text())[1])
    for old in range(1, 10):
        steps = [bytes.fromhex(each) for each in proof.continues(tmp_path, old, 9)]
        assert rfc.verify_consistency(old, 9, roots[old - 1], roots[8], steps)
    with pytest.raises(ValueError, match="not as long"):
        proof.continues(tmp_path, 1, 10)


def test_a_checkpoint_that_the_nodes_log_has_not_signed_yet_is_not_used(tmp_path, logs, make):
    for number in range(2):
        logs.commit([make(f"w0-1-{number}")])
        logs.sign()
    notes, _ = checkpoint.split((tmp_path / "node" / "checkpoints").read_bytes())
    (tmp_path / "node" / "checkpoints").write_bytes(notes[0])
    assert proof.prove(tmp_path, "w0-1-0").node.number == 0
    assert proof.prove(tmp_path, "w0-1-1").node is None


def test_an_empty_ledger_proves_nothing(tmp_path):
    with pytest.raises(ValueError, match="not as long"):
        proof.continues(tmp_path, 1, 1)
