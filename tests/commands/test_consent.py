"""`isthmus consent`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli
from isthmus.ledger import read


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus consent` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["consent", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


GIVE = ("give", "--kind", "separate", "--recipient", "doubao", "--region", "CN", "--subject", "alice", "--days", "30")


def test_a_consent_is_given_listed_and_revoked_and_each_act_leaves_a_receipt(call, tmp_path):
    code, out, _ = call(*GIVE, "--json")
    given = json.loads(out)
    assert code == 0
    name = given["consent"]["id"]
    code, out, _ = call("revoke", name, "--json")
    assert (code, json.loads(out)["withdrawn"]) == (0, True)
    listed = json.loads(call("list", "--json")[1])
    assert [(each["id"], each["withdrawn"]) for each in listed] == [(name, True)]
    receipts = list(read.iterate(tmp_path / "ledger"))
    assert [(each.act, each.consent) for each in receipts] == [("given", name), ("withdrawn", name)]
    assert receipts[0].id == given["receipt"]


def test_a_person_reads_sentences(call):
    code, out, _ = call(*GIVE)
    name = out.split()[1]
    assert code == 0
    assert "is given until" in out
    _, out, _ = call("list")
    assert name in out
    assert "given" in out
    code, out, _ = call("revoke", name)
    assert f"Consent {name} is withdrawn." in out
    assert "withdrawn" in call("list")[1]


def test_a_list_can_be_one_tenants(call):
    call(*GIVE, "--tenant", "acme")
    assert json.loads(call("list", "--tenant", "other", "--json")[1]) == []


def test_a_kind_that_does_not_exist_is_told(call, tmp_path):
    code, _, err = call("give", "--kind", "tacit", "--region", "CN")
    assert code == 2
    assert "kind" in err
    assert list(read.iterate(tmp_path / "ledger")) == []


def test_a_consent_that_is_not_there_cannot_be_revoked(call):
    code, out, _ = call("revoke", "nothing", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "unknown_consent"


def test_a_person_is_forgotten(call, tmp_path):
    call(*GIVE)
    code, out, _ = call("forget", "alice", "--json")
    assert (code, json.loads(out)["consents"]) == (0, 1)
    assert "0 consents" in call("forget", "alice")[1]
    assert json.loads(call("list", "--json")[1]) == []
    assert [entry.act for entry in read.iterate(tmp_path / "ledger")] == ["given", "withdrawn"]
