"""An OTLP receiver on loopback (HTTP, protobuf): every body as it came, and decoded."""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TYPES = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Receiver(ThreadingHTTPServer):
    """`raw` are bodies, `got` what they say, `url` the endpoint to give."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.raw = []
        self.got = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def spans(self):
        return [
            s
            for got in self.got
            if hasattr(got, "resource_spans")
            for r in got.resource_spans
            for scope in r.scope_spans
            for s in scope.spans
        ]

    @property
    def metrics(self):
        """The newest of each name."""
        return {
            m.name: m
            for got in self.got
            if hasattr(got, "resource_metrics")
            for r in got.resource_metrics
            for scope in r.scope_metrics
            for m in scope.metrics
        }


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.headers["content-type"] == "application/x-protobuf"
        self.server.raw.append(body)
        self.server.got.append(TYPES[self.path].FromString(body))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        """Quiet."""
