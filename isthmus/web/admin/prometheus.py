"""Counters as Prometheus reads them (text exposition format 0.0.4).

Names: `gen_ai_*` follow OpenTelemetry's semantic conventions for generative AI (server metrics), with dots as
underscores; `isthmus_*` are this house's own. Labels are names of the house; how many series there can be is bounded by
the sheets (core.measures), whatever callers send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from isthmus.core import measures
from isthmus.core.measures import BOUNDS, BUCKETS, Labels

TYPE = "text/plain; version=0.0.4; charset=utf-8"
Rows = Mapping[Labels, tuple[int, ...]]

# name -> (cell, help); each with the labels region, route, tier, outcome, code
COUNTERS = {
    "isthmus_requests_total": (measures.COUNT, "Exchanges that ended, by region, route, outcome and refusal code."),
    "isthmus_streams_total": (measures.STREAMED, "Exchanges that were streamed."),
    "isthmus_masked_details_total": (measures.MASKED, "Private details that were masked before anything left."),
    "isthmus_blocked_total": (measures.BLOCKED, "Exchanges that moderation stopped."),
    "isthmus_unlabelled_total": (measures.UNLABELLED, "Answers that owed a label and went without: must stay 0."),
}
_WORKER = {
    "isthmus_worker_beat_seconds": (0, 0.001, "When this worker was last heard, seconds since 1970 UTC."),
    "isthmus_ledger_waiting": (1, 1, "Receipts that are not on disk yet."),
    "isthmus_ledger_behind": (2, 1, "1 while the disk is so slow that nothing more is taken on."),
    "isthmus_ledger_failed": (3, 1, "1 when receipts cannot be written: nothing is served."),
}
_BREAKER = {
    "isthmus_breaker_open": (0, "gauge", "1 while a route rests after failures."),
    "isthmus_breaker_opened_total": (2, "counter", "How often a route began to rest."),
}
_TIMES = {
    "gen_ai_server_request_duration_seconds": (measures.WHOLE_US, measures.WHOLE, "Time of an answer, whole."),
    "gen_ai_server_time_to_first_token_seconds": (measures.FIRST_US, measures.FIRST, "Time to the first content."),
}


def render(rows: Rows, per_worker: Mapping[str, Rows], gauges: Mapping[str, tuple[str, float]]) -> str:
    """All metrics. `rows` are summed over workers, `per_worker` is each one's own, `gauges` name -> (help, value)."""
    answers = {labels[1:]: cells for labels, cells in sorted(rows.items()) if labels[0] == "answers"}
    lines: list[str] = []
    for name, (cell, help) in COUNTERS.items():
        _head(lines, name, "counter", help)
        lines += [f"{name}{_answer_labels(labels)} {cells[cell]}" for labels, cells in answers.items()]
    _head(lines, "gen_ai_client_token_usage_total", "counter", "Tokens in the partners' own count.")
    for labels, cells in answers.items():
        for kind, cell in (("input", measures.TOKENS_IN), ("output", measures.TOKENS_OUT)):
            about = _route_labels(labels) | {"gen_ai_token_type": kind}
            if cells[cell]:
                lines.append(f"gen_ai_client_token_usage_total{_braced(about)} {cells[cell]}")
    for name, (total, begin, help) in _TIMES.items():
        _head(lines, name, "histogram", help)
        for labels, cells in _by_route(answers).items():
            buckets = cells[begin : begin + BUCKETS]
            lines += _histogram(name, _route_labels(labels), buckets, cells[total] / 1e6)
    _state(lines, per_worker)
    for name, (help, value) in gauges.items():
        _head(lines, name, "gauge", help)
        lines.append(f"{name} {value:g}")
    return "\n".join(_once(lines)) + "\n"


def _state(lines: list[str], per_worker: Mapping[str, Rows]) -> None:
    for name, (cell, scale, help) in _WORKER.items():
        _head(lines, name, "gauge", help)
        for worker, rows in sorted(per_worker.items()):
            for labels, cells in rows.items():
                if labels[0] == "worker":
                    lines.append(f"{name}{_braced({'worker': worker})} {round(cells[cell] * scale, 3):.15g}")
    for name, (cell, kind, help) in _BREAKER.items():
        _head(lines, name, kind, help)
        for worker, rows in sorted(per_worker.items()):
            for labels, cells in sorted(rows.items()):
                if labels[0] == "breaker":
                    lines.append(f"{name}{_braced({'worker': worker, 'route': labels[1]})} {cells[cell]}")


def _by_route(answers: Rows) -> dict[Labels, tuple[int, ...]]:
    """Answers by region and route; outcomes are joined, so that a histogram has few series."""
    return measures.add_up({labels[:2]: cells} for labels, cells in answers.items() if labels[1])


def _histogram(name: str, about: dict[str, str], buckets: tuple[int, ...], total: float) -> Iterable[str]:
    seen = 0
    for bound, count in zip(BOUNDS, buckets, strict=False):
        seen += count
        yield f"{name}_bucket{_braced(about | {'le': f'{bound:.12g}'})} {seen}"
    yield f"{name}_bucket{_braced(about | {'le': '+Inf'})} {sum(buckets)}"
    yield f"{name}_sum{_braced(about)} {total:.6f}"
    yield f"{name}_count{_braced(about)} {sum(buckets)}"


def _route_labels(labels: Labels) -> dict[str, str]:
    partner, _, model = labels[1].partition("/")
    return {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": partner,
        "gen_ai_request_model": model,
        "region": labels[0],
    }


def _answer_labels(labels: Labels) -> str:
    names = ("region", "route", "tier", "outcome", "code")
    return _braced(dict(zip(names, labels, strict=True)))


def _braced(about: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in about.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _head(lines: list[str], name: str, kind: str, help: str) -> None:
    lines.append(f"# HELP {name} {help}")
    lines.append(f"# TYPE {name} {kind}")


def _once(lines: list[str]) -> Iterable[str]:
    """Without the heads of metrics that have no series, which a reader would report as empty."""
    for number, line in enumerate(lines):
        follows = lines[number + (2 if line.startswith("# HELP") else 1) :][:1]
        if not line.startswith("#") or (follows and not follows[0].startswith("#")):
            yield line
