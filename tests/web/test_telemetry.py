"""What OpenTelemetry's receiver gets: names and numbers of the house over real OTLP, and nothing that anybody wrote."""

from __future__ import annotations

import json
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="isthmus[otel] is not installed")

from isthmus import control
from isthmus.core import measures
from isthmus.core.clock import FakeClock
from isthmus.core.exchange import Attempt
from isthmus.core.wire import Usage
from isthmus.ledger.receipt import Law, Receipt
from isthmus.ledger.segments import Ledger
from isthmus.web import telemetry
from isthmus.web.telemetry import ATTRIBUTES, Telemetry, wanted

sys.path.insert(0, str(Path(__file__).parent))
from receiver import Receiver

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
AT = int(NOW.timestamp() * 1000)


@pytest.fixture
def receiver(monkeypatch):
    server = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def house(tmp_path, receiver):
    """A ledger, the counters of one worker, and what sends them."""
    ledger = Ledger.open(tmp_path / "ledger", "w0", FakeClock(NOW))
    sheet = measures.Sheet(tmp_path / "run" / "w0.cells")
    sending = Telemetry(tmp_path / "ledger", lambda: measures.read_all(tmp_path / "run"), "node-1")
    yield SimpleNamespace(ledger=ledger, sheet=sheet, sending=sending, receiver=receiver)
    sending.close()
    ledger.close()
    sheet.close()


def receipt(**fields):
    known = {
        "id": "w0-1-1", "at": AT, "key_id": "key-canary", "tenant": "tenant-canary", "regions": ("CN", "HK"),
        "feature": "summarize", "modality": "text", "event": "answer", "age": "minor-canary", "data": "personal",
        "content": "ordinary", "decision": "d1", "verdict": "serve", "outcome": "answered", "route": "doubao/pro",
        "partner": "doubao", "model": "pro", "tier": "partner", "label": "label-canary", "masks": {"phone": 2},
        "consent": "consent-canary", "usage": Usage(12, 34, 46), "stream": True, "finish": "stop",
        "us_first": 120_000, "us_whole": 900_000, "attempts": [Attempt("qwen/max", "busy"), Attempt("doubao/pro", "answered")],
    }  # fmt: skip
    return Receipt(**(known | fields))


def send(house, *entries):
    for entry in entries:
        house.ledger.append(entry)
    house.ledger.flush()
    house.sending.look()
    house.sending.flush()


def told(span):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def test_a_receipt_becomes_one_span_with_the_conventions_names_and_the_receipts_times(house):
    send(house, receipt())
    (span,) = house.receiver.spans
    assert span.name == "chat pro"
    assert span.kind == span.SPAN_KIND_CLIENT
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (AT * 10**6, AT * 10**6 + 900_000_000)
    said = told(span)
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "doubao"
    assert said["gen_ai.request.model"] == "pro"
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (12, 34)
    assert [each.string_value for each in said["gen_ai.response.finish_reasons"].values] == ["stop"]
    assert said["gen_ai.response.time_to_first_chunk"] == 0.12
    assert said["isthmus.region"] == "CN+HK"
    assert said["isthmus.receipt"] == "w0-1-1"
    assert (said["isthmus.attempts"], said["isthmus.masked"], said["isthmus.labelled"]) == (2, 2, True)
    assert "error.type" not in said


def test_a_refusal_names_its_code_and_no_partner_and_a_broken_answer_is_an_error(house):
    nobody = {"route": "", "partner": "", "model": "", "tier": "", "usage": None}
    send(
        house,
        receipt(id="w0-1-1", outcome="refused", refusal="no_lawful_route", us_first=0, **nobody),
        receipt(id="w0-1-2", outcome="interrupted", refusal="upstream_lost"),
    )
    refused, broken = house.receiver.spans
    assert told(refused)["error.type"] == "no_lawful_route"
    assert refused.kind == refused.SPAN_KIND_INTERNAL
    assert refused.status.code == refused.status.STATUS_CODE_UNSET
    assert not {"gen_ai.provider.name", "isthmus.route"} & set(told(refused))
    assert told(broken)["error.type"] == "upstream_lost"
    assert broken.status.code == broken.status.STATUS_CODE_ERROR


def test_nothing_is_sent_that_the_table_does_not_list(house):
    send(house, receipt(), receipt(id="w0-1-2", outcome="refused", refusal="content_blocked", blocked="violence"))
    for span in house.receiver.spans:
        assert set(told(span)) <= set(ATTRIBUTES)
        assert not span.events
    sent = b"".join(house.receiver.raw)
    assert b"doubao" in sent
    assert b"canary" not in sent


