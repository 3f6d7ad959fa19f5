"""A voice: the real engine's words, and wires that misbehave."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from isthmus.core.errors import Refusal
from isthmus.device.task import Abort, Aborted, Prompt
from isthmus.device.voice import Said, Voice

HELLO = [{"role": "user", "content": "Say hello."}]


class Wire(http.server.ThreadingHTTPServer):
    """Answers with `status` and `events`; keeps bodies and headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.events, self.done = 200, [], True
        self.bodies: list[dict] = []
        self.seen: list[dict] = []

    def voice(self, **given: str) -> Voice:
        return Voice(f"http://127.0.0.1:{self.server_port}", "k", **given)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is the point of a test."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Wire

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.seen.append(dict(self.headers))
        self.send_response(self.server.status)
        self.end_headers()
        for event in self.server.events:
            data = event if isinstance(event, bytes) else b"data: " + json.dumps(event).encode() + b"\n\n"
            self.wfile.write(data)
        if self.server.done:
            self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def wire() -> Iterator[Wire]:
    server = Wire()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def heard(voice: Voice, prompt: Prompt | None = None, **given: object) -> tuple[list[str], Said]:
    work = voice.speak(prompt or Prompt(messages=HELLO, max_tokens=8), **given)
    pieces = []
    while True:
        try:
            pieces.append(next(work))
        except StopIteration as end:
            return pieces, end.value


def delta(content: str = "", finish: str | None = None, **more: object) -> dict:
    return {"choices": [{"delta": {"content": content, **more}, "finish_reason": finish}]}


@pytest.fixture
def real(engine):
    return Voice(f"http://{engine.host}:{engine.port}", engine.key, model=engine.name)


def test_the_engine_streams_text_with_probabilities_and_usage(real) -> None:
    pieces, said = heard(real)
    assert "".join(pieces) == said.text
    assert said.text
    assert len(said.logprobs) >= len(pieces) - 1
    assert all(number <= 0 for number in said.logprobs)
    assert said.usage["completion_tokens"] > 0


def test_the_engine_keeps_to_a_schema(real) -> None:
    shape = {
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": 99}},
        "required": ["n"],
        "additionalProperties": False,
    }
    _, said = heard(real, Prompt(messages=HELLO, max_tokens=40, schema=shape, temperature=0.5))
    assert isinstance(json.loads(said.text)["n"], int)


def test_the_engine_counts_tokens_exactly_and_a_gateways_are_estimated(real, wire) -> None:
    more = [*HELLO, {"role": "assistant", "content": "hello " * 20}]
    assert 0 < real.count(HELLO) < real.count(more)
    assert wire.voice(tier="private").count(more) > wire.voice(tier="private").count(HELLO) > 0
    assert wire.bodies == []


def test_an_abort_stops_the_engine_in_the_middle(real) -> None:
    signal = Abort()
    work = real.speak(Prompt(messages=HELLO, max_tokens=400, temperature=1.0), abort=signal)
    next(work)
    signal.abort()
    with pytest.raises(Aborted):
        list(work)
    with pytest.raises(Aborted):
        heard(real, abort=signal)


def test_tool_calls_are_put_together_from_their_pieces(wire) -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"city":'}}
    second = {"index": 0, "function": {"arguments": '"Bath"}'}}
    wire.events = [delta(tool_calls=[first]), delta(tool_calls=[second]), delta(finish="tool_calls")]
    tools = [{"type": "function", "function": {"name": "weather"}}]
    _, said = heard(wire.voice(tier="private"), Prompt(messages=HELLO, max_tokens=8, tools=tools))
    assert (said.calls[0].id, said.calls[0].name, said.calls[0].arguments) == ("c1", "weather", '{"city":"Bath"}')
    assert wire.bodies[0]["tools"] == tools
    assert said.finish == "tool_calls"


def test_a_gateway_hears_the_headers_and_its_object_is_kept(wire) -> None:
    wire.events = [delta("Hi"), {**delta(finish="stop"), "isthmus": {"badge": "Qwen"}}]
    _, said = heard(
        wire.voice(tier="partner", headers={"isthmus-region": "CN"}), headers={"isthmus-feature": "rewrite"}
    )
    assert said.about == {"badge": "Qwen"}
    sent = {name.lower(): value for name, value in wire.seen[0].items()}
    assert (sent["isthmus-region"], sent["isthmus-feature"], sent["authorization"]) == ("CN", "rewrite", "Bearer k")
    assert "logprobs" not in wire.bodies[0]


@pytest.mark.parametrize(("tier", "status", "code"), [
    ("partner", 403, "consent_required"), ("device", 403, "upstream_unavailable"), ("device", 400, "upstream_rejected"),
])  # fmt: skip
def test_an_error_is_the_gateways_own_and_an_engines_words_stay_away(wire, tier: str, status: int, code: str) -> None:
    wire.status, wire.done = status, False
    error = {"error": {"message": "Agree first.", "code": "consent_required", "isthmus": {"sheet": {}}}}
    wire.events = [json.dumps(error).encode()]
    with pytest.raises(Refusal) as refused:
        heard(wire.voice(tier=tier))
    assert refused.value.code == code
    assert ("Agree first." in refused.value.sentence()) == (tier == "partner")


def test_a_text_that_does_not_fit_the_model_is_told_in_words(wire) -> None:
    wire.status, wire.done = 400, False
    wire.events = [json.dumps({"error": {"code": 400, "message": "m", "type": "exceed_context_size_error"}}).encode()]
    with pytest.raises(Refusal) as refused:
        heard(wire.voice())
    assert refused.value.code == "usage"
    assert "longer than this device's model can read" in refused.value.sentence()


@pytest.mark.parametrize(("tier", "code"), [("private", "content_blocked"), ("device", "upstream_broken")])
def test_an_error_inside_a_stream_is_an_error(wire, tier: str, code: str) -> None:
    wire.events = [delta("Hi"), {"error": {"message": "Stopped.", "code": "content_blocked"}}]
    with pytest.raises(Refusal) as refused:
        heard(wire.voice(tier=tier))
    assert refused.value.code == code


def test_a_stream_without_its_end_is_lost_and_garbage_is_broken(wire) -> None:
    wire.events, wire.done = [delta("Hi")], False
    with pytest.raises(Refusal) as refused:
        heard(wire.voice())
    assert refused.value.code == "upstream_lost"
    wire.events = [b"data: {nonsense\n\n"]
    with pytest.raises(Refusal) as refused:
        heard(wire.voice())
    assert refused.value.code == "upstream_broken"
    wire.status, wire.events = 502, [b"<html>"]
    with pytest.raises(Refusal) as refused:
        heard(wire.voice(tier="partner"))
    assert refused.value.code == "upstream_unavailable"


def test_nobody_there_is_said_so(closed_port: int) -> None:
    with pytest.raises(Refusal) as refused:
        heard(Voice(f"http://127.0.0.1:{closed_port}", "k"))
    assert refused.value.code == "not_running"
    with pytest.raises(Refusal) as refused:
        Voice("ftp://x", "k")
    assert refused.value.code == "usage"


def test_an_engine_that_cannot_count_says_so(wire) -> None:
    wire.status, wire.done = 500, False
    with pytest.raises(Refusal) as refused:
        wire.voice().count(HELLO)
    assert refused.value.code == "upstream_unavailable"
