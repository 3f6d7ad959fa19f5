"""A voice is whatever answers on the OpenAI chat wire: the engine of this process, the node of this machine, a gateway.

Rules of this file. Answers are always streamed, so that work can be stopped at any word. A stream that stops without
its end is an error, never a short answer. The probabilities of the words are asked for, and used where they come.
Source: OpenAI API reference, "Create chat completion"; llama-server's README for /tokenize and /apply-template.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from collections.abc import Generator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.core.sse import DONE, EventReader, EventTooLargeError
from isthmus.device.chunks import tokens as estimate
from isthmus.device.client import CONNECT_S, READ_SIZE, Error, Refused
from isthmus.device.result import Source
from isthmus.device.task import Abort, Aborted, Message, Prompt

PATIENCE_S = 300.0


class _Function(Withheld, msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Withheld, msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Token(Withheld, msgspec.Struct):
    logprob: float = 0.0


class _Logprobs(Withheld, msgspec.Struct):
    content: list[_Token] | None = None


class _Delta(Withheld, msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Withheld, msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Chunk(Withheld, msgspec.Struct):
    choices: list[_Choice] = []
    usage: dict[str, Any] | None = None
    isthmus: dict[str, Any] | None = None
    error: Error | None = None


class _Engines(msgspec.Struct):
    """What an engine says of a request that it does not take; only its kind is read."""

    type: str = ""


class _Untaken(msgspec.Struct):
    error: _Engines = msgspec.field(default_factory=_Engines)


class Called(Withheld, msgspec.Struct):
    """A tool that the model wants: its name and its arguments as JSON text."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class Said(Withheld, msgspec.Struct):
    """One whole answer of a voice. `logprobs` are natural logarithms, one a token; `about` the gateway's own object."""

    text: str = ""
    finish: str = ""
    logprobs: list[float] = []
    calls: list[Called] = []
    usage: dict[str, int] = {}
    about: dict[str, Any] = {}


