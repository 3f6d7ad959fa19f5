"""The alert rules and the dashboard, made from one table over the counters that /metrics has.

A rule whose counter does not exist, or that no test can fire, does not pass (tests/web/admin/test_alarms.py). The error
budget burns as in the SRE workbook, chapter 5: 99.9 % over 30 days, a fast pair of windows and a slow one.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

OBJECTIVE = 0.999
_BAD = 'sum(rate(isthmus_requests_total{{outcome=~"failed|interrupted"}}[{span}]))'
_FIRST = "histogram_quantile(0.99, sum by ({by}) (rate(gen_ai_server_time_to_first_token_seconds_bucket[5m])))"
_WHOLE = "histogram_quantile(0.99, sum by ({by}) (rate(gen_ai_server_request_duration_seconds_bucket[5m])))"
_ALL = "sum(rate(isthmus_requests_total[{span}]))"


class Alarm(NamedTuple):
    """One alert: PromQL, how long it must hold, how urgent, what a person reads and does."""

    name: str
    expr: str
    wait: str
    severity: str
    summary: str
    mend: str


class Panel(NamedTuple):
    """One picture: what it asks, and its unit in Grafana's words."""

    title: str
    expr: str
    unit: str
    legend: str = ""


def burn(long: str, short: str, factor: float) -> str:
    """Both windows burn the error budget `factor` times too fast."""
    over = f"{factor * (1 - OBJECTIVE):.4g}"
    rates = (f"({_BAD.format(span=span)} / {_ALL.format(span=span)}) > {over}" for span in (long, short))
    return " and ".join(f"({rate})" for rate in rates)


ALARMS = (
    Alarm(
        "IsthmusBurnsFast",
        burn("1h", "5m", 14.4),
        "2m",
        "page",
        "Answers fail 14.4 times faster than 99.9 % allows.",
        "Open the console, page Partners: which route fails?",
    ),
    Alarm(
        "IsthmusBurnsSlowly",
        burn("6h", "30m", 6),
        "15m",
        "ticket",
        "Answers fail 6 times faster than 99.9 % allows.",
        "Open the console, page Partners: which route fails?",
    ),
    Alarm(
        "IsthmusLabelMissing",
        "increase(isthmus_unlabelled_total[5m]) > 0",
        "0m",
        "page",
        "An answer went without the label that it owes.",
        "Stop the route (drain its partner) and find the receipt.",
    ),
    Alarm(
        "IsthmusBreakerOpen",
        "max by (route) (isthmus_breaker_open) > 0",
        "5m",
        "ticket",
        "Route {{ $labels.route }} has rested for 5 minutes.",
        "Is the partner down, or its key refused?",
    ),
    Alarm(
        "IsthmusLedgerFailed",
        "max(isthmus_ledger_failed) > 0",
        "0m",
        "page",
        "Receipts cannot be written: nothing is served.",
        "Free or mend the disk, then start again.",
    ),
    Alarm(
        "IsthmusLedgerBehind",
        "max(isthmus_ledger_waiting) > 10000 or max(isthmus_ledger_behind) > 0",
        "1m",
        "ticket",
        "Receipts wait for the disk.",
        "Is the disk slow? See fdatasync times; add a worker's own disk.",
    ),
    Alarm(
        "IsthmusWorkerSilent",
        "time() - isthmus_worker_beat_seconds > 30",
        "1m",
        "page",
        "Worker {{ $labels.worker }} was not heard for 30 seconds.",
        "See run/<worker>.log in the house's home.",
    ),
    Alarm(
        "IsthmusFirstTokenSlow",
        f"{_FIRST.format(by='le')} > 2.56",
        "10m",
        "ticket",
        "The 99th percentile of the time to the first token is above 2.56 s.",
        "Which region, which route?",
    ),
    Alarm(
        "IsthmusBlockedMore",
        "sum(rate(isthmus_blocked_total[15m])) > 5 * sum(rate(isthmus_blocked_total[1d] offset 1d)) "
        "and sum(rate(isthmus_blocked_total[15m])) > 0.1",
        "15m",
        "ticket",
        "Moderation stops five times as much as yesterday.",
        "An attack, or a new list? Page Guard.",
    ),
    Alarm(
        "IsthmusLawPending",
        "max(isthmus_law_pending) > 0",
        "2m",
        "ticket",
        "A version of the law has been waiting for nodes for 2 minutes.",
        "Page Fleet: which node is silent?",
    ),
)
PANELS = (
    Panel("Queries", "sum by (region) (rate(isthmus_requests_total[5m]))", "reqps", "{{region}}"),
    Panel(
        "Where answers come from",
        'sum by (tier, route) (rate(isthmus_requests_total{outcome="answered"}[5m]))',
        "reqps",
        "{{route}}",
    ),
    Panel(
        "Refused, by code",
        'sum by (code) (rate(isthmus_requests_total{outcome="refused"}[5m]))',
        "reqps",
        "{{code}}",
    ),
    Panel("Failed share", f"{_BAD.format(span='5m')} / {_ALL.format(span='5m')}", "percentunit"),
    Panel("Time to first token, p99", _FIRST.format(by="le, region"), "s", "{{region}}"),
    Panel("Time of an answer, p99", _WHOLE.format(by="le, region"), "s", "{{region}}"),
    Panel(
        "Tokens",
        "sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_total[5m]))",
        "short",
        "{{gen_ai_token_type}}",
    ),
    Panel("Masked details", "sum by (region) (rate(isthmus_masked_details_total[5m]))", "short", "{{region}}"),
    Panel("Answers without their label", "sum(increase(isthmus_unlabelled_total[5m]))", "short"),
    Panel("Receipts waiting for the disk", "max by (worker) (isthmus_ledger_waiting)", "short", "{{worker}}"),
    Panel("Routes that rest", "max by (route) (isthmus_breaker_open)", "short", "{{route}}"),
)


def alarms() -> str:
    """The rules file of Prometheus. It is JSON, which is YAML too, so nothing has to be quoted by hand."""
    rules = [
        {
            "alert": each.name,
            "expr": each.expr,
            **({} if each.wait == "0m" else {"for": each.wait}),
            "labels": {"severity": each.severity},
            "annotations": {"summary": each.summary, "description": each.mend},
        }
        for each in ALARMS
    ]
    return _pretty({"groups": [{"name": "isthmus", "rules": rules}]})


def dashboard() -> str:
    """The Grafana dashboard (schema version 39)."""
    panels = [
        {
            "id": number,
            "type": "timeseries",
            "title": each.title,
            "datasource": {"type": "prometheus", "uid": "${source}"},
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "fieldConfig": {"defaults": {"unit": each.unit, "min": 0}, "overrides": []},
            "targets": [{"refId": "A", "expr": each.expr, "legendFormat": each.legend}],
        }
        for number, each in enumerate(PANELS)
    ]
    source = {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}
    return _pretty(
        {
            "title": "Isthmus",
            "uid": "isthmus",
            "schemaVersion": 39,
            "tags": ["isthmus"],
            "time": {"from": "now-1h", "to": "now"},
            "refresh": "30s",
            "templating": {"list": [source]},
            "panels": panels,
        }
    )


def _pretty(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
