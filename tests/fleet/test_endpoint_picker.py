"""The endpoint picker protocol, over real gRPC: what Envoy says, and what it is told."""

import asyncio
import contextlib
import gc
import socket

import pytest

grpc = pytest.importorskip("grpc")
base = pytest.importorskip("envoy.config.core.v3.base_pb2")
mode = pytest.importorskip("envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2")
wire = pytest.importorskip("envoy.service.ext_proc.v3.external_processor_pb2")
service = pytest.importorskip("envoy.service.ext_proc.v3.external_processor_pb2_grpc")
health = pytest.importorskip("grpc_health.v1.health_pb2")
health_grpc = pytest.importorskip("grpc_health.v1.health_pb2_grpc")
room = pytest.importorskip("isthmus.fleet.endpoint_picker")

DUPLEX = mode.ProcessingMode.FULL_DUPLEX_STREAMED
BUFFERED = mode.ProcessingMode.BUFFERED
ADDRESS = "10.0.0.7:8000"


class Placed:
    address = ADDRESS

    def __init__(self):
        self.heard = []

    def first(self):
        self.heard.append("first")

    def done(self):
        self.heard.append("done")

    def lost(self):
        self.heard.append("lost")


class Places:
    """Says `answer`, and remembers what it was asked."""

    def __init__(self, answer=None):
        self.answer = answer or Placed()
        self.asked = []

    def place(self, body, caller, among):
        self.asked.append((body, caller, among))
        return self.answer


def headers(end=False, how=BUFFERED, answer=BUFFERED, subset=None, **extra):
    fields = {":path": "/v1/chat/completions", "authorization": "Bearer x", **extra}
    values = [base.HeaderValue(key=name, raw_value=value.encode()) for name, value in fields.items()]
    message = wire.ProcessingRequest(
        request_headers=wire.HttpHeaders(headers=base.HeaderMap(headers=values), end_of_stream=end),
        protocol_config=wire.ProtocolConfiguration(request_body_mode=how, response_body_mode=answer),
    )
    if subset is not None:
        message.metadata_context.filter_metadata[room.SUBSET_SPACE].update({room.SUBSET: subset})
    return message


def body(data, end=True):
    return wire.ProcessingRequest(request_body=wire.HttpBody(body=data, end_of_stream=end))


def answer_headers(status="200"):
    value = base.HeaderValue(key=":status", raw_value=status.encode())
    return wire.ProcessingRequest(response_headers=wire.HttpHeaders(headers=base.HeaderMap(headers=[value])))


def answer_body(data, end):
    return wire.ProcessingRequest(response_body=wire.HttpBody(body=data, end_of_stream=end))


