"""A small HTTP client for measuring: streamed chats, a connection each, with the time of their first content."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """One chat: seconds to its first content and to its end, its text, and what went wrong ("" when nothing did)."""

    ttft: float = 0.0
    total: float = 0.0
    text: str = ""
    failure: str = ""
    usage: dict[str, int] = field(default_factory=dict)
    kind: str = ""


class Client:
    """Chats at `host`:`port`. Engines close kept connections as they like, so none is kept."""

    def __init__(self, host: str, port: int, key: str, path: str = "/v1/chat/completions") -> None:
        self._host = host
        self._port = port
        self._head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {key}\r\n"

    async def chat(self, messages: list[dict[str, str]], *, tokens: int, model: str, priority: str = "") -> Outcome:
        """One streamed chat. Never raises for what the other side does."""
        out = Outcome(kind=priority)
        body = {"model": model, "messages": messages, "stream": True, "max_tokens": tokens, "temperature": 0}
        body["stream_options"] = {"include_usage": True}
        data = json.dumps(body).encode()
        extra = f"isthmus-priority: {priority}\r\n" if priority else ""
        head = f"{self._head}{extra}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        start = time.perf_counter()
        writer = None
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            writer.write(head.encode() + data)
            await self._read(reader, out, start)
        except (OSError, EOFError, ValueError, IndexError) as error:
            out.failure = out.failure or type(error).__name__
        finally:
            if writer is not None:
                writer.close()
        out.total = time.perf_counter() - start
        return out

    async def _read(self, reader: asyncio.StreamReader, out: Outcome, start: float) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = head[9:12].decode()
        if status != "200":
            size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            error = json.loads(await reader.readexactly(size))
            out.failure = f"{status} {error.get('error', {}).get('code', '')}"
            return
        rest = b""
        while size := int(await reader.readline(), 16):
            rest += await reader.readexactly(size)
            await reader.readexactly(2)
            *events, rest = rest.split(b"\n\n")
            for event in events:
                self._event(event, out, start)
        await reader.readexactly(2)
        if not out.text and not out.failure:
            out.failure = "empty"

    @staticmethod
    def _event(event: bytes, out: Outcome, start: float) -> None:
        data = event.partition(b"data: ")[2]
        if not data or data == b"[DONE]":
            return
        chunk = json.loads(data)
        if "error" in chunk:
            out.failure = f"event {chunk['error'].get('code', '')}"
        for choice in chunk.get("choices", ()):
            text = choice.get("delta", {}).get("content")
            if text:
                out.ttft = out.ttft or time.perf_counter() - start
                out.text += text
        if chunk.get("usage"):
            out.usage = chunk["usage"]


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of `values` lie; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
