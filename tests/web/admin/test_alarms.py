"""Every alarm asks for a counter that exists; promtool, where it is installed, fires each one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from isthmus.core.measures import CELLS, FIRST, WHOLE
from isthmus.web.admin import prometheus
from isthmus.web.admin.alarms import ALARMS, PANELS, alarms, dashboard

FILES = Path(__file__).parents[3] / "deploy" / "monitoring"
PROMTOOL = shutil.which("promtool")
# What makes each alarm fire: series and their values, minute by minute.
FIRES = {
    "IsthmusBurnsFast": ('isthmus_requests_total{outcome="failed"}', "0+10x90", 80),
    "IsthmusBurnsSlowly": ('isthmus_requests_total{outcome="failed"}', "0+10x500", 480),
    "IsthmusLabelMissing": ("isthmus_unlabelled_total", "0+1x20", 10),
    "IsthmusBreakerOpen": ('isthmus_breaker_open{route="doubao/pro",worker="w0"}', "1x20", 10),
    "IsthmusLedgerFailed": ('isthmus_ledger_failed{worker="w0"}', "1x20", 10),
    "IsthmusLedgerBehind": ('isthmus_ledger_waiting{worker="w0"}', "20000x20", 10),
    "IsthmusWorkerSilent": ('isthmus_worker_beat_seconds{worker="w0"}', "0x20", 10),
    "IsthmusFirstTokenSlow": (
        'gen_ai_server_time_to_first_token_seconds_bucket{le="+Inf"}', "0+10x40", 30
    ),
    "IsthmusBlockedMore": ("isthmus_blocked_total", "0x2900 0+60x100", 2960),
    "IsthmusLawPending": ("isthmus_law_pending", "1x20", 10),
}  # fmt: skip


def names_that_exist():
    cells = [0] * CELLS
    cells[0] = cells[4] = cells[WHOLE] = cells[FIRST] = 1
    answers = ("answers", "CN", "doubao/pro", "partner", "answered", "")
    sheet = {answers: tuple(cells), ("worker", "w0"): (1,) * CELLS, ("breaker", "doubao/pro"): (1,) * CELLS}
    text = prometheus.render({answers: tuple(cells)}, {"w0": sheet}, {"isthmus_law_pending": ("x", 0.0)})
    return set(re.findall(r"^([a-z_]+)", text, re.MULTILINE))


@pytest.mark.parametrize("asked", [*(a.expr for a in ALARMS), *(p.expr for p in PANELS)])
def test_every_rule_and_picture_asks_for_a_counter_that_exists(asked):
    wanted = set(re.findall(r"\b((?:isthmus|gen_ai)_[a-z_]+?)(?=[\[{)\s]|$)", asked)) - {"gen_ai_token_type"}
    assert wanted
    assert wanted <= names_that_exist()


@pytest.mark.parametrize("asked", [*(a.expr for a in ALARMS), *(p.expr for p in PANELS)])
def test_every_rule_and_picture_is_promql(asked):
    promql = pytest.importorskip("promql_parser", reason="promql-parser is not installed (dependency group dev)")
    promql.parse(asked)
    with pytest.raises(ValueError, match=r"."):
        promql.parse(asked + ")")


def test_every_alarm_says_what_to_do_and_is_fired_by_a_test():
    assert {alarm.name for alarm in ALARMS} == set(FIRES)
    for alarm in ALARMS:
        assert alarm.severity in ("page", "ticket")
        assert alarm.summary.endswith(".")
        assert alarm.mend
    page = (FILES.parents[1] / "docs" / "measures.md").read_text("utf-8")
    assert {alarm.name for alarm in ALARMS} == set(re.findall(r"`(Isthmus[A-Za-z]+)`", page))


def test_the_files_that_are_delivered_are_what_the_tables_make():
    assert (FILES / "alerts.yml").read_text("utf-8") == alarms()
    assert (FILES / "dashboard.json").read_text("utf-8") == dashboard()


def test_the_dashboard_has_a_place_for_every_picture():
    made = json.loads(dashboard())
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in made["panels"]]
    assert len(set(places)) == len(PANELS)


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")
@pytest.mark.parametrize("name", FIRES)
def test_an_alarm_fires_on_what_it_is_for_and_not_on_a_quiet_house(name, tmp_path):
    series, values, minute = FIRES[name]
    alarm = next(each for each in ALARMS if each.name == name)
    (tmp_path / "alerts.yml").write_text(alarms())
    labels = {"severity": alarm.severity} | dict(re.findall(r'(route|worker)="([^"]+)"', series))
    if "by (route)" in alarm.expr or name == "IsthmusLabelMissing":
        labels.pop("worker", None)
    if alarm.expr.startswith(("max(", "sum(", "(", "histogram")):
        labels = {"severity": alarm.severity}
    said = {
        "summary": alarm.summary.replace("{{ $labels.route }}", "doubao/pro").replace("{{ $labels.worker }}", "w0"),
        "description": alarm.mend,
    }
    quiet = [{"series": 'isthmus_requests_total{outcome="answered"}', "values": "0+10x3000"}]
    # A quantile needs a bucket that ends.
    more = [{"series": series.replace("+Inf", "81.92"), "values": values}] if "+Inf" in series else []
    fired = [{"exp_labels": labels, "exp_annotations": said}]
    plan = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [*quiet, *more, {"series": series, "values": values}],
                "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": fired}],
            },
            {
                "interval": "1m",
                "input_series": quiet,
                "alert_rule_test": [{"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []}],
            },
        ],
    }
    (tmp_path / "tests.yml").write_text(json.dumps(plan))
    asked = [PROMTOOL, "test", "rules", "tests.yml"]
    ran = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
