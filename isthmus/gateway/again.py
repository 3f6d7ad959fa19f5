"""/v1/streams/{name}: GET takes a stream up where its caller lost it, DELETE stops it, in whichever worker it lives.

A name begins with the shard of the worker that holds the stream. A request that meets another worker is handed on
through that worker's own Unix socket, in a folder that only this user can enter. What is heard is what was shown
before: it passed every stage once. Source: WHATWG HTML section 9.2, Last-Event-ID.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from isthmus.core.errors import Refusal
from isthmus.core.exchange import Exchange
from isthmus.gateway.door import Door
from isthmus.gateway.head import Request
from isthmus.gateway.relay import Corridor, check_standing, meet
from isthmus.gateway.resume import Gone, Replay, last_seen

PREFIX = b"/v1/streams/"
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_HANDED = (b"authorization", b"last-event-id")
_PIECE = 64 << 10


def socket_path(run: Path, shard: str) -> Path:
    """Where a worker hears what others hand on to it."""
    return run / f"{shard}.sock"


async def take_up(c: Corridor, run: Path, request: Request, door: Door) -> bool:
    """Tell the rest of a stream, or stop it. Returns whether the connection may be kept.

    Raises Refusal missing_key, invalid_key, revoked_key, or not_found for a stream that is gone or another tenant's.
    """
    token = request.path[len(PREFIX) :].decode("ascii", "replace")
    shard, _, _ = token.partition(".")
    if shard != c.shard:
        return await _hand_on(socket_path(run, shard), request, door)
    standing = await meet(c, request)
    check_standing(c, Exchange("", standing.caller, 0.0))
    replay = c.replays.find(token, standing.caller.tenant)
    if replay is None:
        raise Refusal("not_found")
    if request.method == b"DELETE":
        replay.stop()
        door.write(b"HTTP/1.1 204 No Content\r\n%b\r\n" % (b"" if request.keep_alive else b"Connection: close\r\n"))
        return request.keep_alive
    try:
        missed = replay.after(last_seen(request.headers.get(b"last-event-id", b"")))
    except Gone:
        raise Refusal("not_found") from None
    if request.version != "1.1":
        raise Refusal("bad_request", reason="a stream is taken up over HTTP/1.1")
    door.write(_HEAD + _chunk(missed))
    await _follow(replay, door)
    door.write(b"0\r\n\r\n")
    return request.keep_alive


async def _follow(replay: Replay, door: Door) -> None:
    """Every later event, as it comes, until the last."""
    over = asyncio.get_running_loop().create_future()

    def hear(event: bytes, last: bool) -> None:
        if event:
            door.write(_chunk(event))
        if last and not over.done():
            over.set_result(None)

    leave = replay.follow(hear)
    try:
        await over
    finally:
        leave()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


async def _hand_on(path: Path, request: Request, door: Door) -> bool:
    """Let the worker that holds the stream answer; its bytes pass as they are."""
    if not path.stem.isalnum():
        raise Refusal("not_found")
    try:
        reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        raise Refusal("not_found") from None  # that worker is gone, and what it kept is gone with it
    try:
        handed = b"".join(b"%b: %b\r\n" % (name, request.headers[name]) for name in _HANDED if name in request.headers)
        asked = b"%b %b HTTP/1.1\r\nHost: inner\r\nConnection: close\r\n" % (request.method, request.path)
        writer.write(asked + handed + b"\r\n")
        while data := await reader.read(_PIECE):
            door.write(data)
    finally:
        writer.close()
    return False
