"""The picker beside somebody else's proxy: the endpoint picker protocol of the Gateway API Inference Extension, 1.0.

Envoy asks over gRPC (envoy.service.ext_proc.v3.ExternalProcessor) which replica a request goes to; the answer stands in
a header and in dynamic metadata. Source: kubernetes-sigs/gateway-api-inference-extension,
docs/proposals/004-endpoint-picker-protocol.

Rules of this room:
1. A request's place is decided once, when its whole body is known; a request without a body, at its headers.
2. Envoy may send bodies whole (BUFFERED) or in pieces, both ways at once (FULL_DUPLEX_STREAMED); pieces go back as they
   came. A plain STREAMED body is refused: its headers have left before the place is known.
3. Nobody ready: 503. Everybody full: 429. A subset that Envoy names is never left.
4. Nothing of a body is kept beyond its prefix keys, and none of it is written anywhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

import grpc
from envoy.config.core.v3 import base_pb2 as base
from envoy.extensions.filters.http.ext_proc.v3 import processing_mode_pb2 as mode
from envoy.service.ext_proc.v3 import external_processor_pb2 as wire
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as service
from envoy.type.v3 import http_status_pb2 as http_status
from google.protobuf.struct_pb2 import Struct
from grpc_health.v1 import health, health_pb2
from grpc_health.v1 import health_pb2_grpc as health_service

ENDPOINT = "x-gateway-destination-endpoint"
SUBSET_SPACE, SUBSET = "envoy.lb.subset_hint", "x-gateway-destination-endpoint-subset"
SPACE = "envoy.lb"
NAME = "envoy.service.ext_proc.v3.ExternalProcessor"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
PIECE = 62_000  # bytes of a body that go back in one message; Envoy wants them below 64 KiB
LARGEST = 16 << 20  # bytes of a request's body that are looked at
_FULL_DUPLEX = mode.ProcessingMode.FULL_DUPLEX_STREAMED
_STREAMED = mode.ProcessingMode.STREAMED
_SERVER_ERROR = 500


class Placed(Protocol):
    """One request's place: told of the first token and of the end."""

    address: str

    def first(self) -> None: ...

    def done(self) -> None: ...

    def lost(self) -> None: ...


class Places(Protocol):
    """Who places requests. `body` is the request's own, `caller` keeps callers' prefixes apart, `among` are host:port.

    Returns 503 when no replica is ready, 429 when all are full.
    """

    def place(self, body: bytes, caller: bytes, among: Collection[str] | None) -> Placed | int: ...


