"""OpenTelemetry: one span and four measurements per receipt, and the house's counters, sent over OTLP (HTTP, protobuf).

Rules of this room:
1. The hot path pays nothing. The control process reads what workers wrote anyway: receipts at the ledger's end, and the
   counters of core.measures.
2. What is sent is one table of names, ATTRIBUTES: names of the house and numbers. Content is in no receipt; tenant,
   key, person and consent are in receipts and in no span.
3. It is on when OpenTelemetry's own variables name a receiver (OTEL_EXPORTER_OTLP_ENDPOINT or the one for traces or
   metrics); sampling, headers and certificates are its variables too.
4. A receiver that is away costs its own spans and nothing else.
Source: OpenTelemetry semantic conventions for generative AI (spans, metrics; in development); OTLP 1.x over HTTP.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from isthmus import __version__
from isthmus.core import log, measures
from isthmus.core.measures import Labels
from isthmus.ledger.follow import Follower
from isthmus.ledger.receipt import Receipt

ENDPOINTS = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)
# Partners whose name in the conventions is another; every other name is its own.
PROVIDERS = {
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "openai_responses": "openai",
    "qwen_native": "qwen",
}
Rows = Mapping[Labels, tuple[int, ...]]
_decode = msgspec.json.Decoder(Receipt).decode
_ANSWER = b'"kind":"answer"'


class Kept(NamedTuple):
    """One attribute of a span: what it is, and how a receipt says it; what is empty is left out."""

    about: str
    of: Callable[[Receipt], Any]


def operation(receipt: Receipt) -> str:
    """`gen_ai.operation.name`. A receipt does not tell embeddings from a chat, so both are `chat`."""
    return "chat" if receipt.modality == "text" else "generate_content"


ATTRIBUTES: dict[str, Kept] = {
    "gen_ai.operation.name": Kept("what was asked for", operation),
    "gen_ai.provider.name": Kept("who answered", lambda r: PROVIDERS.get(r.partner, r.partner)),
    "gen_ai.request.model": Kept("the model of the route", lambda r: r.model),
    "gen_ai.request.stream": Kept("whether it was streamed", lambda r: r.stream or None),
    "gen_ai.response.finish_reasons": Kept("why it ended", lambda r: (r.finish,) if r.finish else None),
    "gen_ai.response.time_to_first_chunk": Kept(
        "seconds to the first content", lambda r: r.us_first / 1e6 if r.stream and r.us_first else None
    ),
    "gen_ai.usage.input_tokens": Kept("the partner's count", lambda r: r.usage and r.usage.prompt_tokens),
    "gen_ai.usage.output_tokens": Kept("the partner's count", lambda r: r.usage and r.usage.completion_tokens),
    "error.type": Kept("the refusal's code", lambda r: r.refusal),
    "isthmus.attempts": Kept("routes that were tried", lambda r: len(r.attempts)),
    "isthmus.blocked": Kept("the category that moderation stopped", lambda r: r.blocked),
    "isthmus.decision": Kept("digest of the law that decided", lambda r: r.decision),
    "isthmus.estimated": Kept("whether tokens were estimated", lambda r: r.estimated or None),
    "isthmus.feature": Kept("the feature", lambda r: r.feature),
    "isthmus.labelled": Kept("whether the answer was labelled", lambda r: bool(r.label)),
    "isthmus.masked": Kept("how many details were masked", lambda r: sum(r.masks.values())),
    "isthmus.outcome": Kept("answered, refused, interrupted, aborted, failed", lambda r: r.outcome),
    "isthmus.receipt": Kept("the receipt's id, where everything else stands", lambda r: r.id),
    "isthmus.region": Kept("the law that bound", lambda r: "+".join(r.regions)),
    "isthmus.rehearsal": Kept("whether a stand-in answered", lambda r: r.rehearsal or None),
    "isthmus.route": Kept("the route", lambda r: r.route),
    "isthmus.tier": Kept("private or partner", lambda r: r.tier),
    "isthmus.verdict": Kept("what the law said", lambda r: r.verdict),
}
# The attributes that a measurement carries: few, so that series stay few.
MEASURED = (
    "gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "error.type", "isthmus.region",
    "isthmus.tier",
)  # fmt: skip
DURATION = measures.BOUNDS[10:24]  # 0.01, 0.02 ... 81.92 s, as the conventions advise
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = tuple(4**power for power in range(14))
# name -> (cell of a row of answers, unit, words)
COUNTED = {
    "isthmus.requests": (measures.COUNT, "{request}", "Exchanges that ended."),
    "isthmus.streams": (measures.STREAMED, "{request}", "Exchanges that were streamed."),
    "isthmus.masked": (measures.MASKED, "{detail}", "Details that were masked before anything left."),
    "isthmus.blocked": (measures.BLOCKED, "{request}", "Exchanges that moderation stopped."),
    "isthmus.unlabelled": (measures.UNLABELLED, "{request}", "Answers that owed a label and went without."),
}
_LABELS = ("isthmus.region", "isthmus.route", "isthmus.tier", "isthmus.outcome", "error.type")


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables name a receiver."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return not off and any(environ.get(name) for name in ENDPOINTS)


def attributes(receipt: Receipt) -> dict[str, Any]:
    """A span's attributes; nothing that is not in ATTRIBUTES."""
    found = {name: kept.of(receipt) for name, kept in ATTRIBUTES.items()}
    return {name: value for name, value in found.items() if value is not None and value != ""}


