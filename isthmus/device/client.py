"""A client of the gateway: ask, listen to a stream, give consent, read a receipt. Synchronous, standard library only.

Rules of this file. The gateway is reached over HTTP and nothing else. An error body becomes a Refusal with the
gateway's own code, sentence and extra object, so that a command ends as if it had refused itself. A stream that stops
without its end is an error, never a short answer. Questions and answers live in types that refuse to be printed by
accident.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from isthmus.core.errors import TABLE, Refusal
from isthmus.core.secret import Withheld
from isthmus.core.sse import DONE, EventReader, EventTooLargeError
from isthmus.core.wire import Usage

CONNECT_S = 5.0
ANSWER_S = 300.0
READ_SIZE = 1 << 14
GATEWAY = "The gateway"


class Refused(Refusal):
    """The gateway's own refusal: its sentence is kept, because its fields stayed there."""

    def __init__(self, code: str, sentence: str, extra: dict[str, Any] | None) -> None:
        super().__init__(code if code in TABLE else "upstream_broken", extra)
        self._sentence = sentence

    def sentence(self) -> str:
        return self._sentence


class Words(Withheld, msgspec.Struct):
    """A message of the answer, or one piece of it."""

    content: str | None = None
    reasoning_content: str | None = None


class Choice(Withheld, msgspec.Struct):
    """`message` in a whole answer, `delta` in a streamed one."""

    message: Words | None = None
    delta: Words | None = None
    finish_reason: str | None = None


class Error(msgspec.Struct):
    message: str = ""
    code: str | None = None
    isthmus: dict[str, Any] | None = None


class Body(Withheld, msgspec.Struct):
    """An answer, a chunk or an error, as far as this client reads it."""

    choices: list[Choice] = []
    usage: Usage | None = None
    isthmus: dict[str, Any] | None = None
    error: Error | None = None


class Reply(Withheld):
    """An answer: `text` and `reasoning` (content), `finish`, `usage`, and `isthmus`, the gateway's own object."""

    __slots__ = ("finish", "isthmus", "reasoning", "text", "usage")

    def __init__(self) -> None:
        self.text = ""
        self.reasoning = ""
        self.finish = ""
        self.usage = Usage()
        self.isthmus: dict[str, Any] = {}

    def take(self, body: Body) -> str:
        """Add one answer or chunk. Returns the text that came with it."""
        if body.error is not None:
            raise _refused(body.error)
        self.usage = body.usage or self.usage
        self.isthmus = body.isthmus or self.isthmus
        fresh = ""
        for choice in body.choices:
            words = choice.message or choice.delta or Words()
            fresh += words.content or ""
            self.reasoning += words.reasoning_content or ""
            self.finish = choice.finish_reason or self.finish
        self.text += fresh
        return fresh


class Streamed(Withheld):
    """A streamed answer: iterate over its pieces of text; afterwards `reply` is whole."""

    __slots__ = ("_connection", "_response", "_url", "reply")

    def __init__(self, url: str, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._url = url
        self._connection = connection
        self._response = response
        self.reply = Reply()

    def __iter__(self) -> Iterator[str]:
        """The pieces of text as they come. Raises Refusal, upstream_lost when the stream ends without its end."""
        reader = EventReader()
        try:
            while read := self._response.read1(READ_SIZE):
                for event in reader.feed(read):
                    if event == DONE:
                        return
                    if fresh := self.reply.take(msgspec.json.decode(event, type=Body)):
                        yield fresh
        except (OSError, http.client.HTTPException) as error:
            raise Refusal("upstream_lost", route=GATEWAY) from error
        except (msgspec.DecodeError, EventTooLargeError):
            raise Refusal("upstream_broken", route=GATEWAY) from None
        finally:
            self._response.close()
            self._connection.close()
        raise Refusal("upstream_lost", route=GATEWAY)


class Client:
    """The gateway at `url` (http or https, with host and port) for the owner of `key`.

    `headers` go with every request: isthmus-region, isthmus-feature, isthmus-age, isthmus-consent, accept-language.
    """

    def __init__(
        self, url: str, key: str, *, headers: Mapping[str, str] | None = None, timeout_s: float = ANSWER_S
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Refusal("usage", reason=f"{url} is no address of a gateway. It looks like http://127.0.0.1:8080.")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._timeout_s = timeout_s
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}

    def ask(self, messages: Sequence[Mapping[str, Any]], *, model: str = "auto", **fields: Any) -> Reply:
        """One answer, whole. `messages` and `fields` as in OpenAI's chat completions. Raises Refusal."""
        connection, response = self._send("POST", "/v1/chat/completions", _asked(messages, model, fields))
        reply = Reply()
        reply.take(self._decode(connection, response, Body))
        return reply

    def stream(self, messages: Sequence[Mapping[str, Any]], *, model: str = "auto", **fields: Any) -> Streamed:
        """The same, piece by piece. Raises Refusal now, or while the pieces are read."""
        body = _asked(messages, model, {"stream": True, "stream_options": {"include_usage": True}, **fields})
        connection, response = self._send("POST", "/v1/chat/completions", body)
        return Streamed(self.url, connection, response)

    def models(self) -> list[dict[str, Any]]:
        """What this key may ask for."""
        listed: dict[str, Any] = self._json("GET", "/v1/models")
        found: list[dict[str, Any]] = listed.get("data", [])
        return found

    def give_consent(self, **fields: Any) -> str:
        """Give consent (kind, recipient, region, feature, scope ... of POST /v1/consents). Returns its id."""
        return str(self._json("POST", "/v1/consents", msgspec.json.encode(fields))["id"])

    def receipt(self, identifier: str) -> dict[str, Any]:
        """One receipt of this key's tenant."""
        found: dict[str, Any] = self._json("GET", f"/v1/receipts/{identifier}")
        return found

    def _json(self, method: str, path: str, body: bytes | None = None) -> Any:
        return self._decode(*self._send(method, path, body), dict[str, Any])

    def _send(
        self, method: str, path: str, body: bytes | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=CONNECT_S)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Refusal("not_running", url=self.url) from error
        connection.sock.settimeout(self._timeout_s)
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._fail(error)
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            failed = self._decode(connection, response, Body)
            raise _refused(failed.error or Error())
        return connection, response

    def _decode(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, kind: Any) -> Any:
        try:
            return msgspec.json.decode(response.read(), type=kind)
        except (OSError, http.client.HTTPException) as error:
            self._fail(error)
        except msgspec.DecodeError:
            raise Refusal("upstream_broken", route=GATEWAY) from None
        finally:
            response.close()
            connection.close()

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, TimeoutError):
            raise Refusal("upstream_timeout", route=GATEWAY, limit=f"{self._timeout_s:g}") from error
        raise Refusal("upstream_lost", route=GATEWAY) from error


def _asked(messages: Sequence[Mapping[str, Any]], model: str, fields: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode({"model": model, "messages": list(messages), **fields})


def _refused(error: Error) -> Refusal:
    return Refused(
        error.code or "upstream_broken", error.message or "The gateway refused without a word.", error.isthmus
    )
