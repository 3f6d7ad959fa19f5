"""`isthmus budget`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli
from isthmus.core.clock import SystemClock
from isthmus.ledger.accounts import Accounts
from isthmus.ledger.lease_store import open_store
from isthmus.ledger.leases import Claim
from isthmus.policy.meter import window


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus budget` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["budget", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--tenant", "acme", "--money", "50 USD"), "50.000000 USD a month of tenant acme"),
        (("--key", "k1", "--tokens", "100000", "--per", "day"), "100,000 tokens a day of key k1"),
        (
            ("--organisation", "group", "--requests", "60", "--per", "minute"),
            "60 requests a minute of organisation group",
        ),
        (("--tenant", "acme", "--concurrency", "8"), "8 requests at once of tenant acme"),
        (("--tenant", "acme", "--user", "*", "--requests", "9"), "9 requests a month of one person"),
    ],
)
def test_a_budget_is_set_in_one_line(call, words, says):
    code, out, _ = call("set", *words)
    assert code == 0
    assert out.startswith("bud_")
    assert says in out


def test_a_list_shows_what_is_spent_reserved_and_left(call, tmp_path):
    budget = json.loads(call("set", "--tenant", "acme", "--money", "0.5 CNY", "--json")[1])
    call("set", "--tenant", "acme", "--user", "*", "--requests", "9")
    clock = SystemClock()
    accounts = Accounts.open(tmp_path / "accounts.sqlite", clock)
    store = open_store(tmp_path, accounts)
    span = window("month", clock.now())
    store.settle("h", [Claim(budget["id"], *span, 500_000, 1, 1_500, 2_000, 2_000, 2_000)], clock.epoch_ms())
    accounts.close()
    first = json.loads(call("list", "--json")[1])[0]
    assert (first["spent"], first["reserved"], first["left"]) == (1_500, 500, 498_000)
    out = call("list")[1]
    for word in ("0.500000 CNY a month", "0.001500 CNY", "0.000500 CNY", "0.498000 CNY", "user acme *"):
        assert word in out


def test_a_budget_is_lifted(call):
    budget = json.loads(call("set", "--tenant", "acme", "--requests", "5", "--json")[1])
    assert call("remove", budget["id"])[:2] == (0, f"Budget {budget['id']} is lifted.\n")
    assert json.loads(call("list", "--json")[1]) == []
    code, out, _ = call("remove", budget["id"], "--json")
    assert (code, json.loads(out)["error"]["code"]) == (2, "unknown_budget")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--tenant", "acme"),
        ("--requests", "5"),
        ("--tenant", "acme", "--key", "k1", "--requests", "5"),
        ("--key", "k1", "--user", "*", "--requests", "5"),
        ("--tenant", "acme", "--requests", "5", "--tokens", "5"),
        ("--tenant", "acme", "--money", "fifty USD"),
        ("--tenant", "acme", "--money", "0.0000001 USD"),
        ("--tenant", "acme", "--money", "NaN USD"),
        ("--tenant", "acme", "--money", "5"),
        ("--tenant", "acme", "--requests", "5", "--per", "week"),
    ],
)
def test_what_makes_no_budget_is_told(call, words):
    code, _, err = call("set", *words)
    assert code == 2
    assert err