class Telemetry:
    """Sends what was written since the last look. `look` and `close` may block: they are called in a thread."""

    def __init__(self, ledger: Path, rows: Callable[[], Rows], node: str) -> None:
        """`ledger` is the ledger's folder, `rows` today's sum of the workers' counters, `node` this node's name.

        Raises ImportError without isthmus[otel].
        """
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, StatusCode

        named = os.environ.get("OTEL_SERVICE_NAME") or "isthmus"
        about = {"service.name": named, "service.version": __version__, "service.instance.id": node}
        resource = Resource.create(about)
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._tracers.get_tracer("isthmus", __version__)
        self._asked, self._alone, self._error = SpanKind.CLIENT, SpanKind.INTERNAL, StatusCode.ERROR
        self._rows = rows
        self._follower = Follower(ledger)
        self._instruments()
        hear()

    def look(self) -> None:
        """Take in what was written since the last look. Raises OSError."""
        for payload in self._follower.look():
            if _ANSWER in payload[:64]:
                self._span(_decode(payload))

    def close(self) -> None:
        """Send what is left, within the exporter's own time limits. Raises OSError."""
        self.look()
        self._tracers.shutdown()
        self._meters.shutdown()

    def flush(self) -> None:
        """Send now."""
        self._tracers.force_flush()
        self._meters.force_flush()

    def _instruments(self) -> None:
        meter = self._meters.get_meter("isthmus", __version__)
        histogram = meter.create_histogram
        self._whole = histogram(
            "gen_ai.client.operation.duration", "s", "Time of an answer.", explicit_bucket_boundaries_advisory=DURATION
        )
        self._first = histogram(
            "gen_ai.server.time_to_first_token", "s", "Time to content.", explicit_bucket_boundaries_advisory=FIRST
        )
        self._tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of an answer.", explicit_bucket_boundaries_advisory=TOKENS
        )
        for name, (cell, unit, words) in COUNTED.items():
            meter.create_observable_counter(name, [self._counted(cell)], unit, words)
        meter.create_observable_counter("isthmus.telemetry.skipped", [self._skipped], "By", "Receipts passed over.")

    def _counted(self, cell: int) -> Callable[[Any], Iterable[Any]]:
        from opentelemetry.metrics import Observation

        def observe(_options: Any) -> Iterable[Any]:
            for labels, cells in self._rows().items():
                if labels[0] == "answers" and cells[cell]:
                    named = zip(_LABELS, labels[1:], strict=False)
                    yield Observation(cells[cell], {name: value for name, value in named if value})

        return observe

    def _skipped(self, _options: Any) -> Iterable[Any]:
        from opentelemetry.metrics import Observation

        yield Observation(self._follower.skipped)

    def _span(self, receipt: Receipt) -> None:
        begun = receipt.at * 1_000_000
        span = self._tracer.start_span(
            f"{operation(receipt)} {receipt.model}".strip(),
            kind=self._asked if receipt.route else self._alone,  # where no route answered, nobody was asked
            start_time=begun,
        )
        if span.is_recording():  # a span that the sampler leaves out need not be described
            span.set_attributes(attributes(receipt))
            if receipt.outcome in ("failed", "interrupted"):
                span.set_status(self._error)
            span.end(begun + receipt.us_whole * 1000)
        about = {name: value for name in MEASURED if (value := ATTRIBUTES[name].of(receipt))}
        self._whole.record(receipt.us_whole / 1e6, about)
        if receipt.us_first:
            self._first.record(receipt.us_first / 1e6, about)
        if receipt.usage is not None:
            self._tokens.record(receipt.usage.prompt_tokens, about | {"gen_ai.token.type": "input"})
            self._tokens.record(receipt.usage.completion_tokens, about | {"gen_ai.token.type": "output"})


class Heard(logging.Handler):
    """What the library says of a receiver that is away becomes one event without its words."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            log.say("telemetry_failed")


def hear() -> None:
    """Take over the library's logger, once."""
    theirs = logging.getLogger("opentelemetry")
    theirs.propagate = False
    if not any(isinstance(each, Heard) for each in theirs.handlers):
        theirs.addHandler(Heard())
