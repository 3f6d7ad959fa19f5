"""Dialect "openai_images": a prompt in, pictures out. Spoken by OpenAI, Azure and Ark (Seedream).

The prompt is a message, so every duty on the way in sees it. A partner that marks its pictures goes on doing so: the
mark is switched on in words (`habits.mark` of its file) and no caller can switch it off.
Source: OpenAI API reference, "Create image"; Ark, "Image generation" (watermark).
"""

from __future__ import annotations

import msgspec

from isthmus.core.decision import Route
from isthmus.core.exchange import Exchange
from isthmus.partners.judge import judge
from isthmus.partners.openai_chat import BrokenAnswerError, head, path
from isthmus.partners.schema import Habits

__all__ = ("PASSED", "BrokenAnswerError", "head", "judge", "path", "read_pictures", "write_body")

PASSED = ("background", "output_format", "quality", "response_format", "size", "style")
MARK = "watermark"


class _Said(msgspec.Struct):
    content: str


class _Picture(msgspec.Struct):
    url: str | None = None
    b64_json: str | None = None


class Pictures(msgspec.Struct):
    """The answer: pictures by address or as base64."""

    data: list[_Picture]


_messages = msgspec.json.Decoder(list[_Said])
_pictures = msgspec.json.Decoder(Pictures)


def write_body(ex: Exchange, route: Route) -> bytes:
    """The partner's JSON body. The partner's own watermark is asked for wherever its file says it has the switch."""
    (said,) = _messages.decode(ex.rewritten or ex.ask.fields["messages"])
    body: dict[str, object] = {"model": route.wire_model, "prompt": said.content}
    body |= {name: ex.ask.fields[name] for name in PASSED if name in ex.ask.fields}
    if (route.facts.get("habits") or Habits()).mark:
        body[MARK] = True
    return msgspec.json.encode(body)


def read_pictures(body: bytes) -> Pictures:
    """The answer. Raises BrokenAnswerError, also when there is no picture in it."""
    try:
        answer = _pictures.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BrokenAnswerError from None
    if not answer.data or any(each.url is None and each.b64_json is None for each in answer.data):
        raise BrokenAnswerError
    return answer