class Voice:
    """Whoever answers at `url` with `key`. `headers` go with every question; `model` is named in each.

    `tier` is whose model it is (device, private, partner), `source` where it computes, `badge` the words to show.
    `own` is true for an engine of this process: the region's law is then applied here, not by a gateway.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        model: str = "auto",
        tier: str = "device",
        source: Source = "on_device",
        badge: str = "On device",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refusal("usage", reason=f"{url} is no address of a gateway. It looks like http://127.0.0.1:8080.")
        self.url, self.model = f"{parts.scheme}://{parts.netloc}", model
        self.tier, self.source, self.badge = tier, source, badge
        self.own = tier == "device"
        self._tls, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}
        self._name = "The engine on this device" if self.own else "The gateway"

    def speak(
        self, prompt: Prompt, *, headers: Mapping[str, str] | None = None, abort: Abort | None = None
    ) -> Generator[str, None, Said]:
        """Ask, and yield the answer's text as it comes; the generator returns the whole.

        Raises Refusal (the gateway's own, or upstream_*) and Aborted.
        """
        abort = abort or Abort()
        abort.check()
        connection = self._connect()
        line: socket.socket = connection.sock  # kept: http.client lets go of it when the answer is the last one

        def cut() -> None:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

        abort.listen(cut)
        try:
            return (yield from self._listen(connection, self._body(prompt), headers or {}, abort))
        except (OSError, http.client.HTTPException) as error:
            abort.check()
            if isinstance(error, TimeoutError):
                raise Refusal("upstream_timeout", route=self._name, limit=f"{PATIENCE_S:g}") from error
            raise Refusal("upstream_lost", route=self._name) from error
        finally:
            abort.forget(cut)
            connection.close()

    def count(self, messages: list[Message]) -> int:
        """Tokens that `messages` take of the context: exact on the engine of this process, else an estimate."""
        if not self.own:
            return estimate("\n".join(str(message.get("content") or "") for message in messages)) + 8 * len(messages)
        rendered = self._post("/apply-template", {"messages": messages})["prompt"]
        return len(self._post("/tokenize", {"content": rendered, "parse_special": True})["tokens"])

    def _post(self, path: str, document: dict[str, Any]) -> Any:
        connection = self._connect()
        try:
            connection.request("POST", path, msgspec.json.encode(document), self._headers)
            with connection.getresponse() as response:
                raw = response.read()
                if response.status >= http.HTTPStatus.BAD_REQUEST:
                    raise self._refused(response.status, raw)
            return msgspec.json.decode(raw)
        except (OSError, http.client.HTTPException) as error:
            raise Refusal("upstream_lost", route=self._name) from error
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=CONNECT_S)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Refusal("not_running", url=self.url) from error
        connection.sock.settimeout(PATIENCE_S)
        return connection

    def _body(self, prompt: Prompt) -> bytes:
        fields: dict[str, Any] = {
            "model": self.model,
            "messages": prompt.messages,
            "max_tokens": prompt.max_tokens,
            "temperature": prompt.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.tier != "partner":
            fields |= {"logprobs": True, "top_logprobs": 1}
        if prompt.temperature:
            fields["seed"] = 7  # a second try differs from the first, and not from itself
        if prompt.schema is not None:
            shape = {"name": "answer", "schema": prompt.schema, "strict": True}
            fields["response_format"] = {"type": "json_schema", "json_schema": shape}
        if prompt.tools:
            fields["tools"] = prompt.tools
        return msgspec.json.encode(fields)

    def _listen(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str], abort: Abort
    ) -> Generator[str, None, Said]:
        connection.request("POST", "/v1/chat/completions", body, {**self._headers, **headers})
        with connection.getresponse() as response:
            if response.status >= http.HTTPStatus.BAD_REQUEST:
                raise self._refused(response.status, response.read())
            return (yield from self._events(response, abort))

    def _events(self, response: http.client.HTTPResponse, abort: Abort) -> Generator[str, None, Said]:
        said = Said()
        reader = EventReader()
        try:
            while read := response.read1(READ_SIZE):
                for event in reader.feed(read):
                    if event == DONE:
                        return said
                    abort.check()
                    fresh = self._take(said, msgspec.json.decode(event, type=_Chunk))
                    if fresh:
                        yield fresh
        except (msgspec.DecodeError, EventTooLargeError):
            raise Refusal("upstream_broken", route=self._name) from None
        abort.check()
        raise Refusal("upstream_lost", route=self._name)

    def _take(self, said: Said, chunk: _Chunk) -> str:
        if chunk.error is not None:
            raise self._told(chunk.error)
        said.about = chunk.isthmus or said.about
        if chunk.usage:
            said.usage = {name: value for name, value in chunk.usage.items() if isinstance(value, int)}
        fresh = ""
        for choice in chunk.choices:
            fresh += choice.delta.content or ""
            said.finish = choice.finish_reason or said.finish
            if choice.logprobs is not None:
                said.logprobs += [token.logprob for token in choice.logprobs.content or ()]
            for call in choice.delta.tool_calls or ():
                _add_call(said, call)
        said.text += fresh
        return fresh

    def _refused(self, status: int, raw: bytes) -> Refusal:
        try:
            error = msgspec.json.decode(raw, type=_Chunk).error if not self.own else None
        except msgspec.DecodeError:
            error = None
        if error is not None:
            return self._told(error)
        if self.own and _too_long(raw):
            reason = "The text is longer than this device's model can read at once. Shorten it, or name a gateway."
            return Refusal("usage", reason=reason)
        if status == http.HTTPStatus.BAD_REQUEST:
            return Refusal("upstream_rejected", route=self._name, status=status)
        return Refusal("upstream_unavailable", route=self._name, retry_after=1)

    def _told(self, error: Error) -> Refusal:
        if self.own:
            return Refusal("upstream_broken", route=self._name)
        words = error.message or "The gateway refused without a word."
        return Refused(error.code or "upstream_broken", words, error.isthmus)


def _too_long(raw: bytes) -> bool:
    try:
        return msgspec.json.decode(raw, type=_Untaken).error.type == "exceed_context_size_error"
    except msgspec.DecodeError:
        return False


def _add_call(said: Said, call: _Call) -> None:
    while len(said.calls) <= call.index:
        said.calls.append(Called())
    held = said.calls[call.index]
    held.id = call.id or held.id
    if call.function is not None:
        held.name += call.function.name or ""
        held.arguments += call.function.arguments or ""


__all__ = ["Aborted", "Called", "Said", "Voice"]
