"""What workers see of their replicas, as one table and as Prometheus text."""

from datetime import UTC, datetime

import msgspec
import pytest

from isthmus.core.clock import FakeClock
from isthmus.gateway.replica_measures import MEASURES, STALE_S, file_of, joined, render, view, write
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Load
from isthmus.routing.seat import Replica

NOW = 1_000_000.0


@pytest.fixture
def picker():
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    picker = Picker(clock, [Replica("a"), Replica("b")])
    picker.heard("a", Load(running=2, waiting=1, kv=0.5, made=100.0))
    ticket = picker.pick([1, 2], 1100, without=("b",))
    clock.advance(0.25)
    picker.first(ticket)
    picker.done(ticket)
    return picker


def put(folder, worker, views, at=NOW):
    import os

    path = folder / f"seen-{worker}.json"
    path.write_bytes(msgspec.json.encode(views))
    os.utime(path, (at, at))


def test_a_view_has_every_measure_of_every_replica(picker):
    seen = view(picker.seats())
    assert set(seen) == {"a", "b"}
    assert set(seen["a"]) == set(MEASURES)
    assert seen["a"]["isthmus_replica_time_to_first_token_seconds_sum"] == pytest.approx(0.25)
    assert seen["a"]["isthmus_replica_time_to_first_token_seconds_count"] == 1


def test_counts_of_workers_are_added_and_what_all_see_is_not(picker, tmp_path):
    for worker in (1, 2):
        put(tmp_path, worker, view(picker.seats()))
    found = joined(tmp_path, NOW)["a"]
    assert found["isthmus_replica_request_success_total"] == 2
    assert found["isthmus_replica_prefix_cache_queries_total"] == 4
    assert found["isthmus_replica_num_requests_running"] == 2
    assert found["isthmus_replica_kv_cache_usage_perc"] == 0.5


def test_a_worker_that_ended_long_ago_is_passed_over(picker, tmp_path):
    put(tmp_path, 1, view(picker.seats()), NOW - STALE_S - 1)
    assert joined(tmp_path, NOW) == {}


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    put(tmp_path, 1, "no views")
    assert joined(tmp_path, NOW) == {}


def test_a_view_is_written_beside_the_board(picker, tmp_path):
    path = file_of(tmp_path / "board.json")
    write(path, picker.seats())
    assert msgspec.json.decode(path.read_bytes()) == view(picker.seats())
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_is_gone_costs_a_figure_and_no_more(picker, tmp_path):
    write(file_of(tmp_path / "gone" / "board.json"), picker.seats())
    assert list(tmp_path.iterdir()) == []


def test_prometheus_reads_each_name_with_its_kind_once(picker):
    text = render(view(picker.seats()))
    assert text.count("# TYPE isthmus_replica_time_to_first_token_seconds summary\n") == 1
    assert "# TYPE isthmus_replica_generation_tokens_total counter\n" in text
    assert 'isthmus_replica_generation_tokens_total{replica="a"} 100\n' in text
    assert 'isthmus_replica_up{replica="b"} 1\n' in text
    heads = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))


def test_a_house_without_a_fleet_shows_nothing():
    assert render({}) == ""
