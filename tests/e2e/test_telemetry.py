"""A whole node with a receiver of OpenTelemetry: as many spans as questions, and not a word of them."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import httpx
import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="isthmus[otel] is not installed")

from isthmus.core.clock import SystemClock
from isthmus.core.config import Config
from isthmus.device.engine import free_port
from isthmus.node import Node, prepare

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "web"))
from receiver import Receiver
from standin import StandIn

CANARY = "canary-9c41 about the sea"


def test_five_questions_are_five_spans_and_no_word_of_them_is_sent(tmp_path, monkeypatch):
    receiver = Receiver()
    serving = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    config = Config(home=tmp_path, port=free_port(), admin_port=free_port())
    key = prepare(config, SystemClock())
    with StandIn() as answers:
        node = Node(config, engine=answers.address, engine_key="k", model="played")
        node.start()
        try:
            node.wait_ready()
            node.wait_control()
            body = {"model": "auto", "messages": [{"role": "user", "content": CANARY}]}
            headers = {"authorization": f"Bearer {key}", "isthmus-region": "SG"}
            for _ in range(5):
                answer = httpx.post(f"{node.url}/v1/chat/completions", json=body, headers=headers, timeout=60)
                assert answer.status_code == 200
        finally:
            node.stop()  # what is left is sent before the control process ends
    receiver.shutdown()
    serving.join()
    receiver.server_close()
    assert len(receiver.spans) == 5
    assert {span.name for span in receiver.spans} == {"chat played"}
    assert receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points[0].count == 5
    assert not [body for body in receiver.raw if b"canary" in body]
    assert not [path for path in (tmp_path / "run").glob("*.log") if "canary" in path.read_text("utf-8")]
