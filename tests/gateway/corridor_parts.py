"""What the corridor's tests share: a door that remembers, plans without law, and a reader of what was heard."""

import json

from isthmus.core.decision import Decision, Plan, Question, Route
from isthmus.core.exchange import Caller, Exchange
from isthmus.core.wire import decode_ask

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def route(name="local/m", **more):
    partner, _, model = name.partition("/")
    given = {
        "tier": "private", "dialect": "openai_chat", "host": "127.0.0.1", "port": 9, "tls": False,
        "path": "/v1/chat/completions", "wire_model": model, "key_env": "", "rehearsal": False,
        "badge": "Private tier", "title": partner,
    }  # fmt: skip
    return Route(name=name, partner=partner, model=model, **{**given, **more})


def plan(*on_event, at=None, on_request=(), awaited=(), on_response=()):
    return Plan(at or route(), (), (), tuple(on_request), tuple(awaited), tuple(on_event), tuple(on_response))


def exchange(chosen, *, stream=True, **fields):
    """An Exchange that stands before its first answer, with `chosen` as its only plan."""
    ex = Exchange("w0-1-1", Caller("k1", "demo", ("CN",), "CN"), 0.0)
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}
    ex.ask = decode_ask(json.dumps(body).encode())
    ex.stream = stream
    ex.plan = chosen
    ex.decision = Decision(Question(("CN",)), "serve", (chosen,), (), "digest0")
    return ex


class Door:
    """A door that remembers what was written, and how often and how it was finished."""

    def __init__(self):
        self.out = b""
        self.writes = 0
        self.finished = []
        self.reader = None
        self.late = None

    def write(self, data):
        self.out += data
        self.writes += 1

    def finish(self, keep_alive):
        self.finished.append(keep_alive)

    @property
    def status(self):
        return int(self.out.split(b" ", 2)[1])

    @property
    def head(self):
        """Header lines by lower-case name."""
        lines = self.out.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        return {name.lower().decode(): value.decode() for name, value in (line.split(b": ", 1) for line in lines)}

    @property
    def body(self):
        raw = self.out.partition(b"\r\n\r\n")[2]
        return dechunked(raw) if self.head.get("transfer-encoding") == "chunked" else raw

    @property
    def json(self):
        return json.loads(self.body)


def dechunked(raw):
    """A chunked body, which must end with its last chunk and nothing after it."""
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        piece, end, raw = raw[:length], raw[length : length + 2], raw[length + 2 :]
        assert len(piece) == length
        assert end == b"\r\n"
        body += piece
        if not length:
            assert not raw
            return body


class Heard:
    """A streamed answer as a caller understands it."""

    def __init__(self, door):
        blocks = door.body.decode().split("\n\n")
        assert blocks.pop() == ""
        self.comments = [block for block in blocks if block.startswith(":")]
        data = [block.removeprefix("data: ") for block in blocks if not block.startswith(":")]
        self.done = data[-1] == "[DONE]"
        self.events = [json.loads(each) for each in data if each != "[DONE]"]
        self.text = {}
        for event in self.events:
            for choice in event.get("choices", ()):
                self._take(choice["delta"])

    def _take(self, delta):
        for name in ("reasoning_content", "content"):
            if delta.get(name):
                self.text[name] = self.text.get(name, "") + delta[name]
        for call in delta.get("tool_calls", ()):
            name = f"tool:{call['index']}"
            self.text[name] = self.text.get(name, "") + call.get("function", {}).get("arguments", "")

    @property
    def last(self):
        return self.events[-1]

    @property
    def finish(self):
        return [c["finish_reason"] for e in self.events for c in e.get("choices", ()) if c.get("finish_reason")]


def event(document):
    return b"data: %b\n\n" % json.dumps(document, ensure_ascii=False).encode()


def delta(finish=None, **said):
    """One streamed event of a partner."""
    choice = {"index": 0, "delta": said, "finish_reason": finish}
    return event({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


def called(arguments, index=0, **more):
    """One tool call of a delta."""
    return {"index": index, "function": {"arguments": arguments, **more}}


def ending(finish="stop"):
    """How a partner ends: the finish event, the usage event, the end mark."""
    usage = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}
    return delta(finish) + event(usage) + b"data: [DONE]\n\n"


# -- stages, as duties make them ----------------------------------------------------------------------------


def upper(ex, channel, text, last):
    return text.upper()


def hold(count):
    """A stage that always keeps the last `count` characters back."""

    def on_event(ex, channel, text, last):
        text = ex.held.get((f"hold{count}", channel), "") + text
        shown = len(text) if last else max(0, len(text) - count)
        ex.held[f"hold{count}", channel] = text[shown:]
        return text[:shown]

    return on_event


def forbid(word, closing="[stopped]"):
    """A stage like moderation: nothing of `word` is shown, nothing after it, and a sentence closes the answer."""

    def on_event(ex, channel, text, last):
        if ex.blocked:
            return closing if last and channel == "content" else ""
        text = ex.held.get(("forbid", channel), "") + text
        at = text.find(word)
        if at >= 0:
            ex.blocked, ex.finish = "test.word", "content_filter"
            ex.held["forbid", channel] = ""
            return text[:at] + (closing if last and channel == "content" else "")
        kept = 0 if last else next(n for n in range(len(word) - 1, -1, -1) if text.endswith(word[:n]))
        ex.held["forbid", channel] = text[len(text) - kept :]
        return text[: len(text) - kept]

    return on_event
