"""One kept connection to a replica's measures, over which it is asked again and again."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools


class Probe(asyncio.Protocol):
    """One kept connection to one replica's measures page."""

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = httptools.HttpResponseParser(self)  # it looks for its callbacks once, here
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body. Raises OSError when the connection ends first."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError
        self._body.clear()
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_message_complete(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionResetError())

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
