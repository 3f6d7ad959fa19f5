"""The client, against a gateway's words and against a gateway that misbehaves."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from isthmus.core.errors import Refusal
from isthmus.core.secret import ContentLeakError
from isthmus.device.client import Client, Reply, Streamed

ASK = [{"role": "user", "content": "hello"}]


class Gateway(http.server.ThreadingHTTPServer):
    """Answers every request with `status` and `pieces`, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.pieces: list[bytes] = []
        self.seen: list[tuple[str, str, dict, bytes]] = []
        self.silent = threading.Event()
        self.closing = threading.Event()
        self.cut = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is the point of some tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def says(self, document: object, status: int = 200) -> None:
        self.status = status
        self.pieces = [json.dumps(document).encode()]

    def streams(self, *events: object, done: bool = True) -> None:
        self.pieces = [b": isthmus\n\n", *(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)]
        self.pieces += [b"data: [DONE]\n\n"] if done else []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Gateway

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        if self.server.silent.is_set():
            self.server.closing.wait()
            return
        self.send_response(self.server.status)
        if self.server.cut:
            self.send_header("Content-Length", "100000")
        self.end_headers()
        for piece in self.server.pieces:
            self.wfile.write(piece)

    do_GET = do_POST = answer  # noqa: N815 - the names http.server looks for

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return Client(gateway.url, "sk-1", headers={"isthmus-region": "CN"})


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def test_an_answer_comes_with_its_text_its_usage_and_the_gateway_s_object(gateway: Gateway, client: Client) -> None:
    message = {"role": "assistant", "content": "hi", "reasoning_content": "hm"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    gateway.says({
        "choices": [{"message": message, "finish_reason": "stop"}], "usage": usage, "isthmus": {"route": "local/x"},
    })  # fmt: skip
    reply = client.ask(ASK, temperature=0)
    assert (reply.text, reply.reasoning, reply.finish) == ("hi", "hm", "stop")
    assert reply.usage.total_tokens == 4
    assert reply.isthmus == {"route": "local/x"}
    method, path, headers, body = gateway.seen[0]
    assert (method, path) == ("POST", "/v1/chat/completions")
    assert headers["authorization"] == "Bearer sk-1"
    assert headers["isthmus-region"] == "CN"
    assert json.loads(body) == {"model": "auto", "messages": ASK, "temperature": 0}


def test_a_stream_comes_in_pieces_and_ends_whole(gateway: Gateway, client: Client) -> None:
    gateway.streams(
        {"choices": [{"delta": {"role": "assistant"}}]},
        {"choices": [{"delta": {"reasoning_content": "hm"}}]},
        {"choices": [{"delta": {"content": "he"}}]},
        {"choices": [{"delta": {"content": "llo"}}]},
        {
            "choices": [{"delta": {}, "finish_reason": "stop"}],
            "usage": {"total_tokens": 9},
            "isthmus": {"receipt": "r1"},
        },
    )
    stream = client.stream(ASK)
    assert list(stream) == ["he", "llo"]
    assert (stream.reply.text, stream.reply.reasoning, stream.reply.finish) == ("hello", "hm", "stop")
    assert stream.reply.usage.total_tokens == 9
    assert stream.reply.isthmus == {"receipt": "r1"}
    assert json.loads(gateway.seen[0][3])["stream"] is True


def test_a_refusal_keeps_the_gateway_s_code_sentence_and_sheet(gateway: Gateway, client: Client) -> None:
    error = {"message": "Give consent first.", "code": "consent_required", "isthmus": {"sheet": {"title": "..."}}}
    gateway.says({"error": error}, 403)
    with pytest.raises(Refusal) as refused:
        client.ask(ASK)
    assert refused.value.code == "consent_required"
    assert refused.value.sentence() == "Give consent first."
    assert refused.value.extra == {"sheet": {"title": "..."}}
    assert refused.value.row.exit == 3
    assert refused.value.body()["error"]["message"] == "Give consent first."


def test_a_code_this_client_does_not_know_is_still_an_error(gateway: Gateway, client: Client) -> None:
    gateway.says({"error": {"message": "New.", "code": "from_the_future"}}, 418)
    assert code_of(lambda: client.ask(ASK)) == "upstream_broken"
    gateway.says({}, 500)
    assert code_of(lambda: client.ask(ASK)) == "upstream_broken"


def test_an_error_in_the_middle_of_a_stream_ends_it(gateway: Gateway, client: Client) -> None:
    gateway.streams(
        {"choices": [{"delta": {"content": "he"}}]}, {"error": {"message": "Broke off.", "code": "upstream_lost"}}
    )
    heard = []
    assert code_of(lambda: heard.extend(client.stream(ASK))) == "upstream_lost"
    stream = client.stream(ASK)
    assert next(iter(stream)) == "he"


def test_a_stream_without_its_end_is_an_error(gateway: Gateway, client: Client) -> None:
    gateway.streams({"choices": [{"delta": {"content": "he"}}]}, done=False)
    assert code_of(lambda: list(client.stream(ASK))) == "upstream_lost"


def test_a_stream_that_is_not_json_is_broken(gateway: Gateway, client: Client) -> None:
    gateway.pieces = [b"data: {nonsense\n\n"]
    assert code_of(lambda: list(client.stream(ASK))) == "upstream_broken"


def test_a_connection_that_dies_in_a_stream_is_lost(
    gateway: Gateway, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(_: int) -> bytes:
        raise ConnectionResetError

    gateway.streams({"choices": [{"delta": {"content": "he"}}]})
    stream = client.stream(ASK)
    monkeypatch.setattr(stream._response, "read1", dying)
    assert code_of(lambda: list(stream)) == "upstream_lost"


def test_an_answer_that_is_not_json_is_broken_and_a_short_one_lost(gateway: Gateway, client: Client) -> None:
    gateway.pieces = [b"<html>"]
    assert code_of(lambda: client.ask(ASK)) == "upstream_broken"
    gateway.cut = True
    assert code_of(lambda: client.ask(ASK)) == "upstream_lost"


def test_nobody_at_the_address_says_how_to_start() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(Refusal) as refused:
            Client(url, "k").models()
    assert refused.value.code == "not_running"
    assert url in refused.value.sentence()


def test_a_gateway_that_does_not_begin_to_answer_is_given_up(gateway: Gateway) -> None:
    gateway.silent.set()
    assert code_of(lambda: Client(gateway.url, "k", timeout_s=0.05).ask(ASK)) == "upstream_timeout"


@pytest.mark.parametrize("url", ["ftp://x", "127.0.0.1:8080", "http://", "file:///etc/passwd"])
def test_what_is_no_address_of_a_gateway_is_wrong_usage(url: str) -> None:
    assert code_of(lambda: Client(url, "k")) == "usage"


def test_https_is_spoken_where_the_address_says_so(gateway: Gateway) -> None:
    assert code_of(lambda: Client(gateway.url.replace("http:", "https:"), "k").models()) == "not_running"


def test_models_consents_and_receipts(gateway: Gateway, client: Client) -> None:
    gateway.says({"object": "list", "data": [{"id": "auto"}]})
    assert client.models() == [{"id": "auto"}]
    gateway.says({"id": "c1", "until": "2026-01-01"}, 201)
    assert client.give_consent(kind="separate", recipient="doubao") == "c1"
    gateway.says({"id": "r1"})
    assert client.receipt("r1") == {"id": "r1"}
    paths = [(method, path) for method, path, _, _ in gateway.seen]
    assert paths == [("GET", "/v1/models"), ("POST", "/v1/consents"), ("GET", "/v1/receipts/r1")]


def test_answers_refuse_to_be_printed(gateway: Gateway, client: Client) -> None:
    gateway.says({"choices": [{"message": {"content": "canary"}}]})
    reply = client.ask(ASK)
    assert isinstance(reply, Reply)
    assert "canary" not in repr(reply)
    with pytest.raises(ContentLeakError):
        str(reply)
    gateway.streams()
    stream = client.stream(ASK)
    assert isinstance(stream, Streamed)
    assert list(stream) == []
