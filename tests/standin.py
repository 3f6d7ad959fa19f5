"""A stand-in for closed partners, written from their public API references. Never used outside tests.

It speaks OpenAI chat, Responses, Anthropic Messages, Gemini and DashScope on loopback (standin_wires.py), each at its
own path, and counts its own tokens. A word in the last user message chooses what it does:

    plain (default)   answers "Hello from the stand-in."        tools      answers with a tool call
    echo              answers with the words it was sent         twotools   answers with two, of odd spacing
    say:TEXT          answers with TEXT                          reason     answers with reasoning first
    status:N          answers with HTTP status N                 hit        its own moderation stops the answer
    die:N             breaks off after N stream events           cut:N      breaks off after N bytes of its body
    stall:N           falls silent after N stream events         hang       accepts and never answers
    garbage           answers with bytes that are not its wire   badsse     a stream of garbage after two events
    nodone            ends a stream without its end mark         lying      announces more bytes than it sends
    empty             ends a stream before any content           drop       takes the request and closes
    error200          reports an error inside a 200 stream       wait       streams some events, then waits for `release`
    moderated, busy, quota, overloaded, caller                   refuses in the wire's own error shape
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from standin_wires import SECRET, UNKNOWN_MODEL, embeddings, image, script, speak, wire_of

REFUSALS = ("moderated", "busy", "quota", "overloaded", "caller")


class Metered:
    """What the stand-in would bill for one answer: `completion` grows with every event that left."""

    def __init__(self, model, prompt):
        self.model = model
        self.prompt = prompt
        self.completion = 0
        self.whole = False


class StandIn:
    """Runs on its own thread. `seen` holds every body it was sent, `paths` every path and its Authorization value,
    `heads` every request's headers, `meter` what each answer cost.
    """

    def __init__(self):
        self.seen = []
        self.paths = []
        self.heads = []
        self.meter = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.waiting = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def release(self):
        """Let a stream that waits go on."""
        self._loop.call_soon_threadsafe(self._released.set)

    @property
    def calls(self):
        return len(self.seen)

    @property
    def billed(self):
        """Tokens of all answers together: (prompt, completion)."""
        return sum(one.prompt for one in self.meter), sum(one.completion for one in self.meter)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self):
        self._stop = asyncio.Event()
        self._tasks = set()
        self._released = asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()[:2]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
                headers = {name.lower(): value for name, value in headers.items()}
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                path = lines[0].split(" ")[1]
                self.seen.append(body)
                self.heads.append(headers)
                self.paths.append((path, headers.get("authorization")))
                if not await self._answer(path, headers, body, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, path, headers, body, writer):
        if path.endswith("/embeddings"):
            if "input" not in body:
                return await plain(writer, 400, {"error": {"message": SECRET, "code": "MissingParameter"}})
            return await plain(writer, 200, embeddings(body))
        if path.endswith("/images/generations"):
            return await plain(writer, 200, image(body))
        wire = wire_of(path)
        model, texts, streamed, limit = wire.asked(body, path)
        if streamed is None:
            streamed = headers.get("x-dashscope-sse") == "enable"
        name, value = script(texts[-1])
        if name == "hang":
            await asyncio.Event().wait()
        if name == "drop":
            writer.transport.abort()
            return False
        if name == "status":
            return await plain(writer, int(value), {"error": {"message": SECRET, "code": "x"}})
        if model.startswith(UNKNOWN_MODEL):
            return await plain(writer, 404, wire.refusal("caller")[1])
        if name in REFUSALS:
            return await plain(writer, *wire.refusal(name))
        if name == "garbage":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n<html></h")
            return True
        if name == "lying":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}")
            return False
        speech = speak(texts, model, limit)
        metered = Metered(model, speech.prompt)
        self.meter.append(metered)
        if streamed:
            return await self._stream(name, value, (wire, speech, metered), writer)
        document = wire.whole(speech)
        metered.completion = speech.completion
        metered.whole = True
        if name == "cut":
            return await self._cut(writer, json.dumps(document).encode(), int(value))
        return await plain(writer, 200, document)

    async def _cut(self, writer, raw, at):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(raw))
        writer.write(raw[:at])
        await writer.drain()
        writer.transport.abort()
        return False

    async def _stream(self, name, value, speaking, writer):
        wire, speech, metered = speaking
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = list(wire.events(speech))
        left = int(value) if name == "cut" else None
        for number, (event, cost) in enumerate(events):
            if (name == "die" and number > int(value)) or (name == "empty" and number):
                await writer.drain()
                writer.transport.abort()
                return False
            if name == "error200" and number == 3:
                chunk(writer, wire.failure())
                writer.write(b"0\r\n\r\n")
                return True
            if name == "badsse" and number == 2:
                chunk(writer, b'data: {"choices": [<\n\n')
                writer.write(b"0\r\n\r\n")
                return True
            if name == "stall" and number == int(value):
                await writer.drain()
                await asyncio.Event().wait()
            if name == "wait" and number == 4:
                self.waiting.set()
                await self._released.wait()
            if left is not None and len(event) > left:
                if left:
                    chunk(writer, event[:left])
                await writer.drain()
                writer.transport.abort()
                return False
            if name == "nodone" and number == len(events) - 1:
                break
            chunk(writer, event)
            metered.completion += cost
            left = None if left is None else left - len(event)
        else:
            metered.whole = True
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


async def plain(writer, status, document):
    raw = json.dumps(document).encode()
    retry = b"Retry-After: 7\r\n" if status == 429 else b""
    writer.write(
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
        % (status, retry, len(raw), raw)
    )
    await writer.drain()
    return True


def chunk(writer, event):
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
