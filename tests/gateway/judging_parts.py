"""Moderation services as their vendors document them, a partner that speaks on command, and a caller at the real door.

The services are stand-ins: the real ones cannot be reached here. They speak HTTP/1.1 over real connections, keep them
open, and answer in the shapes of the vendors' references (OpenAI "Create moderation"; Alibaba Cloud TextModerationPlus;
Volcengine TextSliceRisk). What they judge is told by the words in `bad`.
"""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs

from corridor_parts import Heard, ending
from scripted import Net, Spoken, Transport, Wire, request_bytes

from isthmus.gateway.door import Doors
from isthmus.gateway.serve import body_limit
from isthmus.policy import services

PATIENCE = 20.0  # seconds after which a wait that nobody ends fails its test
KEYS = {
    "OPENAI_API_KEY": "k", "ALIBABA_CLOUD_ACCESS_KEY_ID": "a", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s",
    "VOLC_ACCESSKEY": "v", "VOLC_SECRETKEY": "w", "VOLC_TEXT_APP_ID": "77", "VOLC_TEXT_BIZTYPE": "chat",
}  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Watched:
    """Something that changes, and whoever waits for it."""

    def __init__(self):
        self._waiting = []

    def changed(self):
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def until(self, true):
        """Wait until `true()` is."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._waiting.append(asyncio.get_running_loop().create_future())
                await self._waiting[-1]


class Service(Watched):
    """One service. `seen` holds the texts it was asked about, `sides` what it was asked as (Aliyun alone tells), `left`
    how many calls ended before their answer. While `held` it answers nobody; `status` is what it answers with.
    """

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.tasks = set()
        self.forget()

    def forget(self):
        """Nothing was asked yet, and nothing is bad."""
        self.seen = []
        self.sides = []
        self.opened = 0
        self.left = 0
        self.bad = {}
        self.held = False
        self.status = 200

    async def begin(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def end(self):
        self._server.close()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._server.wait_closed()

    def release(self):
        self.held = False
        self.changed()

    async def _serve(self, reader, writer):
        self.opened += 1
        self.tasks.add(asyncio.current_task())
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            writer.close()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(lines["content-length"]))
        text = self._text(body)
        self.seen.append(text)
        self.changed()
        if self.held:
            gone = asyncio.ensure_future(reader.read(1))
            gone.add_done_callback(lambda _: self.changed())
            await self.until(lambda: gone.done() or not self.held)
            if gone.done():
                self.left += 1
                self.changed()
                return False
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        said = json.dumps(self._verdict([label for word, label in self.bad.items() if word in text])).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (self.status, len(said), said))
        return True

    def _text(self, body):
        if self.name == "openai":
            return json.loads(body)["input"]
        if self.name == "aliyun":
            form = parse_qs(body.decode())
            self.sides.append(form["Service"][0])
            return json.loads(form["ServiceParameters"][0])["content"]
        return json.loads(json.loads(body)["Parameters"])["text"]

    def _verdict(self, labels):
        if self.name == "openai":
            categories = {"hate": False, "violence": False, **dict.fromkeys(labels, True)}
            return {"id": "modr-1", "model": "omni", "results": [{"flagged": bool(labels), "categories": categories}]}
        if self.name == "aliyun":
            result = [{"Label": label, "Confidence": 95.0} for label in labels] or [{"Label": "nonLabel"}]
            return {"Code": 200, "Message": "OK", "Data": {"Result": result}}
        found = [{"Label": label, "Decision": "BLOCK"} for label in labels]
        data = {"Decision": "BLOCK" if labels else "PASS", "Results": [{"Labels": found}]}
        return {"ResponseMetadata": {}, "Result": {"Code": 0, "Message": "success", "Data": data}}


def write(home, name, port):
    """A service's own file, at the stand-in's address."""
    text = (services.FOLDER / f"{name}.toml").read_text("utf-8")
    lines = [f'url = "http://127.0.0.1:{port}/"' if line.startswith("url") else line for line in text.splitlines()]
    (home / "services").mkdir(exist_ok=True)
    (home / "services" / f"{name}.toml").write_text("\n".join(lines), "utf-8")


class Partner(Net, Watched):
    """A network on which every partner waits for what the test has it say."""

    def __init__(self, loop, clock):
        Watched.__init__(self)
        Net.__init__(self, loop, clock)

    def begin(self, loop, script):
        Net.begin(self, loop, script)
        self.lines = []

    async def create_connection(self, factory, host, port, **_):
        self.opened += 1
        protocol = factory()
        line = Line(self, protocol, host, port)
        protocol.connection_made(line)
        return line, protocol

    async def asked_for(self, count=1):
        """Wait for the `count`th question; then the connection it came on."""
        await self.until(lambda: len(self.lines) >= count)
        return self.lines[count - 1]


class Line(Transport):
    """One connection to a partner; each question on it is told."""

    def write(self, data):
        head, _, body = data.partition(b"\r\n\r\n")
        self._net.asked.append((*self._place, head, json.loads(body)))
        self._net.lines.append(self)
        self._net.changed()

    def set_protocol(self, protocol):
        """What is said comes whole: nobody sips."""

    def stream(self):
        self._protocol.data_received(HEAD)

    def say(self, *events):
        for event in events:
            if not self.closed:
                self._protocol.data_received(b"%x\r\n%b\r\n" % (len(event), event))

    def done(self):
        self.say(ending())
        if not self.closed:
            self._protocol.data_received(b"0\r\n\r\n")

    def answer(self, raw):
        self._protocol.data_received(raw)


class CallerWire(Wire, Watched):
    """The caller's transport, which tells what comes."""

    def __init__(self):
        Watched.__init__(self)
        Wire.__init__(self)

    def write(self, data):
        super().write(data)
        self.changed()


class Asking:
    """One caller's connection with one request on it."""

    def __init__(self, house, serve, text="hi", path="/v1/chat/completions", **fields):
        headers = {name.replace("_", "-"): fields.pop(name) for name in list(fields) if name.startswith("isthmus_")}
        body = {"model": "doubao", "messages": [{"role": "user", "content": text}], **fields}
        self.wire = CallerWire()
        self.door = Doors(house.loop, serve, body_limit)()
        self.door.connection_made(self.wire)
        self.door.data_received(request_bytes(body, house.key, headers, path=path))

    @property
    def out(self):
        return self.wire.out

    @property
    def text(self):
        """The content that came so far."""
        events = [line[6:] for line in self.out.split(b"\n") if line.startswith(b'data: {"')]
        deltas = [choice["delta"] for event in events for choice in json.loads(event).get("choices", ())]
        return "".join(delta.get("content") or "" for delta in deltas)

    async def shows(self, text):
        await self.wire.until(lambda: text in self.text)

    async def end(self):
        """Wait for the end of the answer; then what was heard."""
        async with asyncio.timeout(PATIENCE):
            if self.door.task is not None:
                await self.door.task.over()
        return Spoken(self.wire)

    async def heard(self):
        """The same, as a stream."""
        return Heard(await self.end())
