"""`isthmus ledger`, as a person and as a script call it."""

import json

import pytest

from isthmus import cli
from isthmus.core.clock import SystemClock
from isthmus.ledger.receipt import ConsentReceipt
from isthmus.ledger.segments import Ledger


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A function that runs `isthmus ledger` with words: exit code, standard output, standard error."""
    monkeypatch.setenv("ISTHMUS_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def isthmus(*words):
        with pytest.raises(SystemExit) as end:
            cli.main(["ledger", *words])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return isthmus


@pytest.fixture
def ledger(tmp_path):
    """A ledger of five consents, two of CN; its folder."""
    opened = Ledger.open(tmp_path / "ledger", "w0", SystemClock())
    for number in range(5):
        words = (
            "given",
            f"cns_{number}",
            "acme",
            "separate",
            "doubao",
            "CN" if number < 2 else "EU",
            "*",
            "once",
            "en",
        )
        opened.append(ConsentReceipt(opened.next_id(), 1_793_000_000_000 + number, *words))
    opened.close()
    return tmp_path / "ledger"


def test_a_sound_ledger_is_said_to_be(call, ledger):
    code, out, _ = call("verify")
    assert code == 0
    assert "All is what was written: 5 entries" in out
    code, out, _ = call("verify", "--json", "--jobs", "1")
    assert (code, json.loads(out)["sound"], json.loads(out)["entries"]) == (0, True, 5)


def test_a_damaged_one_is_named_place_by_place_with_its_own_exit_code(call, ledger):
    path = next((ledger / "shards" / "w0").glob("*.seg"))
    block = path.read_bytes()
    path.write_bytes(block[:-1])
    code, out, _ = call("verify")
    assert code == 6
    assert f"w0/{path.name}, offset" in out
    assert "after receipt w0-1-4" in out
    assert "damaged" in out
    path.write_bytes(block + b"torn")
    code, out, _ = call("verify")
    assert code == 0
    assert "4 bytes at the end are unfinished" in out


def test_a_witness_is_held_against_it(call, ledger, tmp_path):
    kept = tmp_path / "kept"
    kept.write_bytes((ledger / "CHECKPOINT").read_bytes())
    assert call("verify", "--witness", str(kept))[0] == 0
    kept.write_bytes(b"something else")
    assert call("verify", "--witness", str(kept))[0] == 6
    code, _, err = call("verify", "--witness", str(tmp_path / "nothing"))
    assert code == 2
    assert "cannot be read" in err


def test_days_can_be_left_out(call, ledger):
    assert call("verify", "--since", "2026-01-01")[0] == 0
    assert call("verify", "--since", "yesterday")[0] == 2


def test_entries_are_exported_as_lines(call, ledger, tmp_path):
    code, out, _ = call("export", "--region", "CN")
    assert code == 0
    assert [json.loads(line)["consent"] for line in out.splitlines()] == ["cns_0", "cns_1"]
    code, out, _ = call("export", "--to", str(tmp_path / "all.jsonl"))
    assert "5 entries" in out
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 5
    code, out, _ = call("export", "--to", str(tmp_path / "all.jsonl"), "--since", "2036-01-01", "--json")
    assert json.loads(out)["entries"] == 0
    assert call("export", "--json")[0] == 2


def test_entries_are_exported_as_parquet_and_asked_in_sql(call, ledger, tmp_path):
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is an extra, and it is not installed")
    code, out, _ = call("export", "--to", str(tmp_path / "all.parquet"), "--json")
    assert (code, json.loads(out)["entries"]) == (0, 5)
    assert duckdb.connect().read_parquet(str(tmp_path / "all.parquet")).shape[0] == 5
    sql = "SELECT region, count(*) AS n FROM entries GROUP BY region ORDER BY region"
    code, out, _ = call("query", sql, "--json")
    assert (code, json.loads(out)) == (0, [{"region": "CN", "n": 2}, {"region": "EU", "n": 3}])
    code, out, _ = call("query", sql)
    assert "EU" in out


def test_counts_are_reported(call, ledger):
    code, out, _ = call("report", "--region", "CN", "--month", "2026-10", "--json")
    assert (code, json.loads(out)["consents"]) == (0, {"separate given": 2})
    code, out, _ = call("report")
    assert "separate given 5" in out
    assert call("report", "--month", "October")[0] == 2


def test_a_checkpoint_is_left_with_a_witness(call, ledger, tmp_path):
    kept = tmp_path / "kept"
    code, out, _ = call("witness", str(kept), "--json")
    assert (code, json.loads(out)["size"]) == (0, 1)
    assert "has seen 1 entries" in call("witness", str(kept))[1]
    assert call("verify", "--witness", str(kept))[0] == 0
    assert call("witness", "ftp://example.org/")[0] == 2
