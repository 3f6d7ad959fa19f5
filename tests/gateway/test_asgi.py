"""An ASGI app behind the door: one request in, one well-framed answer out."""

import asyncio
from types import SimpleNamespace

import pytest
from corridor_parts import Door

from isthmus.gateway.asgi import serve_asgi
from isthmus.gateway.head import parse_head

HEADERS = [(b"content-type", b"text/plain")]


def request(line="GET /a%20b?x=1 HTTP/1.1", body=b"", **fields):
    named = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    made = parse_head(f"{line}\r\nHost: h\r\n{named}\r\n".encode())
    made.body = body
    return made


def app(*bodies, status=200, headers=HEADERS, seen=None):
    """An app that answers with `bodies`, piece by piece."""

    async def run(scope, receive, send):
        if seen is not None:
            seen.append(SimpleNamespace(scope=scope, message=await receive()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for number, body in enumerate(bodies, start=1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})

    return run


def serve(run, asked):
    door = Door()
    return door, asyncio.run(serve_asgi(run, asked, door))


def test_the_scope_says_what_was_asked():
    seen = []
    serve(app(b"", seen=seen), request(body=b"hi", Cookie="a=b"))
    scope, message = seen[0].scope, seen[0].message
    assert (scope["type"], scope["method"], scope["http_version"], scope["scheme"]) == ("http", "GET", "1.1", "http")
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"x=1")
    assert (b"cookie", b"a=b") in scope["headers"]
    assert message == {"type": "http.request", "body": b"hi", "more_body": False}


def test_an_answer_of_known_length_keeps_the_connection():
    door, keep = serve(app(b"hello", headers=[*HEADERS, (b"content-length", b"5")]), request())
    assert keep
    assert (door.status, door.body) == (200, b"hello")
    assert "transfer-encoding" not in door.head


def test_an_answer_in_pieces_is_chunked():
    door, keep = serve(app(b"he", b"", b"llo"), request())
    assert keep
    assert door.head["transfer-encoding"] == "chunked"
    assert door.body == b"hello"


def test_an_old_caller_reads_until_the_connection_ends():
    door, keep = serve(app(b"he", b"llo"), request("GET / HTTP/1.0"))
    assert not keep
    assert door.head["connection"] == "close"
    assert door.body == b"hello"


def test_a_caller_that_closes_is_told_so():
    door, keep = serve(app(b"x"), request(Connection="close"))
    assert not keep
    assert door.head["connection"] == "close"


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_can_have_no_body_has_no_framing(status):
    door, keep = serve(app(b"", status=status, headers=[]), request())
    assert keep
    assert door.out.endswith(b"\r\n\r\n")
    assert "transfer-encoding" not in door.head


def test_a_head_request_gets_the_head_alone():
    door, keep = serve(app(b"he", b"llo"), request("HEAD / HTTP/1.1"))
    assert keep
    assert door.out.endswith(b"\r\n\r\n")


def test_a_status_without_a_name_is_still_an_answer():
    assert serve(app(b"", status=418), request())[0].status == 418


def test_an_app_that_stops_halfway_ends_the_connection():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"he", "more_body": True})

    assert serve(half, request())[1] is False


def test_who_waits_for_a_second_message_waits_until_the_caller_leaves():
    async def listen(scope, receive, send):
        await receive()
        await receive()

    async def leave():
        task = asyncio.ensure_future(serve_asgi(listen, request(), Door()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        return ended

    assert isinstance(asyncio.run(leave()), asyncio.CancelledError)
