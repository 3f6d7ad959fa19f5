"""Two other readers of HTTP/1.1, asked the same question: how many whole requests do these bytes hold?

h11 is python-hyper's; aiohttp reads with llhttp and its own checks. Each is asked in the way in which it says yes most
often: byte by byte, so that what stood before a mistake counts, and with an answer to each request, so that the next may
come. Their limits are set to ours, for a limit is a setting and no question of grammar.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import h11
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

HEAD = 32 << 10


def h11_accepts(data, *, step=1):
    """Requests that h11's server side takes whole before it refuses or closes."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD)
    whole = 0
    for at in range(0, len(data), step):
        connection.receive_data(data[at : at + step])
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    break
                if event is h11.PAUSED:
                    if connection.our_state is h11.MUST_CLOSE or connection.their_state is not h11.DONE:
                        return whole
                    connection.start_next_cycle()
                elif isinstance(event, h11.Request):
                    continue
                elif isinstance(event, h11.EndOfMessage):
                    whole += 1
                    _answer(connection)
                    if connection.our_state is h11.MUST_CLOSE or connection.their_state is h11.MUST_CLOSE:
                        return whole
                    connection.start_next_cycle()
        except h11.RemoteProtocolError:
            return whole
    return whole


def _answer(connection):
    # not 200, which would turn a connection into a tunnel after CONNECT
    connection.send(h11.Response(status_code=400, headers=[("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())


class _Loop:
    """aiohttp's stream reader wants a loop for its timeouts; none passes here."""

    def get_debug(self):
        return False


_PROTOCOL = SimpleNamespace(_reading_paused=False, pause_reading=lambda: None, resume_reading=lambda **_: None)
_LOOP = _Loop()


def aiohttp_accepts(data, *, step=1):
    """Requests that aiohttp's parser takes whole before it refuses or would close."""
    parser, begun, closing = _parser(), [], False
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    while pieces:
        piece = pieces.pop(0)
        try:
            messages, upgraded, tail = parser.feed_data(piece)
        except (HttpProcessingError, asyncio.IncompleteReadError):
            break
        for message, payload in messages:
            if not closing:
                begun.append(payload)
            closing = closing or message.should_close
        if upgraded:  # nobody takes the upgrade: the connection goes on as plain HTTP
            parser = _parser()
            if tail:
                pieces.insert(0, tail)
    return sum(1 for payload in begun if payload.is_eof() and payload.exception() is None)


def _parser():
    return HttpRequestParser(
        _PROTOCOL, _LOOP, 1 << 16, max_line_size=HEAD, max_headers=101, max_field_size=HEAD, auto_decompress=False
    )
