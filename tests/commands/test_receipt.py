"""`isthmus receipt`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli
from isthmus.core.clock import SystemClock
from isthmus.ledger.receipt import Retired
from isthmus.ledger.segments import Ledger


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus receipt` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["receipt", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


@pytest.fixture
def entry(tmp_path):
    ledger = Ledger.open(tmp_path / "ledger", "w0", SystemClock())
    made = Retired(ledger.next_id(), 1_700_000_000_000, 0, "ab", 30)
    ledger.append(made)
    ledger.close()
    return made


def test_a_receipt_is_shown_with_its_place_and_leaf(call, entry):
    code, out, _ = call("show", entry.id, "--json")
    shown = json.loads(out)
    assert code == 0
    assert (shown["receipt"]["id"], shown["receipt"]["days"]) == (entry.id, 30)
    assert (shown["ledger"]["shard"], shown["ledger"]["number"]) == ("w0", 0)
    assert len(bytes.fromhex(shown["ledger"]["leaf"])) == 32
    _, out, _ = call("show", entry.id)
    assert entry.id in out
    assert shown["ledger"]["leaf"] in out


def test_a_proof_carries_two_paths_and_two_signed_notes(call, entry):
    code, out, _ = call("prove", entry.id, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["shard"]["checkpoint"].startswith("isthmus/")
    assert made["node"]["number"] == 0
    _, out, _ = call("prove", entry.id)
    assert made["shard"]["leaf"] in out
    assert made["node"]["checkpoint"] in out


def test_a_proof_says_when_the_node_has_not_taken_the_checkpoint_in_yet(call, entry, tmp_path):
    for path in (tmp_path / "ledger" / "node").glob("*.seg"):
        path.unlink()
    code, out, _ = call("prove", entry.id)
    assert code == 0
    assert "Ask again" in out


@pytest.mark.parametrize("act", ["show", "prove"])
def test_a_receipt_that_is_not_there_is_told(call, act):
    code, out, _ = call(act, "w0-1-7", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "unknown_receipt"
