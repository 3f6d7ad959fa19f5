import asyncio

from isthmus.core.exchange import Caller
from isthmus.gateway.doors.inner import ask

CALLER = Caller("k7", "t", ("EU",), "EU")


def test_a_line_is_served_like_any_request_for_a_caller_who_is_known_already():
    seen = []

    async def serve(request, door):
        seen.append((request, request.caller))
        door.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        door.write(b'{"a":1}')
        door.finish(True)

    headers = {"isthmus-region": "EU", "isthmus-priority": "interactive"}
    assert asyncio.run(ask(serve, CALLER, headers, "/v1/embeddings", b"{}")) == (200, b'{"a":1}')
    request, caller = seen[0]
    assert caller is CALLER
    assert (request.method, request.path, request.body) == (b"POST", b"/v1/embeddings", b"{}")
    assert b"authorization" not in request.headers
    assert request.headers[b"isthmus-region"] == b"EU"
    assert request.headers[b"isthmus-priority"] == b"batch"


def test_nothing_written_is_a_failure_and_not_an_answer():
    async def serve(request, door):
        pass

    assert asyncio.run(ask(serve, CALLER, {}, "/v1/x", b"{}")) == (500, b"")
