"""The images door: /v1/images/generations, passed through with the region's duties.

The prompt meets every duty as a message does. A caller may not switch a partner's mark off: where the law wants marks
on pictures, the partner's is what carries them. A decision for images is compiled from the partners that make them
(`partners.schema.doing`) with modality "image"; where none is lawful, the refusal says so and cites it.
Source: OpenAI API reference, "Create image"; Ark, "Image generation".
"""

from __future__ import annotations

from typing import Literal

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld
from isthmus.gateway.doors.shape import decode, generic

PATH = b"/v1/images/generations"
KIND = "image"
MODALITY = "image"


class Asked(Withheld, msgspec.Struct):
    """An image request. One picture per request: each has a receipt of its own."""

    model: str
    prompt: str
    n: int | None = None
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    background: str | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    watermark: bool | None = None
    stream: bool | None = None


_asked = msgspec.json.Decoder(Asked)
_WORDS = ("size", "quality", "style", "background", "output_format", "response_format")
_LONGEST = 32


def read(body: bytes) -> bytes:
    """The request as a chat.completions body whose one message is the prompt. Raises Refusal bad_json or bad_field."""
    asked = decode(_asked, body)
    if not asked.prompt:
        raise Refusal("bad_field", field="prompt", reason="it must not be empty")
    if asked.n not in (None, 1):
        raise Refusal("bad_field", field="n", reason="one picture per request; send the request again for another")
    if asked.stream:
        raise Refusal("bad_field", field="stream", reason="pictures come whole")
    if asked.watermark is False:
        raise Refusal("bad_field", field="watermark", reason="a picture that a machine made keeps its maker's mark")
    chat: dict[str, object] = {"model": asked.model, "messages": [{"role": "user", "content": asked.prompt}]}
    for name in _WORDS:
        word = getattr(asked, name)
        if word is not None:
            if len(word) > _LONGEST:
                raise Refusal("bad_field", field=name, reason=f"at most {_LONGEST} characters")
            chat[name] = word
    return msgspec.json.encode(chat)


def write(answer: bytes, told: bytes) -> bytes:
    """The partner's pictures with `told`, the encoded `isthmus` object. A prompt that the partner rewrote is left out:
    it is text of a model that no stage has read.
    """
    document = generic(answer)
    data = [{name: each[name] for name in ("url", "b64_json") if each.get(name)} for each in document["data"]]
    body = {"created": document.get("created") or 0, "data": data, "usage": document.get("usage")}
    return msgspec.json.encode({**body, "isthmus": msgspec.Raw(told)})


def refusal(refused: Refusal, receipt: str = "") -> bytes:
    """OpenAI's error object."""
    return refused.encode()
