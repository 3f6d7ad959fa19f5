from __future__ import annotations

import pytest

from isthmus.core.measures import (
    BOUNDS,
    BUCKETS,
    COUNT,
    HEADER,
    ROW,
    SPARE,
    UNITS,
    Sheet,
    add_up,
    quantile,
    read,
    read_all,
)


def test_what_one_process_counts_another_reads_without_asking(tmp_path):
    sheet = Sheet(tmp_path / "w0.cells")
    at = sheet.row("answers", "CN", "doubao/pro")
    sheet.cells[at + COUNT] += 3
    assert read(tmp_path / "w0.cells")["answers", "CN", "doubao/pro"][COUNT] == 3
    sheet.close()


def test_a_row_is_made_once_and_found_again(tmp_path):
    sheet = Sheet(tmp_path / "w0.cells")
    assert sheet.row("a", "b") == sheet.row("a", "b")
    assert sheet.row("a", "c") != sheet.row("a", "b")
    assert len(sheet) == 2


def test_a_restarted_worker_goes_on_counting(tmp_path):
    first = Sheet(tmp_path / "w0.cells")
    first.cells[first.row("a")] += 5
    first.close()
    second = Sheet(tmp_path / "w0.cells")
    second.cells[second.row("a")] += 1
    assert read(tmp_path / "w0.cells")[("a",)][COUNT] == 6


def test_a_file_of_another_layout_is_begun_anew(tmp_path):
    (tmp_path / "w0.cells").write_bytes(b"something else" * 100)
    assert read(tmp_path / "w0.cells") == {}
    assert len(Sheet(tmp_path / "w0.cells")) == 0


def test_the_number_of_series_is_bounded_whatever_comes(tmp_path):
    rows = SPARE + 4
    sheet = Sheet(tmp_path / "w0.cells", rows)
    for number in range(500):
        sheet.cells[sheet.row("answers", f"R{number}")] += 1
    found = read(tmp_path / "w0.cells")
    assert len(found) == 5
    assert found["answers", "other"][COUNT] == 496
    assert sum(cells[COUNT] for cells in found.values()) == 500


def test_a_long_label_is_cut_and_a_name_that_does_not_fit_is_other(tmp_path):
    sheet = Sheet(tmp_path / "w0.cells")
    sheet.cells[sheet.row("answers", "x" * 1000)] += 1
    sheet.cells[sheet.row("answers", *("y" * 64 for _ in range(5)))] += 1
    found = read(tmp_path / "w0.cells")
    assert found["answers", "x" * 64][COUNT] == 1
    assert found["answers", "other", "other", "other", "other", "other"][COUNT] == 1


def test_kinds_beyond_the_spare_rows_are_a_mistake_of_the_house(tmp_path):
    sheet = Sheet(tmp_path / "w0.cells", 1)
    sheet.row("one")
    with pytest.raises(ValueError, match="kinds"):
        sheet.row("two")


def test_workers_are_added_up(tmp_path):
    for name, n in (("w0", 2), ("w1", 40)):
        sheet = Sheet(tmp_path / f"{name}.cells")
        sheet.cells[sheet.row("a")] += n
        sheet.close()
    assert read_all(tmp_path)[("a",)][COUNT] == 42
    assert add_up(()) == {}


def test_the_file_is_as_large_as_its_rows(tmp_path):
    Sheet(tmp_path / "w0.cells", 20).close()
    assert (tmp_path / "w0.cells").stat().st_size == HEADER + 20 * ROW


def test_bounds_are_those_that_opentelemetry_advises():
    assert {0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92} <= set(BOUNDS)


def test_a_quantile_lies_in_the_bucket_of_its_rank():
    buckets = [0] * BUCKETS
    buckets[int(0.015 * UNITS).bit_length()] = 90
    buckets[int(1.0 * UNITS).bit_length()] = 10
    assert 0.01 <= quantile(buckets, 0.5) <= 0.02
    assert 0.64 <= quantile(buckets, 0.99) <= 1.28
    assert quantile([0] * BUCKETS, 0.5) == 0.0
    assert quantile([0] * (BUCKETS - 1) + [1], 0.5) > 81.92