@contextlib.asynccontextmanager
async def running(places):
    """A channel to a real server, and its health."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server, state = await room.listen(places, address)
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield channel, state
    finally:
        await server.stop(None)
        del server
        gc.collect()  # it says goodbye to its loop, which must still be there
        await asyncio.sleep(0)


def talk(places, *messages):
    """All answers to `messages`, through a real server and a real client."""

    async def said():
        for message in messages:
            yield message

    async def run():
        async with running(places) as (channel, _):
            return [answer async for answer in service.ExternalProcessorStub(channel).Process(said())]

    return asyncio.run(run())


def destination(answer, phase):
    (option,) = getattr(answer, phase).response.header_mutation.set_headers
    assert option.header.key == room.ENDPOINT
    assert answer.dynamic_metadata[room.SPACE][room.ENDPOINT] == option.header.raw_value.decode()
    return option.header.raw_value.decode()


def test_a_buffered_request_is_placed_at_its_body():
    places = Places()
    first, second = talk(places, headers(), body(b'{"messages":[]}'))
    assert first.WhichOneof("response") == "request_headers"
    assert not first.request_headers.response.header_mutation.set_headers
    assert destination(second, "request_body") == ADDRESS
    assert second.request_body.response.clear_route_cache
    assert places.asked == [(b'{"messages":[]}', b"Bearer x", None)]


def test_a_request_without_a_body_is_placed_at_its_headers():
    (only,) = talk(Places(), headers(end=True))
    assert destination(only, "request_headers") == ADDRESS


def test_a_streamed_request_is_placed_when_it_is_whole_and_goes_on_as_it_came():
    places = Places()
    text = b"x" * (room.PIECE + 10)
    first, *pieces = talk(places, headers(how=DUPLEX), body(text[:100], end=False), body(text[100:]))
    assert destination(first, "request_headers") == ADDRESS
    streamed = [each.request_body.response.body_mutation.streamed_response for each in pieces]
    assert b"".join(each.body for each in streamed) == text
    assert [each.end_of_stream for each in streamed] == [False, True]
    assert places.asked[0][0] == text


def test_trailers_end_a_streamed_request_too():
    trailers = wire.ProcessingRequest(request_trailers=wire.HttpTrailers())
    answers = talk(Places(), headers(how=DUPLEX), body(b"{}", end=False), trailers)
    kinds = [each.WhichOneof("response") for each in answers]
    assert kinds == ["request_headers", "request_body", "request_trailers"]
    assert not answers[1].request_body.response.body_mutation.streamed_response.end_of_stream


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("how", [BUFFERED, DUPLEX])
def test_without_a_place_the_client_is_told_at_once(status, how):
    answers = talk(Places(status), headers(how=how), body(b"{}"))
    assert answers[-1].immediate_response.status.code == status


@pytest.mark.parametrize("subset", [["10.0.0.1:1", "10.0.0.2:2"], "10.0.0.1:1, 10.0.0.2:2"])
def test_a_subset_that_envoy_names_is_handed_on(subset):
    places = Places()
    talk(places, headers(subset=subset), body(b"{}"))
    assert places.asked[0][2] == ["10.0.0.1:1", "10.0.0.2:2"]


def test_the_picker_hears_of_the_first_token_and_of_the_end():
    places = Places()
    rest = [answer_headers(), answer_body(b"a", end=False), answer_body(b"b", end=True)]
    answers = talk(places, headers(answer=DUPLEX), body(b"{}"), *rest)
    assert places.answer.heard == ["first", "first", "done"]
    pieces = [each.response_body.response.body_mutation.streamed_response for each in answers[-2:]]
    assert [(each.body, each.end_of_stream) for each in pieces] == [(b"a", False), (b"b", True)]


def test_an_error_of_the_replica_is_no_answer():
    places = Places()
    talk(places, headers(), body(b"{}"), answer_headers("502"))
    assert places.answer.heard == ["lost"]


def test_trailers_end_an_answer():
    places = Places()
    trailers = wire.ProcessingRequest(response_trailers=wire.HttpTrailers())
    talk(places, headers(), body(b"{}"), answer_headers(), answer_body(b"a", end=False), trailers)
    assert places.answer.heard == ["first", "done"]


def test_a_request_whose_answer_envoy_does_not_show_ends_with_its_stream():
    places = Places()
    talk(places, headers(), body(b"{}"))
    assert places.answer.heard == ["done"]


def test_a_mode_that_cannot_work_is_refused_with_those_that_can():
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        talk(Places(), headers(how=mode.ProcessingMode.STREAMED))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "FULL_DUPLEX_STREAMED" in caught.value.details()


def test_health_says_whether_requests_can_be_placed():
    async def run():
        seen = []
        async with running(Places()) as (channel, state):
            stub = health_grpc.HealthStub(channel)
            for ready in (False, True):
                await room.tell_health(state, ready=ready)
                asks = [health.HealthCheckRequest(service=name) for name in ("liveness", "readiness", room.NAME)]
                seen += [(await stub.Check(ask)).status for ask in asks]
        return seen

    yes, no = room.SERVING, room.NOT_SERVING
    assert asyncio.run(run()) == [yes, no, no, yes, yes, yes]
