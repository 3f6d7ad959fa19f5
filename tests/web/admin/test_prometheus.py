from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime

import msgspec
import pytest

from isthmus.core import measures
from isthmus.core.clock import FakeClock
from isthmus.core.measures import BOUNDS, CELLS, WHOLE
from isthmus.gateway.replica_measures import view
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Load
from isthmus.routing.seat import Replica
from isthmus.web.admin import prometheus

ANSWERS = ("answers", "CN", "doubao/pro", "partner", "answered", "")


def sheet():
    cells = [0] * CELLS
    cells[measures.COUNT], cells[measures.WHOLE_US] = 3, 1_500_000
    cells[WHOLE + 10], cells[WHOLE + 24] = 2, 1
    cells[measures.TOKENS_IN] = 7
    return {ANSWERS: tuple(cells), ("worker", "w0"): (1_700_000_000_500, 5, 0, 0, *[0] * 60)}


def text():
    rows = sheet()
    return prometheus.render(rows, {"w0": rows}, {"isthmus_rehearsal": ("r.", 1.0)})


def test_every_series_has_its_help_and_type():
    found = text()
    heads = set(re.findall(r"^# TYPE (\S+)", found, re.MULTILINE))
    names = {re.sub(r"_(bucket|sum|count)$", "", n) for n in re.findall(r"^([a-z_]+)[{ ]", found, re.MULTILINE)}
    assert names == heads == set(re.findall(r"^# HELP (\S+)", found, re.MULTILINE))


def test_a_histogram_grows_and_ends_with_all():
    lines = [line for line in text().splitlines() if line.startswith("gen_ai_server_request_duration_seconds_bucket")]
    counts = [int(line.rpartition(" ")[2]) for line in lines]
    assert counts == sorted(counts)
    assert counts[-1] == 3
    assert len(counts) == len(BOUNDS) + 1
    assert 'le="+Inf"' in lines[-1]
    assert 'le="0.01"' in lines[10]


def test_labels_are_names_of_the_house():
    assert (
        'isthmus_requests_total{region="CN",route="doubao/pro",tier="partner",outcome="answered",code=""} 3' in text()
    )
    assert 'gen_ai_provider_name="doubao",gen_ai_request_model="pro"' in text()
    assert "gen_ai_client_token_usage_total{" in text()
    assert 'isthmus_worker_beat_seconds{worker="w0"} 1700000000.5' in text()


def test_a_quote_in_a_label_cannot_break_out():
    odd = {("answers", 'a"b\\c\nd', "r/m", "t", "answered", ""): tuple([1] * CELLS)}
    assert 'region="a\\"b\\\\c\\nd"' in prometheus.render(odd, {}, {})


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (Debian: apt install prometheus)"
)
def test_promtool_finds_nothing_to_object_to():
    ran = subprocess.run(["promtool", "check", "metrics"], input=text(), text=True, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_workers_see_of_their_replicas_is_on_the_same_page(desk):
    clock = FakeClock(datetime(2026, 9, 1, tzinfo=UTC))
    picker = Picker(clock, [Replica("a")])
    picker.heard("a", Load(running=2, waiting=1, kv=0.5, made=100.0))
    folder = desk.home / "run" / "fleet"
    folder.mkdir(parents=True)
    path = folder / "seen-1.json"
    path.write_bytes(msgspec.json.encode(view(picker.seats())))
    os.utime(path, (desk.clock.epoch_ms() / 1000,) * 2)
    lines = desk.client.get("/metrics", headers={"authorization": f"Bearer {desk.tokens['owner']}"}).text.splitlines()
    assert 'isthmus_replica_num_requests_running{replica="a"} 2' in lines
    assert lines.index("# TYPE isthmus_rehearsal gauge") < lines.index("# TYPE isthmus_replica_up gauge")