class Conversation:
    """What passes about one HTTP request: messages of Envoy in, messages to it out. No I/O.

    Raises ValueError for a mode that cannot work.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._placed: Placed | None = None
        self._duplex = self._answer_duplex = False
        self._body = bytearray()
        self._caller = b""
        self._among: Collection[str] | None = None
        self._told = False  # the place was sent

    def hear(self, message: Any) -> Iterator[Any]:
        """What Envoy is told after `message`."""
        if message.HasField("protocol_config"):
            self._duplex = message.protocol_config.request_body_mode == _FULL_DUPLEX
            self._answer_duplex = message.protocol_config.response_body_mode == _FULL_DUPLEX
            if message.protocol_config.request_body_mode == _STREAMED:
                raise ValueError("request_body_mode: BUFFERED or FULL_DUPLEX_STREAMED")
        heard: Mapping[str, Callable[[Any], Iterator[Any]]] = {
            "request_headers": self._request_headers,
            "request_body": self._request_body,
            "request_trailers": self._request_trailers,
            "response_headers": self._response_headers,
            "response_body": self._response_body,
            "response_trailers": self._response_trailers,
        }
        yield from heard[message.WhichOneof("request")](message)

    def close(self, *, whole: bool) -> None:
        """The stream has ended; `whole` when Envoy ended it."""
        if self._placed is not None:
            (self._placed.done if whole else self._placed.lost)()
            self._placed = None

    def _request_headers(self, message: Any) -> Iterator[Any]:
        headers = _headers(message.request_headers)
        self._caller = headers.get("authorization", b"")
        self._among = _subset(message.metadata_context.filter_metadata)
        if message.request_headers.end_of_stream:
            yield self._decide("request_headers")
        elif not self._duplex:
            yield wire.ProcessingResponse(request_headers=wire.HeadersResponse())

    def _request_body(self, message: Any) -> Iterator[Any]:
        if len(self._body) < LARGEST:
            self._body += message.request_body.body
        if not self._duplex:
            yield self._decide("request_body")
        elif message.request_body.end_of_stream:
            yield from self._flush(end=True)

    def _request_trailers(self, message: Any) -> Iterator[Any]:
        if self._duplex:
            yield from self._flush(end=False)
        yield wire.ProcessingResponse(request_trailers=wire.TrailersResponse())

    def _flush(self, *, end: bool) -> Iterator[Any]:
        """The place, then the body as it came."""
        decided = self._decide("request_headers")
        yield decided
        if not self._told:
            return
        body = bytes(self._body)
        self._body.clear()
        for at in range(0, max(1, len(body)), PIECE):
            last = end and at + PIECE >= len(body)
            piece = wire.StreamedBodyResponse(body=body[at : at + PIECE], end_of_stream=last)
            common = wire.CommonResponse(body_mutation=wire.BodyMutation(streamed_response=piece))
            yield wire.ProcessingResponse(request_body=wire.BodyResponse(response=common))

    def _response_headers(self, message: Any) -> Iterator[Any]:
        status = int(_headers(message.response_headers).get(":status", b"0") or 0)
        if self._placed is not None and (status >= _SERVER_ERROR or message.response_headers.end_of_stream):
            self.close(whole=status < _SERVER_ERROR)
        yield wire.ProcessingResponse(response_headers=wire.HeadersResponse())

    def _response_body(self, message: Any) -> Iterator[Any]:
        if self._placed is not None:
            self._placed.first()
            if message.response_body.end_of_stream:
                self.close(whole=True)
        answer = wire.BodyResponse()
        if self._answer_duplex:
            came = message.response_body
            piece = wire.StreamedBodyResponse(body=came.body, end_of_stream=came.end_of_stream)
            answer = wire.BodyResponse(
                response=wire.CommonResponse(body_mutation=wire.BodyMutation(streamed_response=piece))
            )
        yield wire.ProcessingResponse(response_body=answer)

    def _response_trailers(self, message: Any) -> Iterator[Any]:
        self.close(whole=True)
        yield wire.ProcessingResponse(response_trailers=wire.TrailersResponse())

    def _decide(self, phase: str) -> Any:
        placed = self._places.place(bytes(self._body), self._caller, self._among)
        if isinstance(placed, int):
            status = http_status.HttpStatus(code=placed)
            return wire.ProcessingResponse(immediate_response=wire.ImmediateResponse(status=status))
        self._placed = placed
        self._told = True
        value = base.HeaderValue(key=ENDPOINT, raw_value=placed.address.encode())
        replace = base.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
        option = base.HeaderValueOption(header=value, append_action=replace)
        common = wire.CommonResponse(header_mutation=wire.HeaderMutation(set_headers=[option]), clear_route_cache=True)
        metadata = Struct()
        metadata.update({SPACE: {ENDPOINT: placed.address}})
        answer: dict[str, Any] = {
            "request_headers": wire.HeadersResponse(response=common),
            "request_body": wire.BodyResponse(response=common),
        }
        return wire.ProcessingResponse(dynamic_metadata=metadata, **{phase: answer[phase]})


class Processor(service.ExternalProcessorServicer):  # type: ignore[misc]
    """The gRPC service: one stream for each HTTP request."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def Process(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: N802 - gRPC's
        """Answer what Envoy says of one request, until it ends the stream."""
        talk = Conversation(self._places)
        whole = False
        try:
            async for message in requests:
                for answer in talk.hear(message):
                    yield answer
            whole = True
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        finally:
            talk.close(whole=whole)


async def listen(places: Places, address: str) -> tuple[Any, Any]:
    """The server, started on `address` (host:port), and its health; the server's `stop(grace)` ends it.

    Raises RuntimeError when the address is taken.
    """
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    service.add_ExternalProcessorServicer_to_server(Processor(places), server)
    state = health.aio.HealthServicer()
    health_service.add_HealthServicer_to_server(state, server)
    server.add_insecure_port(address)
    await server.start()
    await state.set("liveness", SERVING)
    return server, state


async def tell_health(state: Any, *, ready: bool) -> None:
    """Say whether requests can be placed (gRPC Health Checking Protocol, the services that the protocol names)."""
    for name in ("", "readiness", NAME):
        await state.set(name, SERVING if ready else NOT_SERVING)


def _headers(headers: Any) -> Mapping[str, bytes]:
    return {each.key.lower(): each.raw_value or each.value.encode() for each in headers.headers.headers}


def _subset(metadata: Mapping[str, Any]) -> Collection[str] | None:
    """The host:port pairs that Envoy allows; None when it names none."""
    if SUBSET_SPACE not in metadata or SUBSET not in metadata[SUBSET_SPACE].fields:
        return None
    value = metadata[SUBSET_SPACE].fields[SUBSET]
    if value.WhichOneof("kind") == "string_value":
        return [each.strip() for each in value.string_value.split(",") if each.strip()]
    return [each.string_value for each in value.list_value.values]
