import pytest

from isthmus.core.errors import Refusal
from isthmus.ledger import query
from isthmus.ledger.receipt import encode


@pytest.fixture
def lines(make):
    return [encode(make(f"w0-1-{number}", outcome="refused" if number % 3 else "answered")) for number in range(6)]


@pytest.fixture
def duckdb():
    return pytest.importorskip("duckdb", reason="DuckDB is an extra, and it is not installed")


@pytest.mark.usefixtures("duckdb")
def test_a_query_sees_every_entry(lines):
    names, rows = query.ask(lines, "SELECT outcome, count(*) AS n FROM entries GROUP BY outcome ORDER BY outcome")
    assert names == ["outcome", "n"]
    assert rows == [("answered", 2), ("refused", 4)]


@pytest.mark.usefixtures("duckdb")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY entries TO '{place}/stolen.csv'",
        "ATTACH '{place}/other.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELEC nonsense",
    ],
)
def test_a_query_reaches_nothing_but_the_entries(lines, tmp_path, sql):
    with pytest.raises(Refusal) as refusal:
        query.ask(lines, sql.format(place=tmp_path))
    assert refusal.value.code == "usage"
    assert list(tmp_path.iterdir()) == []


def test_parquet_comes_back_with_every_entry(lines, tmp_path, duckdb):
    query.write_parquet(lines, tmp_path / "entries.parquet")
    found = duckdb.connect().read_parquet(str(tmp_path / "entries.parquet"))
    assert found.aggregate("count(*)").fetchall() == [(6,)]
    assert "tenant" in found.columns


@pytest.mark.usefixtures("duckdb")
def test_nothing_to_ask_is_told():
    with pytest.raises(Refusal) as refusal:
        query.ask([], "SELECT 1")
    assert "no such entry" in refusal.value.sentence()


def test_without_duckdb_the_way_to_it_is_told(lines, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(query.importlib, "import_module", missing)
    with pytest.raises(Refusal) as refusal:
        query.ask(lines, "SELECT 1")
    assert "pip install duckdb" in refusal.value.sentence()
