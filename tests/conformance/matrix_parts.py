"""One query through every translation and back, without a socket: what an official client sends goes through a caller's
door and a partner's dialect to the stand-in's wire, and the stand-in's bytes come all the way back to that client.
"""

import json
from importlib import import_module

from standin_wires import script, speak, wire_of

from isthmus.core.decision import Route
from isthmus.core.errors import Refusal
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.sse import DONE, EventReader
from isthmus.core.wire import decode_ask
from isthmus.gateway.doors import chat, messages, responses, responses_stream, sse
from isthmus.partners.finish import finish

PATHS = {
    "openai_chat": "/v1/chat/completions", "openai_loose": "/v1/chat/completions", "openai_responses": "/v1/responses",
    "anthropic": "/v1/messages", "gemini": "/v1beta/models",
    "dashscope": "/api/v1/services/aigc/text-generation/generation",
}  # fmt: skip
DIALECTS = tuple(PATHS)
DOORS = {
    "/v1/chat/completions": (chat, chat.Writer),
    "/v1/responses": (responses, responses_stream.Writer),
    "/v1/messages": (messages, messages.Writer),
}
ORIGIN = {"route": "p/m", "source": "partner", "badge": "P", "receipt": "w0-1-1", "label": ""}
# What the corridor tells a caller for each word of `judge`.
TOLD = {"retry": "upstream_busy", "elsewhere": "upstream_refused", "caller": "upstream_rejected",
        "moderated": "content_blocked"}  # fmt: skip


def route(dialect, **facts):
    return Route(
        name="p/m", partner="p", model="m", tier="partner", dialect=dialect, host="h", port=1, tls=False,
        path=PATHS[dialect], wire_model="wire-model", key_env="", rehearsal=False, badge="P", title="Model M",
        facts=facts,
    )  # fmt: skip


class Journey:
    """The translations of one caller and one partner. `sent` holds each body as the partner got it, in bytes."""

    def __init__(self, dialect, http, **facts):
        self.http = http  # the HTTP package that the caller's client is made with
        self.module = import_module(f"isthmus.partners.{dialect}")
        self.route = route(dialect, **facts)
        self.sent = []
        self.chats = []

    def client(self):
        return self.http.Client(transport=self.http.MockTransport(self.answer))

    def answer(self, request):
        door, writer = DOORS[request.url.path.removeprefix("/api/v3").replace("/v1/v1", "/v1")]
        try:
            return self._through(door, writer, request.read())
        except Refusal as refusal:
            return self.http.Response(refusal.row.status, content=door.refusal(refusal, "w0-1-1"))

    def _through(self, door, writer, body):
        told = door.read(body)
        self.chats.append(json.loads(told))
        ex = Exchange("w0-1-1", Caller("k", "t", ("EU",), "EU"), 0.0)
        ex.ask = decode_ask(told)
        sent = self.module.write_body(ex, self.route)
        self.sent.append(sent)
        path = self.route.path
        if hasattr(self.module, "path"):
            path = self.module.path(self.route, stream=ex.ask.stream)
        wire = wire_of(path)
        model, texts, _, limit = wire.asked(json.loads(sent), path)
        kind, _ = script(texts[-1])
        if kind in ("moderated", "busy", "quota", "overloaded", "caller"):
            status, document = wire.refusal(kind)
            if status != 200:
                return self._refused(status, document)
            return self._whole(door, body, json.dumps(document).encode())
        speech = speak(texts, model, limit)
        if ex.ask.stream:
            return self._stream(writer(body), wire, speech, kind)
        return self._whole(door, body, json.dumps(wire.whole(speech)).encode())

    def _refused(self, status, document):
        word = self.module.judge(status, json.dumps(document).encode())
        raise Refusal(TOLD[word], route="P", status=status, retry_after=1, category="partner", reason="")

    def _whole(self, door, asked, raw):
        answered = self.module.to_chat(raw) if hasattr(self.module, "to_chat") else raw
        typed = self.module.read_answer(answered)
        document = json.loads(answered)
        document["choices"][0]["finish_reason"] = finish(typed.choices[0].finish_reason)
        document["isthmus"] = ORIGIN
        return self.http.Response(
            200, content=door.write(json.dumps(document).encode(), asked), headers={"content-type": "application/json"}
        )

    def _stream(self, writer, wire, speech, kind):
        events = [event for event, _ in wire.events(speech)]
        if kind == "error200":
            events = [*events[:3], wire.failure()]
        out = sse.translate(writer, b": isthmus %b\n\n" % json.dumps(ORIGIN).encode())
        for event in self._canonical(EventReader().feed(b"".join(events))):
            out += sse.translate(writer, b"data: %b\n\n" % event)
        return self.http.Response(200, content=out, headers={"content-type": "text/event-stream"})

    def _canonical(self, events):
        """Canonical chunks as the corridor passes them on: nothing after an error, the origin in the last one."""
        reader = self.module.Reader(self.route) if hasattr(self.module, "Reader") else None
        usage = None
        found = [canonical for event in events for canonical in (reader.feed(event) if reader else [event])]
        for event in found:
            if event == DONE:
                if usage is not None:
                    yield json.dumps({**usage, "isthmus": ORIGIN}).encode()
                yield event
                return
            chunk = self.module.read_chunk(event)
            document = json.loads(event)
            if chunk.error is not None:
                said = Refusal("upstream_lost", route="P").body()
                yield json.dumps({**said, "isthmus": ORIGIN}).encode()
                return
            if chunk.choices and chunk.choices[0].finish_reason is not None:
                document["choices"][0]["finish_reason"] = finish(chunk.choices[0].finish_reason)
            if not chunk.choices:
                usage = document  # the last one counts, and it is told once
                continue
            yield json.dumps(document).encode()
