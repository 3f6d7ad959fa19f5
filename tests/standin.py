"""A stand-in for closed partners, written from the public OpenAI, Ark and DeepSeek API references. Never used outside tests.

It speaks the OpenAI chat wire on loopback. A word in the last user message chooses what it does:

    plain (default)   answers "Hello from the stand-in."        tools      answers with a tool call
    echo              answers with the words it was sent         reason     answers with reasoning_content first
    say:TEXT          answers with TEXT                          status:N   answers with HTTP status N
    die:N             breaks off after N stream events           garbage    answers with bytes that are not its wire
    hang              accepts and never answers                  error200   reports an error inside a 200 stream
    nodone            ends a stream without [DONE]               lying      announces more bytes than it sends
    empty             ends a stream before any content       drop       takes the request and closes
    wait              streams three events, then waits for `release` before the rest
"""

from __future__ import annotations

import asyncio
import json
import threading

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}


class StandIn:
    """Runs on its own thread. `seen` holds every body it was sent, `paths` every path and its Authorization value."""

    def __init__(self):
        self.seen = []
        self.paths = []
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
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                self.seen.append(body)
                self.paths.append((lines[0].split(" ")[1], headers.get("authorization")))
                if not await self._answer(body, reader, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, body, reader, writer):
        last = body["messages"][-1]["content"] or ""
        word = last.split(" ")[0] if isinstance(last, str) else "plain"
        name, _, value = word.partition(":")
        if name == "hang":
            await asyncio.Event().wait()
        if name == "drop":
            writer.transport.abort()
            return False
        if name == "status":
            return await plain(writer, int(value), {"error": {"message": "secret upstream text", "code": "x"}})
        if name == "garbage":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n<html></h")
            return True
        if name == "lying":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}")
            return False
        if body.get("stream"):
            return await self._stream(name, value, last, body, writer)
        message = {"role": "assistant", "content": said(name, value, last)}
        finish = "stop"
        if name == "tools":
            message, finish = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
        if name == "reason":
            message["reasoning_content"] = "Thinking."
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return await plain(writer, 200, {**frame(body, "chat.completion"), "choices": [choice], "usage": USAGE})

    async def _stream(self, name, value, last, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        deltas = [{"role": "assistant", "content": ""}]
        finish = "stop"
        if name == "tools":
            finish = "tool_calls"
            deltas.append({"tool_calls": [{"index": 0, **CALL, "function": {"name": "weather", "arguments": ""}}]})
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in ('{"ci', 'ty":"Par', 'is"}')
            ]
        else:
            if name == "reason":
                deltas.append({"reasoning_content": "Thinking."})
            text = said(name, value, last)
            deltas += [{"content": text[i : i + 3]} for i in range(0, len(text), 3)]
        for number, delta in enumerate(deltas):
            if (name == "die" and number > int(value)) or (name == "empty" and number):
                await writer.drain()
                writer.transport.abort()
                return False
            if name == "error200" and number == 3:
                chunk(writer, {"error": {"message": "secret upstream text", "code": "InternalServiceError"}})
                writer.write(b"0\r\n\r\n")
                return True
            if name == "wait" and number == 4:
                self.waiting.set()
                await self._released.wait()
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            chunk(writer, {**frame(body, "chat.completion.chunk"), "choices": [choice]})
        choice = {"index": 0, "delta": {}, "finish_reason": finish}
        chunk(writer, {**frame(body, "chat.completion.chunk"), "choices": [choice]})
        if body.get("stream_options", {}).get("include_usage"):
            chunk(writer, {**frame(body, "chat.completion.chunk"), "choices": [], "usage": USAGE})
        if name != "nodone":
            sse(writer, b"[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def said(name, value, last):
    if name == "say":
        return last[4:]
    if name == "echo":
        return last[5:]
    return "Hello from the stand-in."


def frame(body, kind):
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": body["model"]}


async def plain(writer, status, document):
    raw = json.dumps(document).encode()
    retry = b"Retry-After: 7\r\n" if status == 429 else b""
    writer.write(
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n%b"
        % (status, retry, len(raw), raw)
    )
    await writer.drain()
    return True


def chunk(writer, document):
    sse(writer, json.dumps(document).encode())


def sse(writer, data):
    event = b"data: %b\n\n" % data
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))
