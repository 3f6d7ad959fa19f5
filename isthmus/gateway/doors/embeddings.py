"""The embeddings door: /v1/embeddings. Each input is a message to the duties on the way in; vectors come back.

A decision for embeddings is compiled from the partners that make them (`partners.schema.doing`), by the same law as any
other; where none is lawful, the refusal says so and cites it.
Source: OpenAI API reference, "Create embeddings".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.gateway.doors.shape import decode, generic

PATH = b"/v1/embeddings"
KIND = "embedding"
MOST = 2048  # inputs of one request


class Asked(Withheld, msgspec.Struct):
    """An embeddings request. Token numbers are not taken: no duty can read them."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None


_asked = msgspec.json.Decoder(Asked)


def read(body: bytes) -> bytes:
    """The request as a chat.completions body, one message per input. Raises Refusal bad_json or bad_field."""
    asked = decode(_asked, body)
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if not texts or len(texts) > MOST or not all(texts):
        raise Refusal("bad_field", field="input", reason=f"1 to {MOST} texts, none of them empty")
    chat: dict[str, object] = {"model": asked.model, "messages": [{"role": "user", "content": text} for text in texts]}
    if asked.encoding_format is not None:
        chat["encoding_format"] = asked.encoding_format
    if asked.dimensions is not None:
        if not 1 <= asked.dimensions <= 1 << 14:
            raise Refusal("bad_field", field="dimensions", reason="it must be a number from 1 to 16384")
        chat["dimensions"] = asked.dimensions
    return msgspec.json.encode(chat)


def write(answer: bytes, told: bytes) -> bytes:
    """The partner's vectors with `told`, the encoded `isthmus` object; nothing else of the partner's passes."""
    document = generic(answer)
    data = [
        {"object": "embedding", "index": each.get("index", at), "embedding": each["embedding"]}
        for at, each in enumerate(document["data"])
    ]
    body = {"object": "list", "data": data, "model": document.get("model", ""), "usage": document.get("usage")}
    return msgspec.json.encode({**body, "isthmus": msgspec.Raw(told)})


def refusal(refused: Refusal, receipt: str = "") -> bytes:
    """OpenAI's error object."""
    return refused.encode()
