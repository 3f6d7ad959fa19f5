"""Published points, computed again."""

import os
from pathlib import Path

import pytest

from isthmus.planner import validate
from isthmus.planner.catalogue import figure, tables

TRACES = Path(os.environ.get("ISTHMUS_TRACES", "traces"))
REPORT = validate.validate()
BY = {each.id: each for each in REPORT.points}


def test_every_point_of_the_file_is_in_the_table_hit_or_miss():
    assert set(BY) == set(tables("points.toml"))
    assert set(REPORT.missed) == {each.id for each in REPORT.points if each.ours is not None and not each.hit}


def test_deepseeks_day_lies_within_five_per_cent_also_from_another_publication():
    assert abs(BY["deepseek-day-nodes"].error) <= 0.05
    assert abs(BY["deepseek-day-usd"].error) <= 0.05
    assert BY["deepseek-day-nodes-profile"].role == "held"
    assert abs(BY["deepseek-day-nodes-profile"].error) <= 0.05


def test_more_than_ten_points_that_were_used_for_nothing_lie_within_a_fifth():
    kinds = {"lmsys", "arXiv", "MLPerf", "profile-data", "vLLM", "llm-d"}
    hits = [each for each in REPORT.points if each.role == "held" and each.hit]
    assert len(hits) >= 20
    assert all(abs(each.error) <= 0.20 for each in hits)
    assert {kind for kind in kinds if any(kind in each.source for each in hits)} >= {
        "lmsys",
        "arXiv",
        "MLPerf",
        "profile-data",
    }


def test_points_that_fitted_an_efficiency_say_which_and_no_other_point_did():
    fits = {each.id for each in REPORT.points if each.role == "fit"}
    named = {
        word
        for table in tables("calibration.toml").values()
        for entry in table.values()
        for word in entry["source"].split()
        if word in BY
    }
    assert named == fits
    assert all(abs(BY[name].error) < 0.01 for name in fits)


def test_the_error_bar_of_the_planner_is_the_error_that_was_found():
    bar = figure("traffic.toml", "serving", "roofline")
    assert bar.high == pytest.approx(REPORT.rms_factor, abs=0.01)
    assert bar.low == pytest.approx(1 / REPORT.rms_factor, abs=0.01)


def test_every_point_has_its_source_and_its_line():
    for each in REPORT.points:
        assert each.source
        assert each.where.startswith("isthmus/planner/data/points.toml:")


def test_without_traces_their_points_are_said_not_to_be_computed():
    assert set(REPORT.not_computed) == {name for name in BY if name.startswith("mooncake")}


def test_with_the_public_traces_their_points_are_computed():
    if not (TRACES / "mooncake_conversation.jsonl").exists():
        pytest.skip("the public traces are not here; ISTHMUS_TRACES names their folder")
    full = {each.id: each for each in validate.validate(TRACES).points}
    assert full["mooncake-reuse"].hit
    assert full["mooncake-reuse-synthetic"].hit


def test_reuse_counts_blocks_that_were_seen_before(tmp_path):
    (tmp_path / "mooncake_conversation.jsonl").write_text('{"hash_ids": [1, 2]}\n{"hash_ids": [1, 2, 3, 4]}\n')
    point = validate.point("mooncake-reuse")
    assert validate.QUANTITIES["trace_reuse"](point, tmp_path) == pytest.approx(2 / 6)


def test_the_worst_point_comes_first_when_asked_so():
    errors = [abs(each.error or 0) for each in validate.worst_first(REPORT.points)]
    assert errors == sorted(errors, reverse=True)