def test_no_attribute_reads_who_asked():
    fields = {"key_id", "tenant", "age", "consent", "label", "withdrawn", "notices"}
    plain = receipt()
    marked = receipt(key_id="k", tenant="t", age="a", consent="c", withdrawn="w", notices=9, label="another")
    assert telemetry.attributes(plain) == telemetry.attributes(marked), fields


def test_measurements_carry_the_conventions_names_units_and_boundaries(house):
    send(house, receipt())
    metrics = house.receiver.metrics
    duration = metrics["gen_ai.client.operation.duration"]
    assert duration.unit == "s"
    (point,) = duration.histogram.data_points
    assert list(point.explicit_bounds) == [
        0.01,
        0.02,
        0.04,
        0.08,
        0.16,
        0.32,
        0.64,
        1.28,
        2.56,
        5.12,
        10.24,
        20.48,
        40.96,
        81.92,
    ]
    assert (point.count, point.sum) == (1, 0.9)
    tokens = {
        told(point)["gen_ai.token.type"]: point.sum
        for point in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert tokens == {"input": 12, "output": 34}
    (first,) = metrics["gen_ai.server.time_to_first_token"].histogram.data_points
    assert first.sum == 0.12


def test_counters_are_those_of_the_workers(house):
    row = house.sheet.row("answers", "CN", "doubao/pro", "partner", "answered", "")
    house.sheet.cells[row + measures.COUNT] += 7
    house.sheet.cells[row + measures.UNLABELLED] += 1
    send(house, receipt())
    for name, value in (("isthmus.requests", 7), ("isthmus.unlabelled", 1)):
        (point,) = house.receiver.metrics[name].sum.data_points
        assert point.as_int == value
        assert told(point) == {
            "isthmus.region": "CN", "isthmus.route": "doubao/pro", "isthmus.tier": "partner", "isthmus.outcome": "answered",
        }  # fmt: skip
        assert house.receiver.metrics[name].sum.is_monotonic


def test_the_resource_names_the_house_its_version_and_the_node(house):
    send(house, receipt())
    got = next(each for each in house.receiver.got if hasattr(each, "resource_spans"))
    said = told(got.resource_spans[0].resource)
    assert (said["service.name"], said["service.instance.id"]) == ("isthmus", "node-1")
    assert said["service.version"]


def test_entries_that_are_no_answers_are_passed_over(house):
    send(house, Law("w0-1-9", 0, "d", "2026-11-22", "1"), receipt())
    assert len(house.receiver.spans) == 1


def test_a_share_of_spans_is_sent_when_the_sampler_says_so_and_measurements_stay_whole(tmp_path, receiver, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    ledger = Ledger.open(tmp_path, "w0", FakeClock(NOW))
    sending = Telemetry(tmp_path, dict, "node-1")
    send(SimpleNamespace(ledger=ledger, sending=sending), receipt())
    sending.close()
    ledger.close()
    assert receiver.spans == []
    assert receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points[0].count == 1


def test_a_receiver_that_is_away_costs_an_event_without_words_and_nothing_else(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    ledger = Ledger.open(tmp_path, "w0", FakeClock(NOW))
    sending = Telemetry(tmp_path, dict, "node-1")
    send(SimpleNamespace(ledger=ledger, sending=sending), receipt())
    sending.close()
    ledger.close()
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {(each["event"], len(each)) for each in events} == {("telemetry_failed", 3)}


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_it_is_on_when_opentelemetrys_own_variables_say_so(environ, on):
    assert wanted(environ) is on


def test_without_the_extra_the_control_process_says_so_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")

    def missing(*words):
        raise ImportError

    monkeypatch.setattr(control, "Telemetry", missing)
    assert control.telemetry(SimpleNamespace(home=tmp_path, rows={}, node="n")) is None
    assert json.loads(capsys.readouterr().err)["event"] == "telemetry_missing"


def test_the_page_about_measures_lists_what_is_sent_and_nothing_else():
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text("utf-8")
    named = set(re.findall(r"`((?:gen_ai|error|isthmus)\.[a-z_.]+)`", page))
    measured = {"gen_ai.client.operation.duration", "gen_ai.server.time_to_first_token", "gen_ai.client.token.usage"}
    assert named == set(ATTRIBUTES) | set(telemetry.COUNTED) | measured | {"isthmus.telemetry.skipped"}
