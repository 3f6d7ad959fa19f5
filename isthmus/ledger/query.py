"""Asking the ledger in SQL, and handing it over as Parquet: DuckDB over a copy of the entries.

DuckDB is an extra (`pip install duckdb`). It sees a table `entries`, one row per entry, and nothing else: once the
table is filled, it may open no file and load no extension, whatever a query says.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from isthmus.core.errors import Refusal


def ask(lines: Iterable[bytes], sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of a query over `entries` (JSON lines). Raises Refusal usage when it is not a query."""
    duckdb = _duckdb()
    connection = _filled(duckdb, lines)
    try:
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        found = connection.execute(sql)
        return [each[0] for each in found.description or ()], found.fetchall()
    except duckdb.Error as error:
        raise Refusal("usage", reason=f"DuckDB did not take this query. {error}") from None
    finally:
        connection.close()


def write_parquet(lines: Iterable[bytes], path: Path) -> None:
    """The entries (JSON lines) as one Parquet file. Raises OSError, Refusal usage."""
    connection = _filled(_duckdb(), lines)
    try:
        connection.table("entries").write_parquet(str(path))
    finally:
        connection.close()


def _duckdb() -> Any:
    try:
        return importlib.import_module("duckdb")
    except ImportError:
        raise Refusal("usage", reason="This needs DuckDB. Install it with: pip install duckdb") from None


def _filled(duckdb: Any, lines: Iterable[bytes]) -> Any:
    connection = duckdb.connect(":memory:")
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        empty = True
        for line in lines:
            file.write(line + b"\n")
            empty = False
        file.flush()
        if empty:
            raise Refusal("usage", reason="The ledger holds no such entry.")
        connection.read_json(file.name, format="newline_delimited", sample_size=-1).create("entries")
    return connection
