"""Dialect "openai_embeddings": texts in, vectors out. Spoken by OpenAI, Azure, Ark, DashScope's compatible mode, vLLM.

The door makes each input a message, so every duty on the way in sees and may rewrite it; here the messages become the
input again. Nothing comes back that a person could read.
Source: OpenAI API reference, "Create embeddings".
"""

from __future__ import annotations

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.core.wire import Usage
from isthmus.partners.judge import judge
from isthmus.partners.openai_chat import BrokenAnswerError, head, path

__all__ = ("PASSED", "BrokenAnswerError", "head", "judge", "path", "read_vectors", "write_body")

PASSED = ("dimensions", "encoding_format")


class _Said(msgspec.Struct):
    content: str


class _Vector(msgspec.Struct):
    embedding: list[float] | str
    index: int = 0


class Vectors(msgspec.Struct):
    """The answer: one vector per input, in floats or base64, and what it cost."""

    data: list[_Vector]
    usage: Usage | None = None


_messages = msgspec.json.Decoder(list[_Said])
_vectors = msgspec.json.Decoder(Vectors)


def write_body(ex: Exchange, route: Route) -> bytes:
    """The partner's JSON body: the messages' texts as `input`, in order."""
    said = _messages.decode(ex.rewritten or ex.ask.fields["messages"])
    body: dict[str, object] = {"model": route.wire_model, "input": [each.content for each in said]}
    body |= {name: ex.ask.fields[name] for name in PASSED if name in ex.ask.fields}
    return msgspec.json.encode(body)


def read_vectors(body: bytes, count: int) -> Vectors:
    """The answer for `count` inputs. Raises BrokenAnswerError, also when vectors are missing or out of order."""
    try:
        answer = _vectors.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    if [each.index for each in answer.data] != list(range(count)):
        raise BrokenAnswerError
    return answer
