"""The OpenAI chat wire, as far as Isthmus must read it.

Rule of this file: read typed, rewrite generic, splice when nothing changed. A request's top level is split into raw
fields once; only the fields a policy needs are decoded, strictly. Fields that Isthmus does not know stay raw and pass
on only when the partner's allow-list has them.
Source: OpenAI API reference, "Create chat completion" and "Streaming".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import msgspec

from isthmus.core.errors import Refusal
from isthmus.core.secret import Withheld


class PromptDetails(msgspec.Struct, omit_defaults=True):
    """Of the prompt's tokens, those that the partner read from its cache."""

    cached_tokens: int | None = None


class CompletionDetails(msgspec.Struct, omit_defaults=True):
    """Of the answer's tokens, those of its reasoning."""

    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one answer, in the partner's own count. The details are parts of the counts above them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Part(Withheld, msgspec.Struct):
    """One piece of a message's content; `text` for type "text", other types carry no text."""

    type: str
    text: str | None = None


class CalledFunction(Withheld, msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class ToolCall(Withheld, msgspec.Struct):
    function: CalledFunction | None = None
    index: int | None = None


Role = Literal["system", "developer", "user", "assistant", "tool", "function"]


class Message(Withheld, msgspec.Struct):
    """One message of the conversation. `prefix` and `partial` ask DeepSeek and Qwen to go on with it."""

    role: Role
    name: str | None = None
    prefix: bool | None = None
    partial: bool | None = None
    content: str | list[Part] | None = None
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None

    def texts(self) -> Iterator[str]:
        """Every text of this message: name, content, reasoning, tool arguments."""
        if self.name:
            yield self.name
        content = self.content
        if isinstance(content, str):
            yield content
        elif content is not None:
            for part in content:
                if part.text is not None:
                    yield part.text
        if self.reasoning_content:
            yield self.reasoning_content
        if self.tool_calls is not None:
            for call in self.tool_calls:
                if call.function is not None and call.function.arguments:
                    yield call.function.arguments


class StreamOptions(msgspec.Struct):
    include_usage: bool = False


class Ask(Withheld):
    """A decoded chat request: raw top-level fields, and the few that are read.

    `model`, `stream`, `include_usage`, `messages` are decoded; `fields` holds every top-level field as raw JSON.
    """

    __slots__ = ("fields", "include_usage", "messages", "model", "stream")

    def __init__(
        self, fields: dict[str, msgspec.Raw], model: str, messages: list[Message], stream: bool, include_usage: bool
    ) -> None:
        self.fields = fields
        self.model = model
        self.messages = messages
        self.stream = stream
        self.include_usage = include_usage

    def texts(self) -> Iterator[str]:
        """Every text of the question, in order."""
        for message in self.messages:
            yield from message.texts()

    def beside(self) -> Iterator[str]:
        """What else a model reads: parts of a message as it joins them, and every text of tools, formats and stops."""
        for message in self.messages:
            content = message.content
            if isinstance(content, list) and len(content) > 1:
                yield "".join(part.text for part in content if part.text is not None)
        for name in _READ_RAW:
            raw = self.fields.get(name)
            if raw is not None:
                yield from _strings(_generic.decode(raw))


class _Read(Withheld, msgspec.Struct):
    """The fields that are read, decoded in one pass."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None


_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_read = msgspec.json.Decoder(_Read)
_generic = msgspec.json.Decoder()
_NULL = msgspec.Raw(b"null")


def decode_ask(body: bytes) -> Ask:
    """The chat request in `body` (JSON bytes). Raises Refusal bad_json or bad_field; reasons never quote content."""
    try:
        fields = _top.decode(body)
        read = _read.decode(body)
        # A name given twice is read as its last value here, by others perhaps as its first: only what was read goes on.
        fields["messages"] = msgspec.Raw(msgspec.json.encode(_only_known(_generic.decode(fields["messages"]))))
        for name in _READ_RAW:
            if name in fields:
                fields[name] = msgspec.Raw(msgspec.json.encode(_generic.decode(fields[name])))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _objection(error) from None
    messages = read.messages
    if not messages:
        raise Refusal("bad_field", field="messages", reason="it must hold at least one message")
    if read.n is not None and read.n != 1:
        raise Refusal("bad_field", field="n", reason="one answer per request; send the request again for another")
    if _NULL in fields.values():
        # Some official clients (Ark's) send null for what the caller left out: null means absent.
        fields = {name: raw for name, raw in fields.items() if raw != _NULL}
    if any(isinstance(m.content, list) and any(part.type != "text" for part in m.content) for m in messages):
        # Nothing here can look into an image, a sound or a file yet, and what is not looked at does not leave.
        raise Refusal("bad_field", field="messages", reason="only text parts are taken yet")
    options = read.stream_options
    return Ask(fields, read.model, messages, read.stream is True, options is not None and options.include_usage)


# Fields beside the messages that hold texts; what was read of them is what goes on, too.
_READ_RAW = ("tools", "tool_choice", "response_format", "stop", "reasoning_effort")


def _strings(document: Any) -> Iterator[str]:
    """Every string of a JSON document, names included, in any depth and in no promised order."""
    waiting = [document]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            yield found
        elif isinstance(found, dict):
            waiting.extend(found)
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)


# What of a message goes on. Anything else would reach a partner unread: neither moderated nor masked.
_MESSAGE = frozenset(
    ("role", "name", "content", "reasoning_content", "tool_calls", "tool_call_id", "prefix", "partial")
)
_PART = frozenset(("type", "text", "image_url", "input_audio", "video_url", "file"))
_CALL = frozenset(("id", "type", "index", "function"))
_FUNCTION = frozenset(("name", "arguments"))


def _only_known(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`messages`, whose shape was checked, with their known fields only."""
    for message in messages:
        _keep(message, _MESSAGE)
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            _keep(part, _PART)
        for call in message.get("tool_calls") or ():
            _keep(call, _CALL)
            _keep(call.get("function") or {}, _FUNCTION)
    return messages


def _keep(found: dict[str, Any], known: frozenset[str]) -> None:
    if not known.issuperset(found):
        for name in found.keys() - known:
            del found[name]


_PLACE = re.compile(r" - at `\$\.?([a-z_]*)[^`]*`\Z")  # at the end: what a caller wrote may look like one
_NOTHING = ("Expected `str`, got `null`", "Expected `array`, got `null`")
_MISSING = re.compile(r"missing required field `([a-z_]+)`")


def _objection(error: Exception) -> Refusal:
    """Why the body cannot be read. msgspec's words name types, fields and offsets, and never quote content."""
    if not isinstance(error, msgspec.ValidationError):
        reason = str(error) if isinstance(error, msgspec.DecodeError) else "it is not UTF-8 or nested too deeply"
        return Refusal("bad_json", reason=reason)
    words = str(error)
    missing = _MISSING.search(words)
    if missing is not None and " - at " not in words:
        return Refusal("bad_field", field=missing[1], reason="it is required")
    place = _PLACE.search(words)
    if place is not None and words.startswith(_NOTHING) and " - at `$.messages[" not in words:
        return Refusal("bad_field", field=place[1], reason="it is required")
    if place is None or not place[1]:
        return Refusal("bad_json", reason="the top level must be an object")
    if words.startswith("Invalid enum value"):  # the only words of msgspec's that quote the caller
        words = "role is one of " + ", ".join(get_args(Role))
    return Refusal("bad_field", field=place[1], reason=words)


def rewrite_texts(raw_messages: bytes | msgspec.Raw, change: Callable[[str], str]) -> bytes:
    """`messages` as JSON with `change` applied to every text that Ask.texts() yields; all other fields stay."""
    messages = _generic.decode(raw_messages)
    for message in messages:
        if message.get("name"):
            message["name"] = change(message["name"])
        content = message.get("content")
        if isinstance(content, str):
            message["content"] = change(content)
        elif content is not None:
            for part in content:
                if isinstance(part.get("text"), str):
                    part["text"] = change(part["text"])
        if message.get("reasoning_content"):
            message["reasoning_content"] = change(message["reasoning_content"])
        for call in message.get("tool_calls") or ():
            function = call.get("function")
            if function is not None and function.get("arguments"):
                function["arguments"] = change(function["arguments"])
    return msgspec.json.encode(messages)


class Said(Withheld, msgspec.Struct):
    """What a model said, whole (a message) or in part (a delta)."""

    content: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(Withheld, msgspec.Struct):
    message: Said = msgspec.field(default_factory=Said)
    finish_reason: str | None = None


class Answer(Withheld, msgspec.Struct):
    """An unstreamed answer, as far as policies read it."""

    choices: list[Choice]
    usage: Usage | None = None


class ChunkChoice(Withheld, msgspec.Struct):
    delta: Said = msgspec.field(default_factory=Said)
    finish_reason: str | None = None


class Chunk(Withheld, msgspec.Struct):
    """One event of a streamed answer. `error` is set when a partner reports a failure inside a 200 stream."""

    choices: list[ChunkChoice] = []
    usage: Usage | None = None
    error: Any = None


class Origin(msgspec.Struct):
    """The `isthmus` object of every answer: who answered, under which decision, with what owed to the reader.

    `source` is device, private or partner. `badge` is the words to show. `receipt` finds the proof.
    """

    route: str
    model: str
    source: str
    badge: str
    rehearsal: bool
    region: str
    decision: str
    receipt: str
    label: str = ""
    label_at: str = ""
    notices: list[str] = []
    masked: dict[str, int] = {}
    blocked: str = ""
