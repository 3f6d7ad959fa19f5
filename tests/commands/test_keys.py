"""`isthmus keys`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


def test_a_key_is_printed_alone_so_that_a_script_can_take_it(call):
    code, out, err = call("keys", "create", "--region", "CN")
    assert code == 0
    assert out.startswith("isk_")
    assert out.count("\n") == 1
    assert "not shown again" in err


def test_a_key_has_the_regions_age_and_consents_it_was_made_with(call):
    words = ("--region", "CN", "--also", "EU", "--also", "CN", "--tenant", "acme", "--age", "15", "--consent", "cns_1")
    _, out, _ = call("keys", "create", *words, "--json")
    made = json.loads(out)
    assert (made["tenant"], made["regions"], made["region"]) == ("acme", ["CN", "EU"], "CN")
    _, out, _ = call("keys", "list", "--json")
    listed = json.loads(out)[0]
    assert (listed["id"], listed["age"], listed["consents"]) == (made["id"], "14-15", ["cns_1"])
    assert made["key"] not in out


def test_a_list_shows_what_is_revoked(call):
    _, out, _ = call("keys", "create", "--region", "CN", "--json")
    key = json.loads(out)["id"]
    assert call("keys", "revoke", key)[:2] == (0, f"Key {key} is revoked.\n")
    code, out, _ = call("keys", "revoke", key, "--json")
    assert (code, json.loads(out)) == (0, {"id": key, "revoked": True})
    _, out, _ = call("keys", "list")
    assert key in out
    assert json.loads(call("keys", "list", "--json")[1])[0]["revoked_at"].endswith("Z")


def test_a_wrong_age_is_told(call):
    code, _, err = call("keys", "create", "--region", "CN", "--age", "old")
    assert code == 2
    assert "age" in err


def test_a_key_that_is_not_there_cannot_be_revoked(call):
    code, out, _ = call("keys", "revoke", "nothing", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "unknown_key"
